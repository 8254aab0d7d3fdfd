"""What a page shows of now: each value as what it is, the version by which it knows that it is old, what is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from devices.models import Attribute, Device
from telemetry.dashboard import readings
from telemetry.dashboard.readings import Reading, build_version
from telemetry.history import latest
from telemetry.refusals import ATTRIBUTE_UNKNOWN, STATE_UNKNOWN
from tests.refused import refused
from tests.telemetry.reports import now, save, timed, untimed

if TYPE_CHECKING:
    from devices.mqtt.messages import Value
    from tests.conftest import World

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("type", "value", "is_number", "position"),
    [
        ("number", 7, True, ""),
        ("number", -0.5, True, ""),
        ("number", 0, True, ""),
        ("boolean", True, False, ""),
        ("boolean", False, False, ""),
        ("string", "7", False, ""),
        ("string", "37.5,-122", False, ""),
        ("gps", "37.5,-122", False, "37.50000° N, 122.00000° W"),
        ("gps", "somewhere", False, ""),
        ("gps", 7, True, ""),
    ],
)
def test_a_value_is_a_number_a_place_or_a_state(type: str, value: Value, *, is_number: bool, position: str) -> None:
    reading = Reading(Attribute(type=type), value, AT)
    assert (reading.is_number, reading.position) == (is_number, position)


@pytest.mark.parametrize(
    ("low", "high", "value", "outside"),
    [
        (None, None, 10**9, False),
        (0, 100, 0, False),
        (0, 100, 100, False),
        (0, 100, 100.1, True),
        (0, 100, -0.1, True),
        (0, None, 10**9, False),
        (None, 0, -(10**9), False),
        (0, None, -1, True),
        (2, None, True, False),
        (2, None, "1", False),
    ],
)
def test_a_number_is_outside_where_the_recipe_expects_another(
    low: float | None, high: float | None, value: Value, *, outside: bool
) -> None:
    assert Reading(Attribute(minimum=low, maximum=high), value, AT).is_outside is outside


def test_what_was_ahead_of_our_clock_arrived_when_it_did() -> None:
    assert Reading(Attribute(), 1, AT).arrived_at == AT
    assert Reading(Attribute(), 1, AT, timedelta(hours=2)).arrived_at == AT - timedelta(hours=2)


VERSION: dict[str, Any] = {
    "assignment": 7,
    "status": "online",
    "values": {"rpm": (1, 5)},
    "dropped": [None, 0, 0, 0, 0],
}


@pytest.mark.parametrize(
    "change",
    [
        {"assignment": 8},
        {"assignment": None},
        {"status": "offline"},
        {"values": {"rpm": (2, 5)}},
        {"values": {"rpm": (1, 6)}},
        {"values": {"rpm": (1, 5), "load": (1, 5)}},
        *({"dropped": [1 if at == n else first for at, first in enumerate([None, 0, 0, 0, 0])]} for n in range(5)),
        {"dropped": [0, 0, 0, 0, 0]},
    ],
    ids=str,
)
def test_a_page_is_old_once_anything_that_it_shows_is_another(change: dict[str, Any]) -> None:
    assert build_version(**{**VERSION, **change}) != build_version(**VERSION)


def test_a_page_is_not_old_for_the_order_of_its_values() -> None:
    one: Any = {"a": (1, 5), "b": (2, 5)}
    other = dict(reversed(one.items()))
    assert build_version(1, "online", one, []) == build_version(1, "online", other, [])


def test_latest_values_come_in_the_recipes_order_and_only_those_that_were_reported(world: World) -> None:
    at = now()
    save(timed(world.placed, at, load=2.5, rpm=1800, registerButton=True))
    found = readings.list_readings(world.placed, readings.list_attributes(world.placed))
    assert [(each.attribute.name, each.value, each.lead) for each in found] == [
        ("registerButton", True, None),
        ("rpm", 1800, None),
        ("load", 2.5, None),
    ]
    assert {each.at for each in found} == {at}


def test_of_a_device_without_values_and_of_a_former_assignment_there_are_none(world: World) -> None:
    declared = readings.list_attributes(world.placed)
    assert readings.list_readings(world.placed, declared) == []
    save(timed(world.placed, now(), rpm=1800))
    former = Device.objects.get(pk=world.placed.pk)
    former.assignment_id = None
    assert readings.list_readings(former, declared) == []
    assert len(readings.list_readings(world.placed, declared)) == 1


def test_the_newest_reports_come_first_with_each_attribute_in_its_column(world: World) -> None:
    at = now()
    save(*[timed(world.placed, at + timedelta(seconds=n), rpm=1000 * n) for n in range(4)])
    save(untimed(world.placed, at + timedelta(seconds=9), engineState="fault"))
    names = ["engineState", "rpm"]
    declared = sorted(readings.list_attributes(world.placed), key=lambda each: each.name)
    shown = [each for each in declared if each.name in names]
    found = readings.list_recent_reports(world.placed, shown, 3)
    assert [values for _, values in found] == [["fault", "–"], ["–", "3,000"], ["–", "2,000"]]
    assert [told for told, _ in found] == [at + timedelta(seconds=n) for n in (9, 3, 2)]


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [([], ["rpm", "load"]), (["load"], ["load"]), (["load", "rpm", "load"], ["load", "rpm"])],
)
def test_numbers_are_those_asked_for_or_all(world: World, asked: list[str], chosen: list[str]) -> None:
    assert readings.choose_numeric(world.placed, asked) == chosen


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ([], ["engineState", "registerButton"]),
        (["registerButton"], ["registerButton"]),
        (["registerButton", "engineState", "registerButton"], ["registerButton", "engineState"]),
    ],
)
def test_states_are_those_asked_for_or_all(world: World, asked: list[str], chosen: list[str]) -> None:
    assert [each.name for each in readings.choose_states(world.placed, asked)] == chosen


@pytest.mark.parametrize("name", ["engineState", "speed", "", "x" * 300])
def test_what_is_no_number_is_refused_with_what_there_is(world: World, name: str) -> None:
    with refused(ATTRIBUTE_UNKNOWN, match="It reports rpm, load: ask for these") as caught:
        readings.choose_numeric(world.placed, ["rpm", name])
    assert (caught.value.field, caught.value.facts["name"]) == ("attribute", name[:64])
    Attribute.objects.filter(version=world.version, type="number").delete()
    latest._declared.clear()
    with refused(ATTRIBUTE_UNKNOWN, match="It reports none"):
        readings.choose_numeric(world.placed, [name])


def test_what_is_no_state_is_refused_with_what_there_is(world: World) -> None:
    with refused(STATE_UNKNOWN, match="It reports engineState, registerButton: ask for these"):
        readings.choose_states(world.placed, ["rpm"])
    Attribute.objects.filter(version=world.version).exclude(type="number").delete()
    latest._declared.clear()
    with refused(STATE_UNKNOWN, match="It reports none"):
        readings.choose_states(world.placed, ["engineState"])
    assert readings.choose_states(world.placed, []) == []


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("viewer", ["Sadler-Isberg", "Los Angeles", "Kaiser Permanente Anaheim"]),
        ("owner", ["Kanarra", "Sadler-Isberg", "Los Angeles", "Kaiser Permanente Anaheim"]),
        ("sibling", []),
    ],
)
def test_the_groups_above_a_device_are_named_as_far_as_one_sees_them(world: World, who: str, path: list[str]) -> None:
    assert [group.name for group in readings.list_path(getattr(world, who), world.placed)] == path
    assert readings.list_path(world.owner, world.waiting) == []
