"""What the charts ask for: points as they are, or buckets that lose no extreme."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.lifecycle import assignments
from devices.models import Assignment, Attribute
from telemetry.history import series
from telemetry.models import Report
from tests.telemetry.reports import EPOCH, ms, now, save, timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.test import Client

    from devices.mqtt.messages import Value
    from tests.conftest import World

    Point = tuple[int, dict[str, Value]]

START = EPOCH + timedelta(days=20_000)
NAMES = ["rpm", "Öl $.x"]

numbers = st.floats(-1e9, 1e9) | st.integers(-(2**53), 2**53)
values: st.SearchStrategy[Value] = numbers | st.booleans() | st.sampled_from(["12", "running"])
points = st.dictionaries(
    st.integers(0, 120_000), st.dictionaries(st.sampled_from([*NAMES, "other"]), values, min_size=1), max_size=60
).map(lambda found: sorted(found.items()))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "BUCKETS", 15)


def naive(found: Sequence[Point], name: str, seconds: int) -> dict[int, tuple[float, float, float]]:
    buckets = defaultdict(list)
    for offset, data in found:
        value = data.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            buckets[ms(START + timedelta(milliseconds=offset)) // (seconds * 1000)].append(float(value))
    return {n * seconds * 1000: (min(of), max(of), sum(of) / len(of)) for n, of in buckets.items()}


@pytest.mark.usefixtures("few")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=points, start=st.integers(0, 60_000), width=st.integers(1, 120_000))
def test_buckets_agree_with_a_naive_computation(world: World, found: list[Point], start: int, width: int) -> None:
    Report.objects.all().delete()
    Report.objects.bulk_create(
        Report(device=world.waiting, at=START + timedelta(milliseconds=offset), data=data) for offset, data in found
    )
    span = series.Span(START + timedelta(milliseconds=start), START + timedelta(milliseconds=start + width))
    read = series.read_series(world.waiting, NAMES, span)
    inside = [(at, data) for at, data in found if start <= at < start + width and data.keys() & set(NAMES)]
    if len(inside) <= series.BUCKETS:
        assert read.bucket == 0
        assert read.times == [ms(START + timedelta(milliseconds=at)) for at, _ in inside]
        assert [read.values["rpm"][n] for n, (_, data) in enumerate(inside) if _is_number(data.get("rpm"))] == [
            data["rpm"] for _, data in inside if _is_number(data.get("rpm"))
        ]
        return
    assert len(read.times) <= series.BUCKETS
    for name in NAMES:
        got = zip(read.times, read.low[name], read.high[name], read.values[name], strict=True)
        rows = {at: row for at, *row in got if row[0] is not None}
        expected = naive(inside, name, read.bucket)
        assert rows.keys() == expected.keys()
        for at, (low, high, mean) in expected.items():
            assert rows[at] == [low, high, pytest.approx(mean, rel=1e-9, abs=1e-3)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def ask(client: Client, world: World, **query: object) -> Any:
    url = reverse("telemetry:series", kwargs={"serial": world.placed.serial})
    return client.get(f"{url}?{urlencode(query, doseq=True)}", headers={"Accept": "application/json"})


@pytest.fixture
def viewer(client: Client, world: World) -> Client:
    client.force_login(world.viewer)
    return client


def test_gives_what_was_reported(viewer: Client, world: World) -> None:
    at = now()
    save(timed(world.placed, at, rpm=1800.5, load=3), timed(world.placed, at + timedelta(seconds=1), load=4))
    body = ask(viewer, world, **{"attribute": ["rpm", "load"], "from": ms(at), "to": ms(at) + 60_000}).json()
    assert body["times"] == [ms(at), ms(at) + 1000]
    assert body["values"] == {"rpm": [1800.5, None], "load": [3, 4]}
    assert (body["bucket"], body["from"], body["to"]) == (0, ms(at), ms(at) + 60_000)


def test_many_points_come_in_buckets(viewer: Client, world: World) -> None:
    begun = now() - timedelta(hours=1)
    Assignment.objects.update(opened_at=begun)
    save(*[timed(world.placed, begun + timedelta(seconds=3 * n), rpm=n % 50) for n in range(1_000)])
    body = ask(viewer, world, attribute="rpm", range="6h").json()
    assert body["bucket"] == 37  # 6 h in less than 600
    assert 80 <= len(body["times"]) <= 83
    assert (min(body["low"]["rpm"]), max(body["high"]["rpm"])) == (0, 49)


def test_without_a_name_all_numbers_come(viewer: Client, world: World) -> None:
    assert set(ask(viewer, world).json()["values"]) == {"rpm", "load"}


def test_a_device_without_numbers_has_no_series(viewer: Client, world: World) -> None:
    Attribute.objects.filter(version=world.version, type=Attribute.Type.NUMBER).delete()
    answer = ask(viewer, world)
    assert (answer.status_code, answer.json()["times"], answer.json()["values"]) == (200, [], {})


def test_from_includes_and_to_excludes(viewer: Client, world: World) -> None:
    at = now()
    save(*[timed(world.placed, at + timedelta(milliseconds=n), rpm=n) for n in range(3)])
    asked = {"from": ms(at), "to": ms(at) + 2}
    assert ask(viewer, world, **asked).json()["values"]["rpm"] == [0, 1]
    assert ask(viewer, world, **{"from": at.isoformat()}).status_code == 200


BAD = [
    ({"attribute": "rpmx"}, "“rpmx” is not a number that this device reports. It reports rpm, load"),
    ({"attribute": "engineState"}, "“engineState” is not a number"),
    ({"attribute": ""}, "“” is not a number"),
    ({"attribute": "\x00'; DROP TABLE"}, "is not a number"),
    ({"range": "2h"}, "“range” as one of 1h, 6h, 24h, 7d, 30d, 1y, all"),
    ({"from": "yesterday"}, "“from” is no time"),
    ({"from": ""}, "“from” is no time"),
    ({"from": "9" * 30}, "“from” is no time"),
    ({"from": "2026-02-31T00:00:00Z"}, "“from” is no time"),
    ({"from": "0", "to": "x"}, "“to” is no time"),
    ({"to": "0"}, "“to” needs a “from”"),
    ({"from": "1700000000002", "to": "1700000000001"}, "“from” must not be later than “to”"),
    ({"from": "0", "to": "999999999999"}, "3,660 days at most"),
]


@pytest.mark.parametrize(("query", "says"), BAD)
def test_bad_input_is_named(viewer: Client, world: World, query: dict[str, str], says: str) -> None:
    answer = ask(viewer, world, **query)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


@pytest.mark.parametrize("future", [False, True])
def test_a_new_tenant_sees_nothing_from_before(client: Client, world: World, future: bool) -> None:
    at = now() + timedelta(hours=20) * future
    save(timed(world.placed, at, rpm=1))
    assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)
    save(timed(world.placed, now() - timedelta(days=1), rpm=2))
    save(timed(world.placed, now() + timedelta(seconds=1), rpm=3))
    client.force_login(world.sibling)
    day = timedelta(days=2)
    body = ask(client, world, **{"from": (at - day).isoformat(), "to": (at + day).isoformat()}).json()
    assert body["values"]["rpm"] == [3]
    client.force_login(world.owner)
    assert ask(client, world, **{"from": (at - day).isoformat(), "to": (at + day).isoformat()}).json() == body


def test_span_of_datetimes_touches_at_most_the_buckets() -> None:
    for seconds in (1, 599, 600, 3600, 21_601, 86_400 * 366):
        start = datetime(2026, 1, 1, 0, 0, 0, 999_000, tzinfo=EPOCH.tzinfo)
        width = series.Span(start, start + timedelta(seconds=seconds)).bucket
        first, last = start.timestamp() // width, (start.timestamp() + seconds) // width
        assert last - first + 1 <= series.BUCKETS


GREATEST = 1.7976931348623157e308


@pytest.fixture
def since_long(world: World) -> datetime:
    begun = now() - timedelta(hours=1)
    Assignment.objects.update(opened_at=begun)
    return begun


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("number", [3, 40])
def test_the_greatest_numbers_are_shown(viewer: Client, world: World, since_long: datetime, number: int) -> None:
    """Sums of them, and of their squares, are no number any more."""
    numbers = [GREATEST, -GREATEST, 1.7e308, 1e200, 1e-300, 4.0] * 8
    at = [since_long + timedelta(seconds=1 + n) for n in range(number)]
    save(*[timed(world.placed, when, load=value, rpm=7) for when, value in zip(at, numbers, strict=False)])
    for route in ("telemetry:series", "telemetry:api-telemetry"):
        answer = viewer.get(reverse(route, kwargs={"serial": world.placed.serial}), {"range": "6h"})
        assert answer.status_code == 200
        shown = json.loads(answer.content, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        every = [value for kind in ("low", "high", "values") for value in shown[kind].get("load", []) if value]
        assert (max(every), min(every)) == (GREATEST, -GREATEST)
        assert set(filter(None, shown["values"]["rpm"])) == {7}


@pytest.mark.usefixtures("few")
def test_a_mean_of_the_greatest_is_no_greater(viewer: Client, world: World, since_long: datetime) -> None:
    save(*[timed(world.placed, since_long + timedelta(seconds=1 + n), load=GREATEST) for n in range(40)])
    means = ask(viewer, world, range="6h").json()["values"]["load"]
    assert means == [pytest.approx(GREATEST)] * len(means)
    assert max(means) <= GREATEST
