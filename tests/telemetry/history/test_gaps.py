"""An outage is the same seconds in every range and everywhere, whether its reports are read singly or in buckets."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from devices.models import Assignment
from telemetry.history import time_range
from telemetry.models import Report
from tests.telemetry.reports import ms, now

if TYPE_CHECKING:
    from datetime import datetime

    from django.test import Client

    from tests.conftest import World

Spans = list[tuple[int, int]]

LATE = [  # seconds: 85 running, an outage of 65, 25 cooling, an outage of 66, running again
    *((at, "running") for at in range(0, 90, 5)),
    *((at, "cooling") for at in range(150, 180, 5)),
    *((at, "running") for at in range(241, 300, 5)),
]
OUTAGES = [(85, 150), (175, 241)]
STATES = [(0, 85, "running"), (150, 175, "cooling"), (241, 296, "running")]


@pytest.fixture
def viewer(client: Client, world: World) -> Client:
    Assignment.objects.update(opened_at=now() - timedelta(days=60))
    client.force_login(world.viewer)
    return client


def write(world: World, start: datetime, told: list[tuple[int, str]]) -> None:
    Report.objects.bulk_create(
        Report(
            device=world.placed,
            assignment_id=world.placed.assignment_id,
            at=start + timedelta(seconds=at),
            data={"rpm": at, "engineState": state},
        )
        for at, state in told
    )


def ask(client: Client, world: World, name: str, attribute: str, span: str) -> Any:
    url = reverse(f"telemetry:api-{name}", kwargs={"serial": world.placed.serial})
    answer = client.get(url, {"range": span, "attribute": attribute})
    assert answer.status_code == 200
    return answer.json()


def seconds(spans: list[list[int]], start: datetime) -> Spans:
    return [((begin - ms(start)) // 1000, (end - ms(start)) // 1000) for begin, end in spans if end >= ms(start)]


def charted(client: Client, world: World, start: datetime, span: str) -> tuple[Spans, int]:
    body = ask(client, world, "telemetry", "rpm", span)
    return seconds(body["gaps"]["rpm"], start), body["bucket"]


def listed(client: Client, world: World, start: datetime, span: str) -> list[tuple[int, int, str]]:
    stretches = ask(client, world, "timeline", "engineState", span)["timelines"]["engineState"]["stretches"]
    found = seconds([[each["start"], each["end"]] for each in stretches], start)
    kept = [each for each in stretches if each["end"] >= ms(start)]
    return [(*ends, " ".join(each["states"])) for ends, each in zip(found, kept, strict=True)]


@pytest.mark.parametrize("span", time_range.RANGES)
@pytest.mark.parametrize("before", [None, 5, 60], ids=["alone", "after many", "after slower ones"])
def test_an_outage_is_the_same_in_every_range(viewer: Client, world: World, span: str, before: int | None) -> None:
    """Before them came nothing; so many, as often, that long ranges have buckets of hours; slower ones, read singly."""
    start = now() - timedelta(minutes=20)
    write(world, start, LATE)
    if before:
        write(world, start, [(-before * n, "running") for n in range(1, 1501 if before == 5 else 300)])
    gaps, bucket = charted(viewer, world, start, span)
    assert gaps == OUTAGES
    if before is None:
        assert bucket == 0
        assert listed(viewer, world, start, span) == STATES
    told = listed(viewer, world, start, span)
    silent = [(end, begin) for (_, end, _), (begin, _, _) in pairwise(told) if begin > end]
    assert silent == OUTAGES
    if before and span != "1h":
        assert (bucket > 0) == (before == 5)


def test_what_reports_slowly_has_no_gaps_and_a_lone_pause_is_one(viewer: Client, world: World) -> None:
    start = now() - timedelta(hours=5)
    write(world, start, [(60 * n + n % 7, "running") for n in range(120)])
    assert charted(viewer, world, start, "6h") == ([], 0)
    assert len(listed(viewer, world, start, "6h")) == 1
    write(world, start, [(60 * 119 + 1000, "running")])
    assert charted(viewer, world, start, "6h")[0] == [(7140, 8140)]


def test_an_attribute_that_falls_silent_alone_has_its_own_gap(viewer: Client, world: World) -> None:
    start = now() - timedelta(minutes=50)
    write(world, start, [(4 * n, "running") for n in range(700)])
    Report.objects.filter(at__gt=start + timedelta(seconds=400), at__lt=start + timedelta(seconds=800)).update(
        data={"load": 1}
    )
    gaps, bucket = charted(viewer, world, start, "24h")
    assert (gaps, bucket) == ([(400, 800)], 145)
    assert [each[:2] for each in listed(viewer, world, start, "24h")] == [(0, 400), (800, 2796)]


def test_an_attribute_that_falls_silent_inside_of_a_bucket_has_its_gap_beside_others(
    viewer: Client, world: World
) -> None:
    start = now() - timedelta(minutes=50)
    write(world, start, [(4 * n, "running") for n in range(700)])
    silent = Report.objects.filter(at__gt=start + timedelta(seconds=400), at__lt=start + timedelta(seconds=440))
    silent.update(data={"load": 1})
    url = reverse("telemetry:api-telemetry", kwargs={"serial": world.placed.serial})
    for span in time_range.RANGES:
        assert seconds(viewer.get(url, {"range": span}).json()["gaps"]["rpm"], start) == [(400, 440)]
