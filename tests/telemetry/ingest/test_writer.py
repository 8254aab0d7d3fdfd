from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from devices.lifecycle import assignments
from devices.models import Assignment, Device
from telemetry.models import Latest, Report
from tests import builders
from tests.telemetry.reports import ms, now, repeat, save, timed, untimed

if TYPE_CHECKING:
    from tests.conftest import World

SECOND = timedelta(seconds=1)


def stored(device: Device) -> list[dict[str, object]]:
    return list(Report.objects.filter(device=device).order_by("at").values_list("data", flat=True))


def latest(device: Device) -> dict[str, list[object]]:
    device.refresh_from_db()
    return Latest.objects.of(device).values_list("data", flat=True).first() or {}


def test_stores_one_row_a_report(world: World) -> None:
    at = now()
    placed = timed(world.placed, at, rpm=1800.5, engineState="läuft \u2713", registerButton=False)
    waiting = timed(world.waiting, at, rpm=1.0)
    assert save(placed, waiting) == [placed, waiting]
    row = Report.objects.get(device=world.placed)
    assert (row.at, row.data) == (at, {"rpm": 1800.5, "engineState": "läuft \u2713", "registerButton": False})
    assert row.assignment_id == world.placed.assignment_id
    assert Report.objects.get(device=world.waiting).assignment_id is None


def test_nothing_and_empty_reports_store_nothing(world: World) -> None:
    assert save() == []
    assert save(timed(world.placed, now())) == []
    assert not Report.objects.exists()


def test_the_device_is_judged_by_its_row_not_by_what_the_report_carries(world: World) -> None:
    stale = Device.objects.get(pk=world.waiting.pk)
    assignments.assign(device=world.waiting, group=world.anaheim, name="New", model=None, by=world.owner)
    save(timed(stale, now() + SECOND, rpm=1))
    assert Report.objects.get(device=stale).assignment_id == world.waiting.assignment_id


def test_a_report_of_a_device_that_is_gone_is_dropped(world: World) -> None:
    gone = Device.objects.get(pk=world.waiting.pk)
    world.waiting.delete()
    kept = timed(world.placed, now(), rpm=1)
    assert save(timed(gone, now(), rpm=1), kept) == [kept]


class TestSameMillisecond:
    def test_merges_with_what_is_stored(self, world: World) -> None:
        at = now()
        save(timed(world.placed, at, rpm=1, load=2))
        later = timed(world.placed, at, load=3, engineState="running")
        assert save(later) == [later]
        assert stored(world.placed) == [{"rpm": 1, "load": 3, "engineState": "running"}]

    def test_merges_inside_a_batch_in_order(self, world: World) -> None:
        at = now()
        batch = [timed(world.placed, at, rpm=1), timed(world.placed, at, load=2), timed(world.placed, at, rpm=3)]
        assert save(*batch) == batch
        assert stored(world.placed) == [{"rpm": 3, "load": 2}]

    def test_other_devices_and_milliseconds_are_apart(self, world: World) -> None:
        at = now()
        save(
            timed(world.placed, at, rpm=1),
            timed(world.placed, at + SECOND / 1000, rpm=2),
            timed(world.foreign, at, rpm=3),
        )
        assert stored(world.placed) == [{"rpm": 1}, {"rpm": 2}]
        assert stored(world.foreign) == [{"rpm": 3}]


class TestRedelivery:
    def test_a_timed_report_is_new_once(self, world: World) -> None:
        press = timed(world.placed, now(), registerButton=True)
        assert save(press) == [press]
        assert [save(repeat(press)) for _ in range(100)] == [[]] * 100
        assert save(*[repeat(press)] * 100) == []

    def test_inside_one_batch(self, world: World) -> None:
        press = timed(world.placed, now(), registerButton=True)
        assert save(press, *[repeat(press)] * 100) == [press]

    def test_beside_something_new_for_the_same_millisecond(self, world: World) -> None:
        press = timed(world.placed, now(), registerButton=True)
        save(press)
        more = timed(world.placed, press.at, rpm=1)
        assert save(repeat(press), more) == [more]

    def test_an_untimed_report_is_new_once_though_it_arrives_at_another_time(self, world: World) -> None:
        press = untimed(world.placed, now(), registerButton=True)
        assert save(press) == [press]
        assert save(*[repeat(press)] * 3) == []
        assert stored(world.placed) == [{"registerButton": True}]

    def test_an_untimed_report_stored_together_with_another_is_found(self, world: World) -> None:
        at = now()
        press = untimed(world.placed, at, registerButton=True)
        save(press, untimed(world.placed, at, rpm=1))
        assert save(repeat(press)) == []

    def test_first_heard_as_repeated_counts_once(self, world: World) -> None:
        press = untimed(world.placed, now(), repeated=True, registerButton=True)
        assert save(press, repeat(press), repeat(press)) == [press]

    @pytest.mark.parametrize("case", ["not flagged", "other values", "another device's", "long ago", "timed before"])
    def test_what_only_looks_like_it_is_kept(self, world: World, case: str) -> None:
        at = now()
        first = {
            "another device's": untimed(world.foreign, at, rpm=1),
            "long ago": untimed(world.placed, at - timedelta(minutes=11), rpm=1),
            "timed before": timed(world.placed, at, rpm=1),
        }.get(case, untimed(world.placed, at, rpm=1))
        second = untimed(
            world.placed, at + SECOND, repeated=case != "not flagged", rpm=2 if case == "other values" else 1
        )
        save(first)
        assert save(second) == [second]


class TestAssignment:
    def test_what_came_before_it_belongs_to_nobody(self, world: World) -> None:
        opened = Assignment.objects.get(device=world.placed).opened_at
        save(timed(world.placed, opened - SECOND, rpm=1), timed(world.placed, opened, rpm=2))
        owners = Report.objects.order_by("at").values_list("assignment_id", flat=True)
        assert list(owners) == [None, world.placed.assignment_id]

    def test_a_millisecond_shared_with_the_former_tenant_is_not_mixed(self, world: World) -> None:
        ahead = now() + timedelta(hours=3)
        save(timed(world.placed, ahead, engineState="theirs"))
        assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)
        save(timed(world.placed, ahead, rpm=1))
        row = Report.objects.get(device=world.placed)
        assert (row.data, row.assignment_id) == ({"rpm": 1}, world.placed.assignment_id)

    def test_what_the_former_tenants_device_repeats_stays_theirs(self, world: World) -> None:
        ahead = timed(world.placed, now() + timedelta(hours=3), rpm=1)
        save(ahead)
        assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)
        assert save(repeat(ahead)) == []
        assert Report.objects.of(world.placed).count() == 0


class TestLatest:
    def test_each_attribute_has_its_own_time(self, world: World) -> None:
        at = now()
        save(timed(world.placed, at, rpm=1, load=2))
        save(timed(world.placed, at + SECOND, rpm=3))
        assert latest(world.placed) == {"rpm": [3, ms(at + SECOND)], "load": [2, ms(at)]}

    def test_older_reports_never_overwrite(self, world: World) -> None:
        at = now() + SECOND
        save(timed(world.placed, at, rpm=3))
        save(timed(world.placed, at - SECOND, rpm=1, load=2)._replace(received_at=at))  # not at its own time
        assert latest(world.placed) == {"rpm": [3, ms(at)], "load": [2, ms(at - SECOND)]}

    def test_nor_inside_a_batch(self, world: World) -> None:
        at = now() + SECOND
        save(timed(world.placed, at, rpm=3), timed(world.placed, at - SECOND, rpm=1))
        assert latest(world.placed) == {"rpm": [3, ms(at)]}

    def test_a_clock_that_runs_ahead_does_not_block_the_truth(self, world: World) -> None:
        at = now()
        ahead = timed(world.placed, at + timedelta(hours=5), rpm=1)
        arrived = type(ahead)(ahead.device, ahead.at, ahead.data, at, True, False, False, None)
        save(arrived)
        assert latest(world.placed) == {"rpm": [1, ms(at)]}
        save(timed(world.placed, at + SECOND, rpm=2))
        assert latest(world.placed) == {"rpm": [2, ms(at + SECOND)]}

    def test_what_came_while_our_clock_was_ahead_does_not_either(self, world: World) -> None:
        at = now()
        save(untimed(world.placed, at + timedelta(hours=1), rpm=1))
        save(untimed(world.placed, at, rpm=2))
        assert latest(world.placed) == {"rpm": [2, ms(at)]}

    def test_starts_empty_with_every_assignment(self, world: World) -> None:
        save(timed(world.placed, now(), rpm=1, load=1))
        assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)
        assert latest(world.placed) == {}
        at = now() + SECOND
        save(timed(world.placed, at, rpm=2), timed(world.placed, at - timedelta(days=1), load=9))
        assert latest(world.placed) == {"rpm": [2, ms(at)]}

    def test_without_an_assignment(self, world: World) -> None:
        at = now()
        save(timed(world.waiting, at, rpm=1))
        assert Latest.objects.get(device=world.waiting).assignment_id is None
        assert latest(world.waiting) == {"rpm": [1, ms(at)]}
        assignments.assign(device=world.waiting, group=world.boise, name="Placed", model=None, by=world.owner)
        assert latest(world.waiting) == {}


def test_statements_do_not_grow_with_the_batch(world: World) -> None:
    devices = [builders.make_device(world.version, group=world.anaheim, by=world.owner) for _ in range(5)]
    at = now()

    def statements(rows: int) -> int:
        batch = [untimed(devices[n % 5], at + n * SECOND / 1000, repeated=n % 7 == 0, rpm=n) for n in range(rows)]
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert save(*batch) == batch
        return sum("SAVEPOINT" not in query["sql"] for query in seen)

    assert statements(10) == 5
    Report.objects.all().delete()
    assert statements(3_000) == 5


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_consumers_at_once_count_a_report_once(world: World) -> None:
    batch = [timed(world.placed, now() + n * SECOND, rpm=n) for n in range(200)]
    new: list[list[object]] = []

    def consume() -> None:
        try:
            new.append(list(save(*batch)))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=consume) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(len(each) for each in new) == [0, 0, 0, 200]
    assert Report.objects.count() == 200
