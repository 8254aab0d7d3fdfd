"""One clock for a person: their own time zone and hours, else the organisation's, on pages and in files."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices.models import Assignment
from lib import zones
from tenants.models import AccountEvent
from tests.devices.api import content
from tests.telemetry.reports import now, save, timed

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

AT = datetime(2026, 11, 27, 3, 59, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "hours", "text"),
    [
        ("UTC", "24", "2026-11-27 03:59:37 UTC"),
        ("America/Los_Angeles", "24", "2026-11-26 19:59:37 PST"),
        ("America/Los_Angeles", "12", "2026-11-26 7:59:37 PM PST"),
        ("Asia/Kathmandu", "12", "2026-11-27 9:44:37 AM UTC+0545"),
        ("Africa/Abidjan", "12", "2026-11-27 3:59:37 AM GMT"),
        ("Gone/Zone", "24", "2026-11-27 03:59:37 UTC"),
    ],
)
def test_a_moment_in_words(zone: str, hours: str, text: str) -> None:
    assert zones.PersonClock(zone, hours).describe(AT) == text


def choose(client: Client, **chosen: str) -> int:
    return client.post(reverse("tenants:clock"), {"time_zone": "", "clock": "", **chosen}).status_code


def shown(client: Client, world: World) -> str:
    html = client.get(reverse("telemetry:dashboard", kwargs={"serial": world.placed.serial})).content.decode()
    return html.split("<html")[1].split(">")[0] + html.split("<time")[1].split("</time>")[0]


def test_the_organisations_until_one_chooses_ones_own(client: Client, world: World) -> None:
    world.kanarra.time_zone, world.kanarra.clock = "America/Los_Angeles", "12"
    world.kanarra.save(update_fields=["time_zone", "clock"])
    save(timed(world.placed, now(), rpm=1))
    client.force_login(world.viewer)
    assert 'data-zone="America/Los_Angeles" data-clock="12"' in (html := shown(client, world))
    assert "M PST" in html or "M PDT" in html
    assert choose(client, time_zone="Asia/Tokyo", clock="24") == 302
    assert 'data-zone="Asia/Tokyo" data-clock="24"' in (html := shown(client, world))
    assert " JST" in html
    me = client.get(reverse("tenants:api-me")).json()
    assert (me["time_zone"], me["clock"]) == ("Asia/Tokyo", "24")
    assert choose(client) == 302
    assert 'data-zone="America/Los_Angeles"' in shown(client, world)
    page = client.get(reverse("tenants:account")).content.decode()
    assert "As the organisation: America/Los Angeles" in page


def test_a_change_is_told_once_among_the_accounts_events(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    for _ in range(2):
        assert choose(client, time_zone="Asia/Tokyo", clock="12") == 302
    assert [(event.kind, event.detail) for event in AccountEvent.objects.of(world.viewer)] == [
        ("clock-chosen", "Asia/Tokyo, 12 hours")
    ]
    page = client.get(reverse("tenants:sessions")).content.decode()
    assert "Time zone or hours chosen" in page


def test_what_is_no_zone_is_told_and_changes_nothing(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    assert choose(client, time_zone="Mars/Olympus") == 422
    assert choose(client, clock="13") == 422
    world.viewer.refresh_from_db()
    assert (world.viewer.time_zone, world.viewer.clock) == ("", "")
    assert not AccountEvent.objects.of(world.viewer).exists()


def test_files_tell_both_and_begin_as_spreadsheets_want(client: Client, world: World) -> None:
    Assignment.objects.update(opened_at=now() - timedelta(days=60))
    at = now() - timedelta(minutes=5)
    save(timed(world.placed, at, rpm=1, engineState="Öl"))
    client.force_login(world.owner)
    choose(client, time_zone="Asia/Tokyo")
    local = at + timedelta(hours=9)
    text = content(client.get(reverse("telemetry:export", kwargs={"serial": world.placed.serial}))).decode()
    head, row = csv.reader(text.removeprefix("\ufeff").splitlines())
    assert head[:2] == ["Time (UTC)", "Time (Asia/Tokyo)"]
    assert row[1] == f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03}"
    for export in (
        text,
        content(client.get(reverse("provisioning:journal-export"))).decode(),
        content(client.post("/actions/export/", {"serial": [world.placed.serial]})).decode(),
    ):
        assert export.startswith("\ufeff")
        assert "(Asia/Tokyo)" in export.splitlines()[0]


def test_programs_get_no_mark(client: Client, world: World) -> None:
    client.force_login(world.owner)
    url = reverse("devices:api-devices-export")
    answer = client.post(url, {"serials": [world.placed.serial]}, content_type="application/json")
    assert content(answer).startswith(b'"Serial"')
