"""Packed days: what they take the place of, who sees them, and what comes late for them."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.db import connection, connections, transaction

from devices.lifecycle import assignments
from devices.models import Assignment, Device
from telemetry.attention import silence
from telemetry.dashboard import readings
from telemetry.history import functions, packer, reports, retention, roller, series
from telemetry.history.rollups import DAY
from telemetry.ingest import day_format, partitions, upserts
from telemetry.models import NO_TENURE, LateReport, PackedDay, Report, RollUp, RollUpMark
from tenants.models import Organisation
from tests.telemetry.history.play import Clock, at, check, list_stored
from tests.telemetry.reports import EPOCH, now, save, timed

if TYPE_CHECKING:
    from pytest_django import Settings

    from tests.conftest import World

START = 20_000 * DAY
HOUR_MS, DAY_MS = 3_600_000, DAY * 1000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, world: World, settings: Settings) -> Clock:
    clock = Clock()
    clock.hour = START + 10 * DAY
    monkeypatch.setattr(roller, "_find_last_hour", lambda: clock.hour)
    monkeypatch.setattr(roller, "UPGRADE", timedelta(seconds=-1))
    settings.PACK_AFTER_DAYS = 3
    Assignment.objects.update(opened_at=EPOCH + timedelta(seconds=START - 40 * DAY))
    return clock


def fill(device: Device, days: int = 6) -> None:
    """Store a report every hour from START on."""
    save(*(timed(device, at(START * 1000 + n * HOUR_MS), rpm=n, engineState="idle") for n in range(24 * days)))


def list_days(device: Device) -> list[int]:
    return [row.day - START // DAY for row in PackedDay.objects.filter(device=device).order_by("day")]


def test_days_of_a_certain_age_are_packed_and_their_reports_and_sums_gone(world: World, clock: Clock) -> None:
    fill(world.placed, 9)
    before = list_stored()
    assert roller.roll(60)
    assert list_days(world.placed) == [0, 1, 2, 3, 4, 5, 6]
    assert not Report.objects.filter(at__lt=at((START + 7 * DAY) * 1000)).exists()
    assert Report.objects.count() == 48
    assert RollUp.objects.filter(start__lt=START + 7 * DAY).count() == 0 < RollUp.objects.count()
    assert list_stored() == before
    assert check()


def test_none_is_packed_while_the_former_release_may_still_read(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(roller, "_find_last_hour", lambda: clock.hour)
    fill(world.placed)
    assert roller.roll(60)
    assert not PackedDay.objects.exists()
    RollUpMark.objects.update(packing_from=now() - timedelta(seconds=1))
    assert roller.roll(60)
    assert PackedDay.objects.exists()


def test_none_is_where_the_operator_says_so(world: World, clock: Clock, settings: Settings) -> None:
    settings.PACK_AFTER_DAYS = 0
    fill(world.placed)
    assert roller.roll(60)
    assert not PackedDay.objects.exists()


def test_a_device_handed_over_at_noon_has_two_rows_of_that_day(world: World, clock: Clock) -> None:
    fill(world.placed, 1)
    former = world.placed.assignment_id
    assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)
    noon = START * 1000 + DAY_MS // 2
    Assignment.objects.filter(pk=str(world.placed.assignment_id)).update(opened_at=at(noon))
    save(*(timed(world.placed, at(noon + n * HOUR_MS + 1), rpm=-n) for n in range(12)))
    assert roller.roll(60)
    rows = {row.tenure: row.reports for row in PackedDay.objects.filter(device=world.placed)}
    assert rows == {former: 24, world.placed.assignment_id: 12}
    span = series.Span(at(START * 1000), at(START * 1000 + DAY_MS))
    assert max(filter(None, series.read_series(world.placed, ["rpm"], span).values["rpm"])) == -1
    assert len(reports.read_next(world.placed, span.start, span.end, [], more=False)) == 12
    assert check()


def test_what_comes_late_is_seen_at_once_and_packed_with_the_day(world: World, clock: Clock) -> None:
    fill(world.placed)
    assert roller.roll(60)
    late, merged = at(START * 1000 + 5), at(START * 1000 + HOUR_MS)
    assert len(save(timed(world.placed, late, rpm=99), timed(world.placed, merged, load=7))) == 2
    span = series.Span(at(START * 1000), at(START * 1000 + DAY_MS))
    for _ in range(2):
        read = series.read_series(world.placed, ["rpm", "load"], span)
        assert (read.values["rpm"][:3], read.values["load"][:3]) == ([0, 99, 1], [None, None, 7])
        assert check()
        assert roller.roll(60)
    assert not Report.objects.filter(at__lt=at(START * 1000 + DAY_MS)).exists()
    assert not LateReport.objects.exists()
    assert PackedDay.objects.get(device=world.placed, day=START // DAY).reports == 25


def test_what_is_repeated_changes_nothing(world: World, clock: Clock) -> None:
    fill(world.placed)
    assert roller.roll(60)
    lying = Report.objects.count()
    again = timed(world.placed, at(START * 1000), rpm=0, engineState="idle")
    part = timed(world.placed, at(START * 1000 + HOUR_MS), rpm=1)
    assert save(again, part) == []
    other = timed(world.placed, at(START * 1000), rpm=5)
    assert save(again, other, part) == [other]
    assert Report.objects.count() == lying + 1
    assert list_stored()[world.placed.pk, START * 1000][1] == {"rpm": 5, "engineState": "idle"}


def test_what_comes_without_an_assignment_is_merged_into_the_one_that_it_is_of(world: World, clock: Clock) -> None:
    fill(world.placed)
    assert roller.roll(60)
    former = world.placed.assignment_id
    assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)
    save(timed(world.placed, at(START * 1000), load=5))
    assert Report.objects.get(at=at(START * 1000)).assignment_id == former
    assert roller.roll(60)
    assert list_stored()[world.placed.pk, START * 1000] == (former, {"rpm": 0, "engineState": "idle", "load": 5})


@pytest.mark.parametrize("own", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("tenures", [(7, 7), (7, None), (None, 7), (7, 8), (None, None)])
def test_packing_merges_as_storing_does(
    world: World, tenures: tuple[int | None, int | None], own: tuple[bool, bool]
) -> None:
    told = zip(tenures, own, [{"rpm": 1, "load": 1}, {"rpm": 2}], strict=True)
    rows: list[upserts.ReportRow] = [(world.placed.pk, at(START * 1000 + 5), *each) for each in told]
    for row in rows:
        upserts.write_reports([row])
    stored = Report.objects.get()
    day, us = START // DAY, START * 1_000_000 + 5_000
    body = day_format.encode(day * day_format.DAY_US, [(us, own[0], rows[0][4])])
    lying = (world.placed.pk, tenures[1], own[1], us, json.dumps(rows[1][4]))
    merged = packer._merge(day, [(tenures[0] or NO_TENURE, body)], [lying])
    assert merged == {us: (stored.assignment_id or NO_TENURE, stored.timed, stored.data)}


def test_what_is_stored_between_reading_and_packing_is_packed_too(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world.placed)
    prepare = packer.prepare
    left = [timed(world.placed, at(START * 1000 + 5), rpm=99), timed(world.placed, at(START * 1000), rpm=7)]

    def prepare_late(*args: Any) -> packer.Prepared:
        prepared = prepare(*args)
        save(*left)
        left.clear()
        return prepared

    monkeypatch.setattr(packer, "prepare", prepare_late)
    assert roller.roll(60)
    stored = list_stored()
    assert len(stored) == 145
    assert stored[world.placed.pk, START * 1000 + 5][1] == {"rpm": 99}
    assert stored[world.placed.pk, START * 1000][1]["rpm"] == 7
    assert check()


def test_what_is_packed_between_reading_and_packing_stays(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world.placed)
    assert roller.roll(60)
    prepare, lease = packer.prepare, roller.claim()
    assert lease

    def prepare_late(*args: Any) -> packer.Prepared:
        prepared = prepare(*args)
        monkeypatch.setattr(packer, "prepare", prepare)
        save(timed(world.placed, at(START * 1000 + 5), rpm=99))
        roller.pack(lease, [world.placed.pk], START)
        return prepared

    monkeypatch.setattr(packer, "prepare", prepare_late)
    roller.pack_anew(lease, [world.placed.pk], START)
    assert list_stored()[world.placed.pk, START * 1000 + 5][1] == {"rpm": 99}


def test_who_lost_the_lease_packs_nothing(world: World, clock: Clock) -> None:
    fill(world.placed)
    lease = roller.claim()
    assert lease
    RollUpMark.objects.update(worker=None, held_until=None)
    with pytest.raises(roller.Lost):
        roller.pack(lease, [world.placed.pk], START)
    assert (PackedDay.objects.count(), Report.objects.count()) == (0, 144)


def test_days_too_large_to_be_packed_stay_as_they_are(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packer, "MOST_REPORTS", 23)
    fill(world.placed)
    save(timed(world.foreign, at(START * 1000), rpm=1))
    assert roller.roll(60)
    assert (list_days(world.placed), list_days(world.foreign)) == ([], [0])
    assert check()
    save(timed(world.placed, at(START * 1000 + 7), rpm=1))
    assert roller.roll(60)
    assert list_days(world.placed) == []
    assert check()


def test_days_stay_packed_where_the_operator_packs_later_than_before(
    world: World, clock: Clock, settings: Settings
) -> None:
    fill(world.placed)
    assert roller.roll(60)
    settings.PACK_AFTER_DAYS = 9
    assert roller.roll(60)
    save(timed(world.placed, at((START + 5 * DAY) * 1000 + 5), rpm=99))
    assert roller.roll(60)
    assert not Report.objects.exists()
    assert not RollUp.objects.exists()
    assert check()


def test_what_comes_late_is_packed_too_where_nothing_was_and_where_it_is_more_than_would_be(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world.placed)
    assert roller.roll(60)
    monkeypatch.setattr(packer, "MOST_REPORTS", 3)
    save(*(timed(world.placed, at(START * 1000 + 5 + n), rpm=n) for n in range(5)))
    save(*(timed(world.foreign, at(START * 1000 + 5 + n), rpm=n) for n in range(3)))
    assert roller.roll(60)
    told = {row.device_id: row.reports for row in PackedDay.objects.filter(day=START // DAY)}
    assert told == {world.placed.pk: 29, world.foreign.pk: 3}
    assert not RollUp.objects.exists()
    assert check()


def test_a_recount_packs_anew(world: World, clock: Clock) -> None:
    fill(world.placed)
    assert roller.roll(60)
    PackedDay.objects.update(reports=0)
    assert roller.recount(START, START + DAY)
    told = PackedDay.objects.order_by("day").values_list("reports", flat=True)
    assert list(told) == [24, 0, 0, 0, 0, 0]


def test_days_of_texts_too_long_to_be_packed_stay_however_well_they_are_compressed(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packer, "MOST_BYTES", 90_000)
    save(timed(world.placed, at(START * 1000), engineState="a" * 100_000))
    save(timed(world.foreign, at(START * 1000), engineState="a" * 80_000))
    assert roller.roll(60)
    assert (list_days(world.placed), list_days(world.foreign)) == ([], [0])


def test_the_newest_and_the_last_times_are_found_in_packed_days(world: World, clock: Clock) -> None:
    fill(world.placed, 3)
    assert roller.roll(60)
    assert not Report.objects.filter(device=world.placed).exists()
    declared = readings.list_attributes(world.placed)
    shown = [when for when, _ in readings.list_recent_reports(world.placed, declared, 30)]
    assert shown == [at(START * 1000 + n * HOUR_MS) for n in range(71, 41, -1)]
    late = at(START * 1000 + 71 * HOUR_MS + 1)
    save(timed(world.placed, late, rpm=1))
    assert [when for when, _ in readings.list_recent_reports(world.placed, declared, 2)] == [late, shown[0]]
    save(*(timed(world.placed, at(START * 1000 + n), rpm=1) for n in (1, 2)))
    assert [when for when, _ in readings.list_recent_reports(world.placed, declared, 2)] == [late, shown[0]]
    [(_, times)] = silence._read_times([world.placed.pk])
    assert len(times) == silence.PAUSES + 1
    assert silence.compute_patience(times) == 3 * timedelta(hours=1)


def test_retention_deletes_packed_days_of_its_organisation_alone(world: World, clock: Clock) -> None:
    for device in (world.placed, world.alien):
        fill(device)
    assert roller.roll(60)
    kept = (now() - at(START * 1000 + 2 * DAY_MS)).days  # so that day 2 is over in part, at any hour
    Organisation.objects.filter(pk=world.kanarra.pk).update(kept_days=kept)
    retention.clear_old()
    assert (list_days(world.placed), list_days(world.alien)) == ([2, 3, 4, 5], [0, 1, 2, 3, 4, 5])


def test_a_removed_device_takes_its_packed_days_along(world: World, clock: Clock) -> None:
    fill(world.placed)
    assert roller.roll(60)
    lease = roller.claim()
    assert lease
    gone = world.placed.pk
    assignments.detach_devices([gone])
    Device.objects.filter(pk=gone).delete()
    assert not PackedDay.objects.filter(device_id=gone).exists()
    upserts.write_reports([(gone, at(START * 1000), None, True, {"rpm": 1})])  # by who had begun before
    roller.pack(lease, [gone], START)
    assert not PackedDay.objects.filter(device_id=gone).exists()


def test_going_back_makes_reports_of_them_again(world: World, clock: Clock) -> None:
    fill(world.placed)
    before = list_stored()
    assert roller.roll(60)
    save(timed(world.placed, at(START * 1000), rpm=99, load=1))
    before[world.placed.pk, START * 1000][1].update(rpm=99, load=1)
    migration = import_module("telemetry.migrations.0009_packed_days")
    migration.unpack(apps, SimpleNamespace(connection=connection))
    assert not PackedDay.objects.exists()
    assert list_stored() == before
    assert Report.objects.count() == 144
    assert not RollUpMark.objects.exists()  # of what was packed there is no other sum
    assert not RollUp.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.fixture(autouse=True)
    def _stored(self, world: World, clock: Clock, settings: Settings) -> None:
        settings.PACK_AFTER_DAYS = 0
        fill(world.placed)
        assert roller.roll(60)
        settings.PACK_AFTER_DAYS = 3

    def run(self, monkeypatch: pytest.MonkeyPatch, meanwhile: Any) -> None:
        """Do this once a piece is packed and not yet committed, and once it is."""
        replace, held, go = packer.replace, threading.Event(), threading.Event()

        def hold(*args: Any) -> None:
            replace(*args)
            held.set()
            assert go.wait(30)

        def roll() -> None:
            try:
                roller.roll(60)
            finally:
                connections.close_all()

        monkeypatch.setattr(packer, "replace", hold)
        thread = threading.Thread(target=roll)
        thread.start()
        assert held.wait(30)
        try:
            meanwhile(go, thread)
        finally:
            go.set()
            thread.join(30)

    def test_devices_are_heard_while_their_day_is_packed(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def store(go: threading.Event, thread: threading.Thread) -> None:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            save(timed(world.placed, at(START * 1000 + 5), rpm=99), timed(world.placed, now(), rpm=1))

        self.run(monkeypatch, store)
        stored = list_stored()
        assert stored[world.placed.pk, START * 1000 + 5][1] == {"rpm": 99}
        assert roller.roll(60)
        assert list_stored() == stored
        assert check()

    def test_who_repeats_what_is_being_packed_finds_that_it_stands(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[Any] = []

        def store(go: threading.Event, thread: threading.Thread) -> None:
            def repeat() -> None:
                try:
                    said.extend(save(timed(world.placed, at(START * 1000), rpm=0)))
                    said.append("done")
                finally:
                    connections.close_all()

            other = threading.Thread(target=repeat)
            other.start()
            other.join(1)
            go.set()
            other.join(30)

        self.run(monkeypatch, store)
        assert said == ["done"]
        assert not Report.objects.filter(at=at(START * 1000)).exists()

    def test_who_reads_sees_each_report_once_at_any_moment(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        span = series.Span(at(START * 1000), at(START * 1000 + 6 * DAY_MS))
        seen = []

        def read(go: threading.Event, thread: threading.Thread) -> None:
            seen.append(series.read_reported(world.placed, ["rpm"], span).values["rpm"])
            divide = reports._divide

            def wait(*args: Any) -> Any:
                found = divide(*args)
                go.set()
                thread.join(30)
                return found

            monkeypatch.setattr(reports, "_divide", wait)
            within = span.start, span.end
            columns = reports.read_columns(world.placed, ["rpm"], within, functions.Told, functions.find_told)
            seen.append(columns["rpm"][1])
            seen.append(series.read_reported(world.placed, ["rpm"], span).values["rpm"])

        self.run(monkeypatch, read)
        assert seen == [list(range(144))] * 3

    def test_a_month_of_which_all_is_packed_gives_its_disk_back(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(partitions, "EMPTY", 8192)
        save(*(timed(world.placed, at(START * 1000 + n * 60_000 + 3), rpm=n) for n in range(4000)))
        month = next(each for each in partitions.list_months() if at(START * 1000) < each.end)
        assert month.name not in partitions.shrink_emptied()
        assert roller.roll(60)
        with transaction.atomic():
            assert partitions.shrink_emptied() == []
        assert month.name in partitions.shrink_emptied()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_relation_size(%s), pg_indexes_size(%s)", [month.name, month.name])
            assert cursor.fetchone() == (0, 8192)
