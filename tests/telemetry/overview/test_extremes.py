"""Which device is lowest and which is highest, of each number that recipes declare."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from devices.models import Attribute
from telemetry.overview.extremes import Extremes, find_extremes
from telemetry.overview.look import Seen

if TYPE_CHECKING:
    from devices.mqtt.messages import Value


def declare(name: str, version: int = 1, *, pk: int = 0, type: str = "number", **fields: object) -> Attribute:
    return Attribute(pk=pk, version_id=version, name=name, type=type, **{"label": name, **fields})


def see(pk: int, version: int = 1, **values: Value) -> Seen:
    return Seen(pk, f"S{pk}", f"Pump {pk}", version, "online", {name: (value, 5_000) for name, value in values.items()})


def ends(found: list[Extremes]) -> list[tuple[str, int, int, int]]:
    """Of each its label, the keys of the lowest and the highest device, and of how many."""
    return [(each.attribute.label, each.lowest.device.pk, each.highest.device.pk, each.devices) for each in found]


def test_the_lowest_and_the_highest_are_told_with_value_and_time() -> None:
    (found,) = find_extremes([see(1, rpm=1500), see(2, rpm=-3.5), see(3, rpm=1800)], [declare("rpm")])
    assert ends([found]) == [("rpm", 2, 3, 3)]
    assert (found.lowest.value, found.highest.value) == (-3.5, 1800)
    assert found.lowest.at == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("value", [True, False, "1500", None], ids=repr)
def test_what_is_no_number_is_neither(value: Value) -> None:
    assert ends(find_extremes([see(1, rpm=value), see(2, rpm=7)], [declare("rpm")])) == [("rpm", 2, 2, 1)]
    assert find_extremes([see(1, rpm=value)], [declare("rpm")]) == []


@pytest.mark.parametrize("type", ["string", "boolean", "gps"])
def test_only_what_is_declared_as_a_number_is_compared(type: str) -> None:
    assert find_extremes([see(1, rpm=7)], [declare("rpm", type=type)]) == []


def test_what_a_devices_own_recipe_does_not_declare_is_not_compared() -> None:
    assert ends(
        find_extremes([see(1, rpm=1, load=9), see(2, 2, rpm=5, load=3)], [declare("rpm"), declare("load", 2)])
    ) == [("load", 2, 2, 1), ("rpm", 1, 1, 1)]


@pytest.mark.parametrize("order", [1, -1])
def test_of_equal_values_the_first_name_stands(order: int) -> None:
    devices = [see(pk, rpm=7) for pk in (4, 2, 3)][::order]
    assert ends(find_extremes(devices, [declare("rpm")])) == [("rpm", 2, 2, 3)]


@pytest.mark.parametrize("order", [1, -1])
def test_of_equal_values_and_names_the_older_device_stands(order: int) -> None:
    devices = [see(pk, rpm=7)._replace(name="Pump") for pk in (4, 2, 3)][::order]
    assert ends(find_extremes(devices, [declare("rpm")])) == [("rpm", 2, 2, 3)]


def test_a_name_that_begins_another_is_the_first_at_both_ends() -> None:
    devices = [see(1, rpm=7)._replace(name="Pump 10"), see(2, rpm=7)._replace(name="Pump 1")]
    assert ends(find_extremes(devices, [declare("rpm")])) == [("rpm", 2, 2, 2)]


def test_one_name_in_two_units_is_compared_apart() -> None:
    declared = [declare("heat", 1, unit="K", label="Heat in K"), declare("heat", 2, unit="°C", label="Heat in °C")]
    found = find_extremes([see(1, 1, heat=300), see(2, 2, heat=30), see(3, 2, heat=40)], declared)
    assert ends(found) == [("Heat in K", 1, 1, 1), ("Heat in °C", 2, 3, 2)]


@pytest.mark.parametrize("order", [1, -1])
def test_versions_of_a_recipe_are_compared_together_in_the_newest_ones_words(order: int) -> None:
    declared = [declare("rpm", 1, label="Speed", position=1), declare("rpm", 2, label="Engine speed", position=9)]
    found = find_extremes([see(1, 1, rpm=5), see(2, 2, rpm=7)], declared[::order])
    assert ends(found) == [("Engine speed", 1, 2, 2)]


def test_they_come_in_the_recipes_order_then_by_label() -> None:
    declared = [
        declare("a", position=2, label="Zinc"),
        declare("b", position=1, label="Water"),
        declare("c", position=2, label="Air"),
        declare("d", position=2, label="Air", unit="V", pk=9),
    ]
    found = find_extremes([see(1, a=1, b=1, c=1, d=1)], declared)
    assert [(each.attribute.label, each.attribute.unit) for each in found] == [
        ("Water", ""),
        ("Air", ""),
        ("Air", "V"),
        ("Zinc", ""),
    ]
