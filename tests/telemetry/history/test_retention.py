"""Reports are kept as long as their organisation says: nothing of others goes, and nobody waits."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config.ingest import ingest
from devices.models import Assignment, Device
from devices.mqtt.messages import Message
from telemetry import tasks
from telemetry.history import retention
from telemetry.ingest import keeping, partitions
from telemetry.models import Drop, Latest, Report, RollUp
from tenants.models import Organisation
from tests import builders
from tests.telemetry.reports import ms, now, save, timed

if TYPE_CHECKING:
    from datetime import datetime

    from django.test import Client

    from tests.conftest import World

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


def keep(organisation: Organisation, days: int | None) -> None:
    Organisation.objects.filter(pk=organisation.pk).update(kept_days=days)
    keeping._known.clear()


def fill(device: Device, *ages: float) -> None:
    """Reports of the device from so many days ago."""
    Assignment.objects.filter(device=device).update(opened_at=now() - 4000 * DAY)
    at = now()
    save(*(timed(device, at - age * DAY, rpm=n) for n, age in enumerate(ages)))


def ages(device: Device) -> list[int]:
    return [round((now() - at) / DAY) for at in Report.objects.filter(device=device).values_list("at", flat=True)]


class TestClearing:
    def test_what_is_older_goes_and_nothing_else(self, world: World) -> None:
        for device in (world.placed, world.foreign, world.waiting, world.alien):
            fill(device, 0, 89.99, 90.01, 400, 2000)
        keep(world.kanarra, 90)
        assert retention.clear_old() == 9
        assert all(sorted(ages(device)) == [0, 90] for device in (world.placed, world.foreign, world.waiting))
        assert len(ages(world.alien)) == 5
        assert retention.clear_old() == 0
        assert Latest.objects.get(device=world.placed).data["rpm"][0] == 0

    def test_sums_of_what_goes_go_with_it(self, world: World) -> None:
        hour, day = 3600, 86_400
        today = int(now().timestamp()) // day * day
        for device in (world.placed, world.alien):
            for seconds in (hour, day):
                for age in (0, 89, 92, 400):
                    RollUp.objects.create(device=device, tenure=1, seconds=seconds, start=today - age * day, data="{}")
        keep(world.kanarra, 90)
        retention.clear_old()
        left = {device: list(RollUp.objects.filter(device=device)) for device in (world.placed, world.alien)}
        assert {(today - row.start) // day for row in left[world.placed]} == {0, 89}
        assert [len(rows) for rows in left.values()] == [4, 8]

    def test_each_organisation_has_its_own(self, world: World) -> None:
        for device in (world.placed, world.alien):
            fill(device, 0, 5, 50, 500)
        keep(world.kanarra, 10)
        keep(world.other, 100)
        tasks.keep_history()
        assert (sorted(ages(world.placed)), sorted(ages(world.alien))) == ([0, 5], [0, 5, 50])

    def test_without_a_bound_nothing_goes(self, world: World) -> None:
        fill(world.placed, 0, 3000)
        assert retention.clear_old() == 0
        assert len(ages(world.placed)) == 2

    def test_a_statement_deletes_few_and_organisations_take_turns(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retention, "ROWS", 10)
        monkeypatch.setattr(retention, "DEVICES", 2)
        more = [builders.make_device(world.version) for _ in range(3)]
        for device in (world.placed, *more, world.alien):
            fill(device, *(n + 100 for n in range(25)))
        keep(world.kanarra, 90)
        keep(world.other, 90)
        turns: list[tuple[int, int]] = []
        one = retention._delete

        def note(table: retention.Table, devices: list[int], moment: datetime) -> int:
            turns.append((Device.objects.get(pk=devices[0]).organisation_id, one(table, devices, moment)))
            return turns[-1][1]

        monkeypatch.setattr(retention, "_delete", note)
        monkeypatch.setattr(partitions, "drop_before", lambda _: [])
        assert retention.clear_old() == 125
        assert max(deleted for _, deleted in turns) == 10
        assert {turns[0][0], turns[1][0]} == {world.kanarra.pk, world.other.pk}
        assert not Report.objects.exists()

    def test_a_run_ends_when_its_time_is_over_and_the_next_one_goes_on(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retention, "ROWS", 10)
        fill(world.placed, *(n + 100 for n in range(40)))
        keep(world.kanarra, 90)
        assert retention.clear_old(0) == 0
        one = retention._delete

        def take_long(*args: Any) -> int:
            time.sleep(0.1)
            return one(*args)

        monkeypatch.setattr(retention, "_delete", take_long)
        cleared = retention.clear_old(0.15)
        assert 0 < cleared < 30
        monkeypatch.undo()
        assert retention.clear_old() == 40 - cleared

    def test_statements_are_few_where_little_is_old(self, world: World) -> None:
        for device in (world.placed, world.foreign):
            fill(device, 0, 1, 2)
        keep(world.kanarra, 90)
        with CaptureQueriesContext(connection) as seen:
            retention.clear_old()
        assert sum("DELETE" in query["sql"] for query in seen) == len(retention.TABLES)


@pytest.mark.postgres
class TestMonths:
    def test_those_too_old_for_everybody_are_dropped(self, world: World) -> None:
        for organisation in Organisation.objects.all():
            keep(organisation, 400)
        keep(world.other, 500)
        old = now() - 500 * DAY
        long_ago = partitions.start_month(old, -1)
        self.make([long_ago, partitions.start_month(old)])
        assert partitions.drop_before(old) == [f"telemetry_report_{long_ago:%Y_%m}"]
        self.make([long_ago])
        fill(world.alien, 10, 499, (now() - long_ago) / DAY - 1)
        retention.clear_old()
        names = [month.name for month in partitions.list_months()]
        assert f"telemetry_report_{long_ago:%Y_%m}" not in names
        assert f"telemetry_report_{old:%Y_%m}" in names
        assert sorted(ages(world.alien)) == [10, 499]

    def test_none_is_while_somebody_keeps_all(self, world: World) -> None:
        keep(world.kanarra, 400)
        month = partitions.start_month(now() - 900 * DAY)
        self.make([month])
        retention.clear_old()
        assert f"telemetry_report_{month:%Y_%m}" in [each.name for each in partitions.list_months()]

    @staticmethod
    def make(months: list[datetime]) -> None:
        """As if there had been months for long."""
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS telemetry_report_past")
        partitions.make_months(months)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
class TestNobodyWaits:
    def test_reports_are_stored_while_old_ones_are_deleted(self, world: World) -> None:
        fill(world.placed, 0, 100)
        failed: list[Exception] = []

        def store() -> None:
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SET lock_timeout = '1500ms'")
                save(timed(world.placed, now(), rpm=8))
            except Exception as error:
                failed.append(error)
            finally:
                connections.close_all()

        with transaction.atomic():
            assert retention._delete(retention.REPORTS, [world.placed.pk], now() - 90 * DAY) == 1
            thread = threading.Thread(target=store)
            thread.start()
            thread.join(10)
            assert not failed
        assert Report.objects.count() == 2

    def test_a_month_that_is_read_for_long_stays_until_the_next_time(self, world: World) -> None:
        month = partitions.start_month(now() + 1000 * DAY)
        partitions.make_months([month])
        name, dropped = f"telemetry_report_{month:%Y_%m}", []

        def drop() -> None:
            try:
                dropped.append(partitions._drop(name))
            finally:
                connections.close_all()

        with transaction.atomic():
            assert Report.objects.count() == 0
            thread = threading.Thread(target=drop)
            thread.start()
            thread.join(10)
        assert dropped == [False]
        assert partitions._drop(name)
        assert partitions._drop(name)


class TestLateReports:
    def send(self, device: Device, age: timedelta) -> None:
        at = now()
        body = {"data": {"rpm": 1}, "time": ms(at - age)}
        ingest([Message(device.device_id, json.dumps(body).encode(), at)])

    @pytest.mark.parametrize(
        ("days", "age", "kept"),
        [(5, 4.99, True), (5, 5.01, False), (1, 0.99, True), (1, 1.01, False), (None, 29.0, True), (90, 29.0, True)],
    )
    def test_what_would_be_deleted_is_dropped_with_its_cause(
        self, world: World, days: int | None, age: float, kept: bool
    ) -> None:
        keep(world.kanarra, days)
        self.send(world.placed, age * DAY)
        causes = set(Drop.objects.filter(device=world.placed).values_list("cause", flat=True)) - {"before-handover"}
        assert (Report.objects.exists(), causes) == (kept, set() if kept else {"past-kept"})

    def test_of_another_organisation_nothing_is(self, world: World) -> None:
        keep(world.kanarra, 1)
        self.send(world.alien, 20 * DAY)
        self.send(world.placed, 20 * DAY)
        assert [row.device_id for row in Report.objects.all()] == [world.alien.pk]

    def test_the_page_says_what_to_do(self, client: Client, world: World) -> None:
        keep(world.kanarra, 1)
        self.send(world.placed, 2 * DAY)
        client.force_login(world.viewer)
        html = client.get(reverse("telemetry:dashboard", kwargs={"serial": world.placed.serial})).content.decode()
        assert "Older than reports are kept" in html
        assert "an admin can change that in the settings" in unescape(html)


class TestRanges:
    def ask(self, client: Client, name: str, world: World, **query: str) -> Any:
        return client.get(reverse(f"telemetry:{name}", kwargs={"serial": world.placed.serial}), query)

    @pytest.mark.parametrize("name", ["api-telemetry", "api-timeline", "series", "timeline"])
    def test_programs_and_charts_are_told(self, client: Client, world: World, name: str) -> None:
        client.force_login(world.viewer)
        assert self.ask(client, name, world, range="30d").json()["kept_from"] is None
        keep(world.kanarra, 10)
        long, short = (self.ask(client, name, world, range=span).json() for span in ("30d", "7d"))
        assert abs(long["kept_from"] - ms(now() - 10 * DAY)) < 60_000
        assert long["kept"].startswith("Kept for 10 days: nothing from before 20")
        assert (short["kept"], short["kept_from"] > 0) == ("", True)

    def test_the_page_says_so(self, client: Client, world: World) -> None:
        client.force_login(world.viewer)
        keep(world.kanarra, 1)
        assert (
            "Kept for 1 day: nothing from before" in self.ask(client, "dashboard", world, range="7d").content.decode()
        )
        assert "Kept for" not in self.ask(client, "dashboard", world, range="6h").content.decode()
