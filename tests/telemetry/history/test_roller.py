"""Roll-ups are what a recount of reports gives, whatever came late, twice, merged or for another tenant, and whenever
the worker was killed; and what is read of them is what reports say."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from contextlib import contextmanager
from datetime import timedelta
from fractions import Fraction
from io import StringIO
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from devices.lifecycle import assignments
from devices.models import Assignment, Device
from telemetry.history import gaps, levels, roller, rollups, series, timing
from telemetry.history.rollups import DAY, HOUR
from telemetry.models import LateReport, Report, RollUp, RollUpMark
from tests.telemetry.reports import EPOCH, ms, now, save, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import World

START = 20_000 * DAY  # seconds since the epoch
NAMES = ["rpm", "Öl $.x", "rare"]
BUCKETS = 12

Key = tuple[int, int, int, int]


class Killed(Exception):
    pass


class Clock:
    hour = START + 5 * HOUR


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, world: World) -> Clock:
    clock = Clock()
    monkeypatch.setattr(roller, "_find_last_hour", lambda: clock.hour)
    monkeypatch.setattr(levels, "LEAST", 3)
    monkeypatch.setattr(series, "BUCKETS", BUCKETS)
    Assignment.objects.update(opened_at=EPOCH + timedelta(seconds=START - 40 * DAY))
    return clock


def at(milliseconds: int) -> Any:
    return EPOCH + timedelta(milliseconds=milliseconds)


def recount() -> dict[Key, dict[str, Any]]:
    """Return what each bucket has to say, of all reports."""
    found: dict[Key, dict[str, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    for row in Report.objects.order_by("at"):
        for name, value in row.data.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                for seconds in (HOUR, DAY):
                    start = ms(row.at) // 1000 // seconds * seconds
                    key = row.device_id, row.assignment_id or 0, seconds, start
                    found[key][name].append((ms(row.at), float(value)))
    return {key: {name: describe(points) for name, points in of.items()} for key, of in found.items()}


def describe(points: list[tuple[int, float]]) -> Any:
    times, numbers = [time for time, _ in points], [number for _, number in points]
    mean = pytest.approx(sum(numbers) / len(numbers), rel=1e-9, abs=1e-9)
    pauses = gaps.list_pauses(times)
    return len(points), min(numbers), max(numbers), numbers[-1], mean, times[0], times[-1], gaps.find_gaps(pauses)


def describe_stored(row: RollUp) -> Any:
    [bucket] = rollups.read_all([row.data])
    shown = {}
    for name, (n, sums) in bucket.sums.items():
        of = bucket.timings[n]
        shown[name] = (
            *(sums.reports, sums.low, sums.high, sums.last, sums.mean),
            *(of.first, of.last, timing.find_gaps(of)),
        )
    return shown


def check() -> int:
    """Compare all that stands; return how many buckets that are."""
    mark = RollUpMark.objects.first()
    if mark is None:
        return 0
    late = set(LateReport.objects.values_list("device_id", "hour"))

    def stands(key: Key) -> bool:
        device, _, seconds, start = key
        inside = mark.since <= start and start + seconds <= mark.rolled
        return inside and not any((device, hour) in late for hour in range(start, start + seconds, HOUR))

    expected = {key: of for key, of in recount().items() if stands(key)}
    stored = {(row.device_id, row.tenure, row.seconds, row.start): row for row in RollUp.objects.all()}
    standing = {key: describe_stored(row) for key, row in stored.items() if stands(key)}
    assert standing == expected
    return len(standing)


def check_read(device: Device, start: int, end: int) -> bool:
    """Compare what is read with all reports of it; return whether roll-ups were read."""
    scope, span = Report.objects.of(device), series.Span(at(start), at(end))
    read = series.read_series(scope, NAMES, span, device)
    if not read.bucket or read.bucket % HOUR:
        return False
    rows = scope.filter(at__gte=span.start, at__lt=span.end).order_by("at")
    for name in NAMES:
        points = [(ms(row.at), row.data[name]) for row in rows if type(row.data.get(name)) in (int, float)]
        buckets = defaultdict(list)
        for time, number in points:
            buckets[time // (read.bucket * 1000) * read.bucket * 1000].append(number)
        told = zip(read.times, read.values[name], read.low[name], read.high[name], strict=True)
        expected = {n: (sum(of) / len(of), min(of), max(of)) for n, of in buckets.items()}
        assert {n: of for n, *of in told if of[0] is not None} == {
            n: [pytest.approx(mean, rel=1e-9, abs=1e-9), low, high] for n, (mean, low, high) in expected.items()
        }
        pauses = gaps.list_pauses(time for time, _ in points)
        assert read.gaps[name] == gaps.find_gaps(pauses)
        assert read.longest_pause[name] == gaps.find_longest(pauses[-gaps.AROUND :])
    return True


class Play:
    """Do what happens, at random, of a seed."""

    def __init__(self, world: World, clock: Clock, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.world, self.clock, self.random, self.patch = world, clock, random.Random(seed), patch
        self.sent: list[tuple[Device, int]] = []

    def step(self) -> None:
        acts = {self.report: 8, self.report_late: 3, self.merge: 2, self.wait: 4, self.roll: 3, self.be_killed: 2}
        self.random.choices([*acts, self.hand_over], [*acts.values(), 0.7])[0]()

    def _save(self, device: Device, *times: int) -> None:
        save(*(timed(device, at(time), **self._make_values()) for time in times))
        self.sent += [(device, time) for time in times]

    def _make_values(self) -> dict[str, Any]:
        names = self.random.sample(NAMES, self.random.choice([1, 2, 2, 3]))
        values: dict[str, Any] = {
            name: self.random.choice([self.random.uniform(-1e9, 1e9), self.random.randint(-9, 9)]) for name in names
        }
        if self.random.random() < 0.2:
            values[self.random.choice(NAMES)] = self.random.choice(["text", True])
        return values

    def _choose_device(self) -> Device:
        device = self.random.choice([self.world.placed, self.world.foreign])
        device.refresh_from_db()
        return device

    def report(self) -> None:
        time, device = self.clock.hour * 1000 + self.random.randrange(HOUR * 1000), self._choose_device()
        pauses = self.random.choices([1_000, 1_000, 5_000, 30_000, 400_000], k=self.random.choice([1, 5, 40]))
        self._save(device, *accumulate(pauses, initial=time))

    def report_late(self) -> None:
        back = self.random.choice([HOUR, 6 * HOUR, 3 * DAY])
        self._save(self._choose_device(), self.clock.hour * 1000 - self.random.randrange(back * 1000))

    def merge(self) -> None:
        if self.sent:
            self._save(*self.random.choice(self.sent))

    def wait(self) -> None:
        self.clock.hour += self.random.choice([1, 1, 2, 5, 20]) * HOUR

    def roll(self) -> None:
        roller.roll(self.random.choice([0, 0, 60]))

    def be_killed(self) -> None:
        """Stop at whichever write, with the lease kept and run out: as `kill -9` leaves it."""
        left = self.random.randrange(1, 6)
        replace = roller._replace

        def fail(*args: Any) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Killed
            replace(*args)

        with self.patch.context() as patch:
            patch.setattr(roller, "_replace", fail)
            try:
                roller.roll(60)
            except Killed:
                RollUpMark.objects.update(worker="00000000-0000-0000-0000-000000000000", held_until=EPOCH)

    def hand_over(self) -> None:
        device = self._choose_device()
        groups = self.world.boise, self.world.anaheim
        group = groups[0] if device.group_id == groups[1].pk else groups[1]
        assignments.assign(device=device, group=group, name="Moved", model=None, by=self.world.owner)
        began = at(self.clock.hour * 1000 - self.random.randrange(DAY * 1000))
        Assignment.objects.filter(pk=str(device.assignment_id)).update(opened_at=began)


@pytest.mark.parametrize("seed", range(12))
def test_roll_ups_are_a_recount(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    play = Play(world, clock, seed, monkeypatch)
    standing = 0
    rolled = 0
    for n in range(60):
        play.step()
        if n % 4 == 0:
            standing = max(standing, check())
        if n % 3 == 0:
            device = play._choose_device()
            end = (clock.hour + HOUR) * 1000 + play.random.randrange(HOUR * 1000)
            width = play.random.choice([5 * HOUR, 2 * DAY, 9 * DAY]) * 1000 + play.random.randrange(HOUR * 1000)
            rolled += check_read(device, end - width, end)
    assert roller.roll(600)
    assert check() >= standing > 0
    assert not LateReport.objects.exists()
    assert rolled


def fill(world: World, hours: int = 60) -> None:
    """Store a report every ten minutes from START on."""
    save(*(timed(world.placed, at((START + n * 600) * 1000), rpm=n, load=n % 7) for n in range(6 * hours)))


def test_a_new_tenant_sees_no_sum_of_what_came_before(world: World, clock: Clock) -> None:
    fill(world)
    clock.hour = START + 3 * DAY
    assert roller.roll(60)
    device = world.placed
    span = series.Span(at(START * 1000), at((START + 3 * DAY) * 1000))
    assert series.read_series(Report.objects.of(device), ["rpm"], span, device).bucket % HOUR == 0
    assignments.assign(device=device, group=world.boise, name="Moved", model=None, by=world.owner)
    assert series.read_series(Report.objects.of(device), ["rpm"], span, device).times == []
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
        assert roller.roll(60)
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
        assert roller.roll(60)
        assert RollUp.objects.filter(start=clock.hour - 2 * HOUR).count() == 2
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
