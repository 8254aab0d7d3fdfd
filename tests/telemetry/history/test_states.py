"""States over time: stretches of what was reported, none where nothing was."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from devices.models import Assignment, Attribute
from telemetry.history import latest, runs, series, states
from tests.telemetry.reports import ms, now, save, timed

if TYPE_CHECKING:
    from datetime import datetime

    from django.test import Client

    from tests.conftest import World

HOUR = timedelta(hours=1)


@pytest.fixture
def viewer(client: Client, world: World) -> Client:
    Assignment.objects.update(opened_at=now() - timedelta(days=60))
    client.force_login(world.viewer)
    return client


def ask(client: Client, world: World, start: datetime, name: str = "engineState") -> Any:
    url = reverse("telemetry:api-timeline", kwargs={"serial": world.placed.serial})
    answer = client.get(url, {"from": str(ms(start)), "to": str(ms(start + HOUR)), "attribute": name})
    assert answer.status_code == 200, answer.content
    return answer.json()["timelines"][name]


def report(world: World, start: datetime, *told: tuple[int, object]) -> None:
    save(*[timed(world.placed, start + timedelta(seconds=at), engineState=state) for at, state in told])  # type: ignore[arg-type]


def shown(timeline: Any, start: datetime) -> list[tuple[int, int, str]]:
    return [
        ((stretch["start"] - ms(start)) // 1000, (stretch["end"] - ms(start)) // 1000, " ".join(stretch["states"]))
        for stretch in timeline["stretches"]
    ]


def test_a_state_lasts_until_the_next_and_an_outage_is_a_gap(viewer: Client, world: World) -> None:
    start = now() - 2 * HOUR
    report(world, start, *[(at, "running") for at in range(0, 300, 10)], *[(at, "fault") for at in range(300, 600, 10)])
    report(world, start, (1800, "running"), *[(at, "idle") for at in range(3000, 3100, 10)])
    assert shown(ask(viewer, world, start), start) == [
        (0, 300, "running"),
        (300, 590, "fault"),
        (1800, 1800, "running"),
        (3000, 3090, "idle"),
    ]


def test_one_report_is_a_moment_and_none_is_nothing(viewer: Client, world: World) -> None:
    start = now() - 2 * HOUR
    assert ask(viewer, world, start) == {"stretches": [], "too_many": False}
    report(world, start, (60, "running"))
    assert shown(ask(viewer, world, start), start) == [(60, 60, "running")]


def test_on_and_off(viewer: Client, world: World) -> None:
    start = now() - 2 * HOUR
    save(*[timed(world.placed, start + timedelta(seconds=at), registerButton=at == 20) for at in (0, 10, 20, 30)])
    told = shown(ask(viewer, world, start, "registerButton"), start)
    assert told == [(0, 20, "Off"), (20, 30, "On"), (30, 30, "Off")]


def test_many_reports_come_by_bucket_and_no_state_is_lost(
    viewer: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "BUCKETS", 61)
    monkeypatch.setattr(states, "BUCKETS", 61)
    start = (now() - 2 * HOUR).replace(minute=0, second=0, microsecond=0)
    report(
        world,
        start,
        *[(at, "fault" if at == 1510 else "running") for at in range(0, 3600, 10) if at < 1800 or at > 2400],
    )
    told = shown(ask(viewer, world, start), start)
    assert told == [
        (0, 1500, "running"),
        (1500, 1560, "running fault"),
        (1560, 1790, "running"),
        (2410, 3590, "running"),
    ]


def test_texts_that_are_no_states(viewer: Client, world: World) -> None:
    start = now() - 2 * HOUR
    report(world, start, *[(at, f"line {at}") for at in range(30)])
    assert ask(viewer, world, start) == {"stretches": [], "too_many": True}
    report(world, start + HOUR, (1, "F" * 200_000))
    ((_, _, state),) = shown(ask(viewer, world, start + HOUR), start + HOUR)
    assert state == "F" * runs.LENGTH + "…"


def test_what_is_no_state_is_refused_and_of_all_the_first_are_told(viewer: Client, world: World) -> None:
    url = reverse("telemetry:api-timeline", kwargs={"serial": world.placed.serial})
    answer = viewer.get(url, {"attribute": "rpm"})
    assert (answer.status_code, answer.json()["code"]) == (400, "state-unknown")
    assert "engineState" in answer.json()["detail"]
    more = [Attribute(version=world.version, name=f"s{n}", label=f"S{n}", type="string") for n in range(30)]
    Attribute.objects.bulk_create(more)
    latest._declared.clear()  # a recipe's version never changes but in tests
    assert len(viewer.get(url).json()["timelines"]) == 20


def test_the_page_asks_for_the_same(viewer: Client, world: World) -> None:
    start = now() - HOUR / 2
    report(world, start, (0, "fault"), (5, "running"))
    body = viewer.get(reverse("telemetry:timeline", kwargs={"serial": world.placed.serial})).json()
    assert [stretch["states"] for stretch in body["timelines"]["engineState"]["stretches"]] == [["fault"], ["running"]]
    assert body["tones"] == {"fault": "bad", "running": "good"}


@pytest.mark.parametrize("most", [61, 20], ids=["by bucket", "thinned out"])
def test_a_state_that_changes_often_is_told_by_bucket_and_an_outage_is_still_one(
    viewer: Client, world: World, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """More stretches than can be drawn become one a bucket, with all its states; none goes over a gap."""
    monkeypatch.setattr(states, "BUCKETS", most)
    monkeypatch.setattr(series, "BUCKETS", 61)
    start = (now() - 2 * HOUR).replace(minute=0, second=0, microsecond=0)
    report(world, start, *[(at, "on" if at % 20 else "off") for at in range(0, 600, 10)])
    report(world, start, *[(at, "on" if at % 20 else "off") for at in range(900, 1200, 10)])
    told = shown(ask(viewer, world, start), start)
    assert {word for _, _, words in told for word in words.split()} == {"on", "off"}
    assert (told[0][0], told[-1][1]) == (0, 1190)
    assert not [each for each in told if each[0] < 600 and each[1] > 890]
    assert 590 in {end for _, end, _ in told}
    assert 900 in {begin for begin, _, _ in told}
    assert len(told) <= 61


@pytest.mark.parametrize(("length", "state"), [(60, "F" * 60), (61, "F" * 60 + "…"), (62, "F" * 60 + "…")])
def test_a_state_is_shown_by_its_beginning_where_it_is_long(
    viewer: Client, world: World, length: int, state: str
) -> None:
    start = now() - 2 * HOUR
    report(world, start, (60, "F" * length))
    assert shown(ask(viewer, world, start), start) == [(60, 60, state)]


@pytest.mark.parametrize(("number", "too_many"), [(runs.MOST_STATES, False), (runs.MOST_STATES + 1, True)])
def test_of_more_states_than_states_are_none_is_told(viewer: Client, world: World, number: int, too_many: bool) -> None:
    start = now() - 2 * HOUR
    report(world, start, *[(10 * at, f"s{at:02}") for at in range(number)])
    told = ask(viewer, world, start)
    assert (told["too_many"], len(told["stretches"])) == (too_many, 0 if too_many else number)


@pytest.mark.parametrize("value", ["on", True, False, None, 7, 1.5, ["a"], {"b": 1}, "x" * 100], ids=repr)
def test_what_is_read_from_packed_days_is_what_the_database_reads(value: object) -> None:
    text = states.find_text(value)
    if value is None or isinstance(value, bool | str):
        assert text == runs.find_state(value)
    else:
        assert text == json.dumps(value)
    assert text is None or len(text) <= runs.LENGTH + 1
