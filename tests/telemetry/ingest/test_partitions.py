"""The tables of months on PostgreSQL: made ahead, made when missing, and what there was before stays as it lies."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor

from telemetry.ingest import partitions
from telemetry.models import Report
from tests.conftest import World, make_world
from tests.telemetry.reports import now, save, timed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pytest_django import DjangoDbBlocker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]
DAY = timedelta(days=1)
FORMER = [("telemetry", "0005_attention"), ("tenants", "0014_kept_days")]


def ask(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def find_month(at: datetime) -> str | None:
    fits = (each.name for each in partitions.list_months() if each.end > at and (not each.start or each.start <= at))
    return next(fits, None)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    partitions.make_ahead()


def test_months_are_made_ahead_once() -> None:
    at = now()
    wanted = [partitions.start_month(at, later) for later in range(4)]
    for month in partitions.list_months()[1:]:
        run(f"DROP TABLE {month.name}")
    partitions.make_ahead()
    made = partitions.list_months()
    partitions.make_ahead()
    assert partitions.list_months() == made
    assert [month.start for month in made] == [None, *wanted]
    assert [month.end for month in made] == [*wanted, partitions.start_month(at, 4)]


def test_whoever_stores_makes_the_month_that_is_missing_and_loses_nothing(world: World) -> None:
    at, later = now(), now() + 400 * DAY
    run(f"DROP TABLE {find_month(at)}")
    batch = [timed(world.placed, at, rpm=1), timed(world.placed, later, rpm=2)]
    with transaction.atomic():
        assert save(*batch) == batch
    assert [row.data for row in Report.objects.order_by("at")] == [{"rpm": 1}, {"rpm": 2}]
    assert (find_month(at), find_month(later)) == (
        f"telemetry_report_{at:%Y_%m}",
        f"telemetry_report_{later:%Y_%m}",
    )
    run(f"DROP TABLE {find_month(later)}")


def test_several_who_miss_it_at_once_make_it_once(world: World) -> None:
    at = now()
    run(f"DROP TABLE {find_month(at)}")
    errors: list[Exception] = []

    def store(turn: int) -> None:
        try:
            with transaction.atomic():
                save(*(timed(world.placed, at + timedelta(milliseconds=10 * n + turn), rpm=n) for n in range(50)))
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=store, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (errors, Report.objects.count()) == ([], 200)


def test_making_one_waits_for_nobody_who_stores_or_reads(world: World) -> None:
    failed: list[Exception] = []

    def make() -> None:
        try:
            run("SET lock_timeout = '1500ms'")
            partitions.make_months([now() + 700 * DAY])
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    with transaction.atomic():
        save(timed(world.placed, now(), rpm=1))
        assert Report.objects.count() == 1
        thread = threading.Thread(target=make)
        thread.start()
        thread.join(10)
        assert not failed
    assert find_month(now() + 700 * DAY)
    run(f"DROP TABLE {find_month(now() + 700 * DAY)}")


def test_another_broken_rule_is_told_and_not_taken_for_a_missing_month(world: World) -> None:
    run("ALTER TABLE telemetry_report ADD CONSTRAINT odd CHECK (NOT data ? 'odd')")
    try:
        with pytest.raises(IntegrityError, match="odd"):
            save(timed(world.placed, now(), odd=1))
    finally:
        run("ALTER TABLE telemetry_report DROP CONSTRAINT odd")


def test_newest_reports_are_read_from_one_month_alone(world: World) -> None:
    """It takes the last few from the last month, and looks into others only for more."""
    at = now()
    save(*(timed(world.placed, at - n * timedelta(seconds=1), rpm=n) for n in range(50)))
    run("ANALYZE telemetry_report")
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(
            "EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT at FROM telemetry_report "
            f"WHERE device_id = {world.placed.pk} ORDER BY at DESC LIMIT 5"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    assert "Merge" not in plan, plan
    assert "Sort" not in plan, plan
    assert "never executed" in plan, plan


@contextmanager
def copied(database: str) -> Iterator[str]:
    """A database as that one is now, on which nobody may be; yields its name."""
    name = f"{database}_copy"
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {database}")
    try:
        yield name
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")


@contextmanager
def connected(to: str) -> Iterator[None]:
    own = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = to
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = own


@dataclass
class Former:
    """A database of the former release, with reports; one came while a clock was far ahead."""

    name: str
    world: World
    rows: list[dict[str, Any]]


def migrate(targets: list[tuple[str, str]]) -> None:
    MigrationExecutor(connection).migrate(targets)


def migrate_all() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture(scope="module")
def former(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Former]:
    """Made once, for the way back takes long: each test has a copy."""
    with django_db_blocker.unblock(), copied(connection.settings_dict["NAME"]) as name:
        with connected(name):
            world = make_world()
            moments = [now() - 70 * DAY, now(), now() + 400 * DAY]
            save(*(timed(world.placed, moment, rpm=n) for n, moment in enumerate(moments)))
            rows: Any = list(Report.objects.order_by("at").values())
            migrate(FORMER)
        yield Former(name, world, rows)


class TestUpgrade:
    @pytest.fixture
    def world(self, former: Former) -> World:
        return former.world

    @pytest.fixture
    def before(self, db: None, former: Former) -> Iterator[list[dict[str, Any]]]:
        with copied(former.name) as name, connected(name):
            assert ask("SELECT relkind FROM pg_class WHERE oid = 'telemetry_report'::regclass") == "r"
            assert ask("SELECT count(*) FROM pg_constraint WHERE conrelid = 'telemetry_report'::regclass") == 3
            yield former.rows

    def test_what_there_is_stays_as_it_lies(self, world: World, before: list[dict[str, Any]]) -> None:
        file = ask("SELECT pg_relation_filenode('telemetry_report')")
        assert ask("SELECT count(*) FROM telemetry_report") == 3
        migrate_all()
        assert ask("SELECT pg_relation_filenode('telemetry_report_past')") == file
        assert list(Report.objects.order_by("at").values()) == before
        assert [find_month(row["at"]) for row in before[:2]] == [partitions.PAST, partitions.PAST]
        assert find_month(before[2]["at"]) not in {None, partitions.PAST}
        assert len(save(timed(world.placed, now() + 60 * DAY, rpm=7), timed(world.placed, now(), rpm=8))) == 2
        assert save(timed(world.placed, before[1]["at"], rpm=1)) == []

    def test_an_upgrade_that_was_cut_off_goes_on(self, world: World, before: list[dict[str, Any]]) -> None:
        run("ALTER TABLE telemetry_report ADD CONSTRAINT telemetry_report_before CHECK (at < '2001-01-01') NOT VALID")
        run("CREATE TABLE telemetry_report_strays (LIKE telemetry_report)")
        run(
            "WITH gone AS (DELETE FROM telemetry_report WHERE at > now() + interval '9 days' RETURNING *) "
            "INSERT INTO telemetry_report_strays SELECT * FROM gone"
        )
        migrate_all()
        assert list(Report.objects.order_by("at").values()) == before

    def test_the_way_back_and_forth_keeps_all(self, world: World, before: list[dict[str, Any]]) -> None:
        migrate_all()
        save(timed(world.placed, now() + 60 * DAY, rpm=7))
        for month in partitions.list_months()[:1]:
            run(f"ALTER TABLE telemetry_report DETACH PARTITION {month.name}")  # as if it had been dropped
            run(f"DROP TABLE {month.name}")
        left = list(Report.objects.order_by("at").values())
        migrate(FORMER)
        migrate_all()
        assert list(Report.objects.order_by("at").values()) == left
        assert len(left) == 2
