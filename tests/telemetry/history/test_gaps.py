"""An outage is the same seconds in every range and everywhere, whether its reports are read singly or in buckets."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from devices.models import Assignment
from telemetry.history import time_range
from telemetry.history.gaps import AROUND, LEAST_MS, Bucket, Pause, find_gaps, find_longest, list_pauses
from telemetry.history.gaps import list_pauses_of_buckets as of_buckets
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


# The rule itself --------------------------------------------------------------------------------

S = 1_000


def gaps_of(*pauses: int) -> list[int]:
    """Which of pauses of so many seconds are gaps, by their number."""
    times = [0]
    for pause in pauses:
        times.append(times[-1] + pause * S)
    found = find_gaps(list_pauses(times))
    return [times.index(start) for start, _ in found]


@pytest.mark.parametrize(
    ("pauses", "gaps"),
    [
        ([], []),
        ([20], []),
        ([21], [0]),
        ([5, 5, 20, 5, 5], []),
        ([5, 5, 21, 5, 5], [2]),
        ([60] * 9 + [120] + [60] * 9, []),
        ([60] * 9 + [121] + [60] * 9, [9]),
        ([121] + [60] * 9, [0]),
        ([60] * 9 + [121], [9]),
        ([5] * 9 + [65, 5, 5, 5, 66] + [5] * 9, [9, 13]),
        ([5] * 8 + [60] * 9, []),  # it reports less often from here on
        ([5] * 12 + [60, 60, 60] + [5] * 12, [12, 13, 14]),
    ],
)
def test_a_pause_is_a_gap_where_it_is_longer_than_twice_the_usual_one_around_it(
    pauses: list[int], gaps: list[int]
) -> None:
    assert gaps_of(*pauses) == gaps


def test_what_lies_further_off_judges_nothing() -> None:
    assert gaps_of(*[300] * 20, *[5] * AROUND, 30, *[5] * AROUND, *[300] * 20) == [28]


@pytest.mark.parametrize(
    ("lengths", "longest"),
    [
        ([], LEAST_MS),
        ([5 * S], LEAST_MS),
        ([10 * S], LEAST_MS),
        ([11 * S], 22 * S),
        ([5 * S, 60 * S], 120 * S),
        ([5 * S, 5 * S, 60 * S], LEAST_MS),
        ([90 * S, 30 * S, 60 * S], 120 * S),
    ],
)
def test_up_to_how_long_a_pause_is_none_to_speak_of(lengths: list[int], longest: int) -> None:
    assert find_longest(Pause(0, length) for length in lengths) == longest


def test_between_buckets_lie_pauses_and_inside_the_longest_and_the_usual_ones() -> None:
    buckets = [Bucket(0, 50 * S, 6), Bucket(60 * S, 60 * S, 1), Bucket(100 * S, 160 * S, 4)]
    assert of_buckets(buckets, [(100 * S, 140 * S)]) == [
        *[Pause(0, 10 * S, usual=True)] * 5,
        Pause(50 * S, 60 * S),
        Pause(60 * S, 100 * S),
        *[Pause(100 * S, 110 * S, usual=True)] * 2,
        Pause(100 * S, 140 * S),
    ]


def test_usual_pauses_of_a_bucket_are_no_more_than_judge_and_are_themselves_no_gaps() -> None:
    pauses = of_buckets([Bucket(0, 3_000 * S, 101)], [])
    assert pauses == [Pause(0, 30 * S, usual=True)] * AROUND
    assert find_gaps(pauses) == []
    assert find_gaps([*pauses, Pause(3_000 * S, 3_061 * S)]) == [(3_000 * S, 3_061 * S)]


def test_a_long_pause_over_the_end_of_a_bucket_is_not_inside_of_it() -> None:
    buckets = [Bucket(0, 10 * S, 2), Bucket(50 * S, 60 * S, 2)]
    inside = of_buckets(buckets, [(10 * S, 50 * S)])
    assert inside.count(Pause(10 * S, 50 * S)) == 1
    assert len(inside) == 3
