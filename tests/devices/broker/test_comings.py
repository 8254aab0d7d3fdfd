"""What RabbitMQ tells of who came and who left, and what is made of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from devices.broker.comings import Said, read_event, store
from devices.models import ConnectedStretch, Device

if TYPE_CHECKING:
    from tests.conftest import World

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MS = int(START.timestamp() * 1000)
ID = "70d5c822eb36ce19b1045596"
CLOSED = {
    "name": "127.0.0.1:33192 -> 127.0.0.1:1883",
    "node": "rabbit@host",
    "pid": "<rabbit@host.1795925989.1024.0>",
    "timestamp_in_ms": MS,
}
CREATED = CLOSED | {"user": "52c1cf461ab291560c9c5e61e2ab600d", "protocol": "{'MQTT',\"3.1.1\"}"}
NAMED = [
    {"variable_map": f'#{{<<"client_id">> => <<"{ID}">>}}', "client_properties": []},  # 3.10.8
    {"client_id": ID},
    {"client_properties": [f'{{<<"client_id">>,longstr,<<"{ID}">>}}']},
]


@pytest.mark.parametrize("named", NAMED)
def test_a_coming_names_its_device(named: dict[str, Any]) -> None:
    said = read_event("connection.created", CREATED | named, "site")
    assert said == Said(True, START, "rabbit@host.1795925989.1024.0", "rabbit@host.1795925989", ID, by_site=False)
    taken = read_event("connection.created", CREATED | named | {"user": "site"}, "site")
    assert taken is not None
    assert taken.by_site


def test_an_end_names_the_connection_alone() -> None:
    said = read_event("connection.closed", CLOSED, "site")
    assert said == Said(False, START, "rabbit@host.1795925989.1024.0", "rabbit@host.1795925989", "", by_site=False)


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        ("queue.created", CREATED),
        ("connection.created", {}),
        ("connection.created", CREATED | {"pid": "x"}),
        ("connection.closed", CLOSED | {"timestamp_in_ms": "soon"}),
        ("connection.closed", {"pid": None, "timestamp_in_ms": 3}),
    ],
)
def test_what_is_no_such_event_is_none(key: str, headers: dict[str, Any]) -> None:
    assert read_event(key, headers, "site") is None


def came(device: Device, seconds: float, number: int, *, run: str = "rabbit@host.1", by_site: bool = False) -> Said:
    at = START + timedelta(seconds=seconds)
    return Said(True, at, f"{run}.{number}.0", run, device.device_id, by_site)


def left(seconds: float, number: int, *, run: str = "rabbit@host.1") -> Said:
    return Said(False, START + timedelta(seconds=seconds), f"{run}.{number}.0", run, "", by_site=False)


def told(device: Device) -> list[tuple[float, float | None, str]]:
    rows = ConnectedStretch.objects.filter(device=device).order_by("number")
    return [
        ((row.started_at - START).total_seconds(), (row.ended_at - START).total_seconds(), row.reason)
        if row.ended_at
        else ((row.started_at - START).total_seconds(), None, row.reason)
        for row in rows
    ]


def test_it_came_and_left_in_batches_or_in_one(world: World) -> None:
    store([came(world.placed, 0, 1)])
    store([left(600, 1)])
    store([came(world.placed, 900, 2), left(1800, 2)])
    assert told(world.placed) == [(0, 600, "untold"), (900, 1800, "untold")]


def test_repeated_it_is_the_same(world: World) -> None:
    for _ in range(2):
        store([came(world.placed, 0, 1), came(world.placed, 500, 2), left(500.1, 1)])
    assert told(world.placed) == [(0, 500, "taken-over"), (500, None, "")]


def test_one_that_is_taken_over_ends_before_the_broker_says_so(world: World) -> None:
    store([came(world.placed, 0, 1)])
    store([came(world.placed, 500, 2)])
    store([left(501, 1)])
    assert told(world.placed) == [(0, 500, "taken-over"), (500, None, "")]
    store([left(900, 2)])
    assert told(world.placed)[1] == (500, 900, "untold")


@pytest.mark.parametrize("batches", [1, 2])
def test_rabbitmq_4_may_tell_the_end_before_what_took_its_place(world: World, batches: int) -> None:
    store([came(world.placed, 0, 1)])
    events = [left(500, 1), came(world.placed, 500.001, 2)]
    for each in [events] if batches == 1 else [[said] for said in events]:
        store(each)
    assert told(world.placed) == [(0, 500, "taken-over"), (500.001, None, "")]
    store([left(900, 2), came(world.placed, 990, 3)])  # this one came back by itself
    assert told(world.placed)[1] == (500.001, 900, "untold")


@pytest.mark.parametrize("batches", [1, 2])
@pytest.mark.parametrize("first", ["the site", "the end"])
def test_what_the_site_ended_is_named(world: World, first: str, batches: int) -> None:
    store([came(world.placed, 0, 1)])
    Device.objects.filter(pk=world.placed.pk).update(locked_at=START)
    events = [came(world.placed, 500, 2, by_site=True), left(500, 1)]
    events = events if first == "the site" else events[::-1]
    for each in [events] if batches == 1 else [[said] for said in events]:
        store(each)
    store([left(500.2, 2)])
    assert told(world.placed) == [(0, 500, "locked")]


def test_who_left_before_the_site_came_left_by_itself(world: World) -> None:
    store([came(world.placed, 0, 1), left(500, 1)])
    Device.objects.filter(pk=world.placed.pk).update(locked_at=START)
    store([came(world.placed, 506, 2, by_site=True), left(506, 2)])
    assert told(world.placed) == [(0, 500, "untold")]


def test_a_broker_started_anew_had_nobody(world: World) -> None:
    """Its first word of anybody says so, be it of the site's own connection."""
    store([came(world.placed, 0, 1), came(world.foreign, 0, 2, run="rabbit@other.1")])
    store([Said(True, START + timedelta(seconds=900), "rabbit@host.2.1.0", "rabbit@host.2", "", by_site=True)])
    assert told(world.placed) == [(0, 0, "unseen")]  # it was never heard since it connected
    assert told(world.foreign) == [(0, None, "")]


def test_a_clock_that_is_ahead_tells_no_future(world: World) -> None:
    store([came(world.placed, 10_000_000_000, 1)])
    assert told(world.placed)[0][0] < 10_000_000_000


def test_strangers_are_passed_over(world: World) -> None:
    store([Said(True, START, "rabbit@host.1.1.0", "rabbit@host.1", "0" * 24, by_site=False), left(5, 7)])
    assert not ConnectedStretch.objects.exists()
