"""What devices report, for programs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from config.ingest import ingest
from devices.lifecycle import assignments
from devices.models import Assignment
from devices.mqtt.messages import Message
from telemetry.ingest.times import count_milliseconds
from telemetry.models import Latest, Report
from tests.telemetry.reports import now

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@pytest.fixture
def viewer(client: Client, world: World) -> Client:
    client.force_login(world.viewer)
    return client


def report(world: World, minutes: int, **data: float | str) -> None:
    device, at = world.placed, timezone.now() - timedelta(minutes=minutes)
    Report.objects.create(device=device, at=at, assignment_id=device.assignment_id, data=data)
    values = {name: [value, count_milliseconds(at)] for name, value in data.items()}
    Latest.objects.update_or_create(device=device, defaults={"assignment_id": device.assignment_id, "data": values})


def test_latest_values_and_a_series(viewer: Client, world: World) -> None:
    report(world, 30, rpm=1500)
    report(world, 10, rpm=1800.5, engineState="running")
    url = f"/api/v1/devices/{world.placed.serial}"
    latest = {row["attribute"]: row for row in viewer.get(f"{url}/latest/").json()["results"]}
    assert (latest["rpm"]["value"], latest["rpm"]["unit"], latest["engineState"]["value"]) == (1800.5, "rpm", "running")
    series = viewer.get(f"{url}/telemetry/", {"attribute": "rpm", "range": "1h"}).json()
    assert (series["bucket"], series["values"], len(series["times"])) == (0, {"rpm": [1500, 1800.5]}, 2)
    assert series["end"] - series["start"] == 3_600_000


@pytest.mark.parametrize(("seconds", "says"), [(7_500, "2 h 5 min"), (80, "80 s"), (20, None), (-300, None)])
def test_a_clock_that_is_ahead_is_said_to_be_and_by_how_much(
    viewer: Client, world: World, seconds: int, says: str | None
) -> None:
    Assignment.objects.update(opened_at=timezone.now() - timedelta(hours=1))
    url = f"/api/v1/devices/{world.placed.serial}/latest/"

    def send(**body: object) -> dict[str, dict[str, object]]:
        ingest([Message(world.placed.device_id, json.dumps(body).encode(), timezone.now())])
        return {row["attribute"]: row for row in viewer.get(url).json()["results"]}

    own = now() + timedelta(seconds=seconds, milliseconds=200)
    row = send(data={"rpm": 888}, time=own.isoformat())["rpm"]
    page = f"/devices/{world.placed.serial}/"
    html = viewer.get(page).content.decode()
    if says:
        assert datetime.fromisoformat(str(row["at"])) == own
        assert row["ahead_seconds"] == seconds
        assert f"clock is {says} ahead" in html
        assert f"{says} ahead</dd>" in html
    else:
        assert row["ahead_seconds"] == 0
        assert "ahead" not in html
    row = send(data={"load": 1})["rpm"]  # of now: the clock is right again, and the older value still has its own time
    assert bool(row["ahead_seconds"]) == bool(says)
    assert "clock is" not in viewer.get(page).content.decode()
    assert send(data={"rpm": 1})["rpm"]["ahead_seconds"] == 0


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"range": "2y"}, "range"),
        ({"to": "2026-01-01"}, "to"),
        ({"from": "soon"}, "from"),
        ({"from": "2026-02-01T00:00Z", "to": "2026-01-01T00:00Z"}, "from"),
        ({"attribute": "engineState"}, "attribute"),
    ],
)
def test_bad_queries_name_their_parameter(viewer: Client, world: World, query: dict[str, str], parameter: str) -> None:
    answer = viewer.get(f"/api/v1/devices/{world.placed.serial}/telemetry/", query)
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, parameter)


def test_nothing_of_the_former_tenant(viewer: Client, world: World) -> None:
    report(world, 10, rpm=1500)
    assignments.assign(device=world.placed, group=world.anaheim, name="Again", model=world.placed.model, by=world.owner)
    url = f"/api/v1/devices/{world.placed.serial}"
    assert viewer.get(f"{url}/latest/").json() == {"results": []}
    assert viewer.get(f"{url}/telemetry/").json()["times"] == []
