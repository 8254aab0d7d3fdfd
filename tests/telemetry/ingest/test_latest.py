"""Latest values are merged where they lie: the same as if each report were compared with what is stored."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, OperationalError, close_old_connections, connection, transaction
from django.test.utils import CaptureQueriesContext

from devices.lifecycle import assignments
from lib.db.aside import run_aside
from telemetry.ingest import upserts
from telemetry.models import Latest, Report
from tests import builders
from tests.telemetry.reports import ms, now, save, timed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from devices.models import Device
    from devices.mqtt.messages import Report as Said
    from tests.conftest import World

SECOND = timedelta(seconds=1)
NAMES = ("rpm", "load", "fuelLevel", "voltage")


def say(device: Device, at: datetime, received_at: datetime, **data: float) -> Said:
    return timed(device, at, **data)._replace(received_at=received_at)


def row_of(device: Device) -> Latest:
    return Latest.objects.get(device=device)


def compare_one_by_one(reports: list[Said], data: dict[str, Any], ahead: dict[str, Any]) -> None:
    """Note the reports of a batch one after the other, as the rules have it (docs/protocol.md)."""
    for report in sorted(reports, key=lambda each: each.at):
        received = ms(report.received_at)
        at = min(ms(report.at), received)
        for name, value in report.data.items():
            if name not in data or at >= data[name][1] or at >= received:
                data[name] = [value, at]
                ahead.pop(name, None)
                if report.at - report.received_at >= timedelta(minutes=1):
                    ahead[name] = [at, ms(report.at)]


@pytest.mark.parametrize("seed", range(25))
def test_any_order_of_reports_is_as_if_each_were_compared(world: World, seed: int) -> None:
    dice, start = random.Random(seed), now()
    data: dict[str, Any] = {}
    ahead: dict[str, Any] = {}
    parts = [dice.sample(NAMES, dice.randrange(1, 4)) for _ in range(2)]
    lags = dice.choice([[0.0], [0.0, 0.0, 0.2, 3, -0.5, -90, -3600]])  # seconds; below 0 its clock is ahead
    for batch in range(20):
        received = start + batch * SECOND
        said = []
        for _ in range(dice.choice([1, 1, 1, 2, 3])):
            values = {name: dice.randrange(100) for name in dice.choice([NAMES, *parts])}
            said.append(say(world.placed, received - timedelta(seconds=dice.choice(lags)), received, **values))
        if dice.random() < 0.1:
            assignments.assign(
                device=world.placed,
                group=dice.choice([world.boise, world.anaheim]),
                name=f"Moved {batch}",
                model=None,
                by=world.owner,
            )
            data, ahead = {}, {}
        new = save(*said)
        world.placed.refresh_from_db()
        opened = world.placed.assignment.opened_at  # type: ignore[union-attr]
        compare_one_by_one([each for each in new if each.at >= opened], data, ahead)
        if data:
            row = row_of(world.placed)
            assert (row.data, row.ahead or {}) == (data, ahead), (seed, batch)
            assert row.newest in (None, max(at for _, at in data.values()))


def test_who_says_the_same_names_each_time_is_not_looked_up(world: World) -> None:
    at = now()
    save(timed(world.placed, at, rpm=1, load=2))
    with CaptureQueriesContext(connection) as seen:
        save(timed(world.placed, at + SECOND, load=3, rpm=2))
    assert not [query for query in seen if query["sql"].startswith("SELECT") and "telemetry_latest" in query["sql"]]
    assert row_of(world.placed).data == {"rpm": [2, ms(at + SECOND)], "load": [3, ms(at + SECOND)]}
    assert row_of(world.placed).newest == ms(at + SECOND)


def test_who_says_a_part_each_time_keeps_the_rest(world: World) -> None:
    at = now()
    said = [{"rpm": 1, "load": 2}, {"rpm": 3}, {"rpm": 4}, {"load": 5}, {"voltage": 6}, {"voltage": 7}, {"voltage": 8}]
    for number, values in enumerate(said):
        save(timed(world.placed, at + number * SECOND, **values))
    assert {name: each[0] for name, each in row_of(world.placed).data.items()} == {"rpm": 4, "load": 5, "voltage": 8}


def test_what_changes_nothing_is_not_written(world: World) -> None:
    at = now() + SECOND
    save(timed(world.placed, at, rpm=1, load=2))
    with CaptureQueriesContext(connection) as seen:
        late = say(world.placed, at - SECOND, at, rpm=9)
        assert save(late) == [late]
    written = [query for query in seen if "INTO telemetry_latest" in query["sql"]]
    assert len(written) == 1  # which tries
    assert row_of(world.placed).data == {"rpm": [1, ms(at)], "load": [2, ms(at)]}


def test_what_the_former_release_stores_meanwhile_is_not_overwritten_by_older_values(world: World) -> None:
    at = now() + SECOND
    save(timed(world.placed, at, rpm=1))
    theirs = {"rpm": [5, ms(at + 5 * SECOND)]}  # it knows of no `newest`
    Latest.objects.filter(device=world.placed).update(data=theirs)
    assert row_of(world.placed).newest is None
    save(say(world.placed, at + SECOND, at + 6 * SECOND, rpm=2))
    assert row_of(world.placed).data == theirs
    save(timed(world.placed, at + 7 * SECOND, rpm=7))
    row = row_of(world.placed)
    assert (row.data, row.newest) == ({"rpm": [7, ms(at + 7 * SECOND)]}, ms(at + 7 * SECOND))


def test_nor_lost_where_it_stored_other_names(world: World) -> None:
    at = now() + SECOND
    save(timed(world.placed, at, rpm=1))
    theirs = {"rpm": [5, ms(at)], "load": [6, ms(at)]}
    Latest.objects.filter(device=world.placed).update(data=theirs)
    save(timed(world.placed, at + SECOND, rpm=2))
    assert row_of(world.placed).data == theirs | {"rpm": [2, ms(at + SECOND)]}


HOT = "telemetry_latest", "devices_connection", "devices_credentialuse", "telemetry_drop", "devices_refusedattempt"


@pytest.mark.postgres
@pytest.mark.parametrize("table", HOT)
def test_hot_rows_have_room_for_their_next_version(table: str, db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions[1] FROM pg_class WHERE relname = %s", [table])
        (said,) = cursor.fetchone()
    assert said.startswith("fillfactor=")


class TestMany:
    """Many rows are stored by a thread of their own, in the same transaction."""

    @pytest.fixture(autouse=True)
    def _many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(upserts, "MANY", 2)

    def test_are_stored_and_told(self, world: World) -> None:
        devices = [builders.make_device(world.version, group=world.anaheim, by=world.owner) for _ in range(3)]
        at = now()
        batch = [timed(device, at + n * SECOND, rpm=n) for device in devices for n in range(4)]
        assert save(*batch) == batch
        assert save(*batch) == []
        assert Report.objects.count() == 12
        assert {tuple(row.data["rpm"]) for row in Latest.objects.all()} == {(3, ms(at + 3 * SECOND))}

    def test_are_all_undone_where_it_fails(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            Report.objects.create(device=world.placed, at=now(), data={})
            raise IntegrityError("no")

        monkeypatch.setattr(upserts, "_insert", fail)
        with pytest.raises(IntegrityError, match="no"):
            save(*[timed(world.placed, now() + n * SECOND, rpm=n) for n in range(4)])
        assert not Report.objects.exists()
        assert not Latest.objects.exists()

    def test_the_work_has_ended_where_the_block_fails(self, world: World) -> None:
        def work() -> None:
            Report.objects.create(device=world.placed, at=now(), data={})

        with pytest.raises(ZeroDivisionError), transaction.atomic(), run_aside(work):
            raise ZeroDivisionError
        assert not Report.objects.exists()

    def test_a_process_that_ends_does_not_wait_for_it(self, db: None) -> None:
        with run_aside(threading.current_thread) as done:
            assert done.result().daemon
            assert done.result() is not threading.current_thread()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lost_while_many_are_stored_is_told_as_such(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upserts, "MANY", 2)
    kept = upserts._insert

    def insert(rows: Sequence[upserts.ReportRow], params: Sequence[str]) -> set[upserts.Key]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return kept(rows, params)

    batch = [timed(world.placed, now() + n * SECOND, rpm=n) for n in range(4)]
    monkeypatch.setattr(upserts, "_insert", insert)
    with pytest.raises(OperationalError):
        save(*batch)
    monkeypatch.setattr(upserts, "_insert", kept)
    close_old_connections()  # as before each batch
    assert save(*batch) == batch
    assert row_of(world.placed).data == {"rpm": [3, ms(batch[-1].at)]}
