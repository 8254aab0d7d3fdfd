"""Roll-ups are what a recount of reports gives, whatever came late, twice, merged or for another tenant, and whenever
the worker was killed; and what is read of them is what reports say."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import timedelta
from fractions import Fraction
from io import StringIO
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from devices.lifecycle import assignments
from devices.models import Assignment, Device
from telemetry.history import levels, packed_sums, packer, reports, roller, rollups, runs, series, states
from telemetry.history.rollups import DAY, HOUR
from telemetry.models import LateReport, PackedDay, Report, RollUp, RollUpMark
from tests.telemetry.history.play import BUCKETS, MOST_RUNS, START, Clock, Play, at, check, check_read, fill
from tests.telemetry.reports import EPOCH, now, save, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_django import Settings

    from tests.conftest import World


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, world: World, settings: Settings) -> Clock:
    clock = Clock()
    monkeypatch.setattr(roller, "_find_last_hour", lambda: clock.hour)
    monkeypatch.setattr(levels, "LEAST", 3)
    monkeypatch.setattr(roller, "UPGRADE", timedelta(seconds=-1))
    settings.PACK_AFTER_DAYS = 0
    for module in (series, states):
        monkeypatch.setattr(module, "BUCKETS", BUCKETS)
    Assignment.objects.update(opened_at=EPOCH + timedelta(seconds=START - 40 * DAY))
    return clock


@pytest.mark.parametrize("seed", range(12))
def test_sums_and_packed_days_are_a_recount(
    world: World,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    seed: int,
) -> None:
    settings.PACK_AFTER_DAYS = int(bool(seed % 4))
    monkeypatch.setattr(packed_sums, "DAYS_PART", 0)
    monkeypatch.setattr(packed_sums, "HOURS_PART", 0 if seed % 2 else 4)
    monkeypatch.setattr(packer, "PIECE", 20)
    monkeypatch.setattr(packer, "MOST_REPORTS", 150)
    monkeypatch.setattr(reports, "CHUNK", 10)
    monkeypatch.setattr(runs, "MOST_RUNS", MOST_RUNS)
    play = Play(world, clock, seed, monkeypatch)
    standing = rolled = 0
    for n in range(60):
        play.step()
        if n % 4 == 0:
            standing = max(standing, check(play.kept))
        if n % 3 == 0:
            device = play.choose_device()
            end = (clock.hour + HOUR) * 1000 + play.random.randrange(HOUR * 1000)
            width = play.random.choice([5 * HOUR, 2 * DAY, 9 * DAY]) * 1000 + play.random.randrange(HOUR * 1000)
            rolled += check_read(device, end - width, end, play.kept)
    clock.hour += 2 * DAY
    assert roller.roll(600)
    assert check(play.kept) >= standing > 0
    assert not LateReport.objects.exists()
    assert rolled
    assert PackedDay.objects.exists() == bool(settings.PACK_AFTER_DAYS)
    for device in (world.placed, world.foreign):
        device.refresh_from_db()
        check_read(device, (START - 5 * DAY) * 1000, (clock.hour + DAY) * 1000, play.kept)


def test_a_new_tenant_sees_no_sum_of_what_came_before(world: World, clock: Clock) -> None:
    fill(world)
    clock.hour = START + 3 * DAY
    assert roller.roll(60)
    device = world.placed
    span = series.Span(at(START * 1000), at((START + 3 * DAY) * 1000))
    assert series.read_series(device, ["rpm"], span).bucket % HOUR == 0
    assignments.assign(device=device, group=world.boise, name="Moved", model=None, by=world.owner)
    assert series.read_series(device, ["rpm"], span).times == []
    assert not RollUp.objects.of(device).exists()


def test_a_removed_devices_sums_go_with_it_and_do_not_come_back(world: World, clock: Clock) -> None:
    fill(world)
    clock.hour = START + 3 * DAY
    assert roller.roll(60)
    lease = roller.claim()
    assert lease
    LateReport.objects.create(device=world.placed, hour=START)
    gone = world.placed.pk
    assignments.detach_devices([gone])
    Device.objects.filter(pk=gone).delete()
    assert not RollUp.objects.filter(device_id=gone).exists()
    roller.sum_anew(lease, [gone], START, START + DAY, closed=clock.hour)
    assert not RollUp.objects.filter(device_id=gone).exists()


def test_one_worker_at_a_time(world: World, clock: Clock) -> None:
    fill(world)
    clock.hour = START + DAY
    lease = roller.claim()
    assert lease
    assert roller.claim() is None
    assert not roller.roll(60)
    RollUpMark.objects.update(held_until=EPOCH)
    assert roller.roll(60)
    before = RollUp.objects.count()
    with pytest.raises(roller.Lost):
        roller.sum_anew(lease, [world.placed.pk], START, START + HOUR, closed=clock.hour)
    assert RollUp.objects.count() == before


def test_what_is_not_summed_yet_is_read_from_reports(world: World, clock: Clock) -> None:
    fill(world)
    end = (START + 60 * HOUR) * 1000
    assert not check_read(world.placed, START * 1000, end)
    clock.hour = START + 60 * HOUR
    roller.roll(0)
    assert not check_read(world.placed, START * 1000, end)
    assert roller.roll(60)
    assert check_read(world.placed, START * 1000, end)


def test_days_are_recounted_on_demand(world: World, clock: Clock) -> None:
    fill(world)
    clock.hour = START + 3 * DAY
    assert roller.roll(60)
    Report.objects.filter(at__lt=at((START + DAY + HOUR) * 1000)).update(data={"rpm": 5})
    day = (EPOCH + timedelta(seconds=START)).date()
    call_command("recount_history", str(day), str(day), stdout=StringIO())
    assert mean_of(START) == 5 != mean_of(START + DAY)
    call_command("recount_history", str(day), str(day + timedelta(days=1)), device=world.placed.device_id)
    assert check()


def mean_of(day: int) -> float:
    [bucket] = rollups.read_all(RollUp.objects.filter(seconds=DAY, start=day).values_list("data", flat=True))
    return bucket.sums["rpm"][1].mean


@pytest.mark.parametrize(
    ("first", "last", "device", "why"),
    [
        ("2026-02-30", "2026-03-01", None, "is no day"),
        ("2026-03-02", "2026-03-01", None, "before the first"),
        ("2026-03-01", "2026-03-01", "nobody", "no device"),
    ],
)
@pytest.mark.usefixtures("clock")
def test_what_can_not_be_recounted_is_said(first: str, last: str, device: str | None, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        call_command("recount_history", first, last, device=device)


@pytest.mark.parametrize("numbers", [[1.7e308, 1.7e308, -5.0], [1.7e308] * 3, [5e-324, 5e-324], [2**53, 1, 0.5]])
def test_means_hold_whatever_the_size(numbers: list[float]) -> None:
    buckets = [rollups.sum_reports([(n, {"rpm": number})]) for n, number in enumerate(numbers)]
    texts = [rollups.write(bucket) for bucket in buckets if bucket]
    joined = rollups.join_buckets(rollups.read_all(texts)).sums["rpm"][1]
    expected = float(sum(map(Fraction, numbers)) / len(numbers))
    assert joined.mean == pytest.approx(expected, rel=1e-12)
    assert rollups.compute_mean(numbers) == pytest.approx(expected, rel=1e-12)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_ingest_goes_on_while_the_worker_is_held(
        self, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(world)
        clock.hour = START + 3 * DAY
        assert roller.roll(60)
        save(timed(world.placed, at((START + HOUR) * 1000 + 7), rpm=99))
        held, go, write_day = threading.Event(), threading.Event(), roller._write_day

        def hold(*args: Any) -> None:
            write_day(*args)
            held.set()
            assert go.wait(30)

        monkeypatch.setattr(roller, "_write_day", hold)
        with in_thread(roller.roll):
            assert held.wait(30)
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            save(timed(world.placed, at((START + HOUR) * 1000 + 9), rpm=100), timed(world.placed, now(), rpm=1))
            go.set()
        assert LateReport.objects.count() == 1
        assert roller.roll(60)
        assert check()

    def test_who_was_storing_when_the_hour_ended_is_waited_for(
        self, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(roller, "PATIENCE", 0.3)
        fill(world, hours=1)
        assert any(roller.roll(60) for _ in range(20))  # so short a patience a busy machine may exhaust by itself
        clock.hour += 3 * HOUR
        saved, go = threading.Event(), threading.Event()

        def store() -> None:
            with transaction.atomic():
                save(timed(world.placed, at((clock.hour - 2 * HOUR) * 1000), rpm=99))
                saved.set()
                assert go.wait(30)

        with in_thread(store):
            assert saved.wait(30)
            assert not roller.roll(60)
            assert RollUpMark.objects.get().rolled < clock.hour == RollUpMark.objects.get().until
            save(timed(world.foreign, at((clock.hour - 2 * HOUR) * 1000), rpm=98))
            go.set()
        assert not LateReport.objects.filter(device=world.placed).exists()
        assert LateReport.objects.filter(device=world.foreign).exists()
        assert any(roller.roll(60) for _ in range(20))
        assert RollUp.objects.filter(start=clock.hour - 2 * HOUR).count() == 2
        assert check()

    def test_who_writes_in_another_database_is_not_waited_for(
        self, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(roller, "PATIENCE", 0.3)
        fill(world, hours=1)
        of_server = connection.get_connection_params() | {"dbname": "postgres"}
        with psycopg.connect(**of_server) as other:
            other.execute("SELECT pg_current_xact_id()")
            assert any(roller.roll(60) for _ in range(20))
        assert check()


@contextmanager
def in_thread(act: Callable[[], object]) -> Iterator[None]:
    def run() -> None:
        try:
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join(30)
    assert not thread.is_alive()
