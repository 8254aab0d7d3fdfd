from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.attention import operations as attention
from devices.lifecycle import assignments
from devices.models import Attention, Attribute, Device, Event
from tests.telemetry.attention.saying import found, say, watch_rpm

if TYPE_CHECKING:
    from tests.conftest import World

MINUTE = timedelta(minutes=1)
TOLD = (Event.Kind.NEEDS_ATTENTION, Event.Kind.FINE_AGAIN)


@pytest.fixture(autouse=True)
def _watched(world: World) -> None:
    watch_rpm(world)


def told(device: Device) -> list[tuple[str, str]]:
    rows = Event.objects.filter(device=device, kind__in=TOLD).order_by("pk")
    return [(row.kind, row.data["attribute"]) for row in rows]


def test_a_value_outside_begins_it_and_one_inside_ends_it(world: World) -> None:
    say(world.placed, rpm=1800, engineState="running")
    assert found(world.placed) == []
    say(world.placed, rpm=2100)
    say(world.placed, rpm=2200)
    assert found(world.placed) == [("range", "rpm")]
    assert Attention.objects.get().value == 2100
    say(world.placed, engineState="fault")
    say(world.placed, engineState="alarm")
    assert found(world.placed) == [("fault", "engineState"), ("range", "rpm")]
    say(world.placed, rpm=1900, engineState="running")
    assert found(world.placed) == []
    kinds = ["needs-attention", "needs-attention", "fine-again", "fine-again"]
    assert [kind for kind, _ in told(world.placed)] == kinds


def test_a_late_report_of_an_old_value_changes_nothing(world: World) -> None:
    world.placed.assignments.update(opened_at=timezone.now() - timedelta(hours=2))
    say(world.placed, rpm=2100)
    say(world.placed, ago=MINUTE, rpm=1500)
    assert found(world.placed) == [("range", "rpm")]
    say(world.placed, rpm=1500)
    say(world.placed, ago=2 * MINUTE, rpm=2500)
    assert found(world.placed) == []


def test_what_is_in_no_group_is_nobodys_to_look_at(world: World) -> None:
    say(world.waiting, rpm=2100)
    assert not Attention.objects.exists()


def test_the_next_tenant_begins_anew_and_never_sees_the_former_ones(world: World) -> None:
    say(world.placed, rpm=2100)
    assert Attention.objects.visible_to(world.viewer).count() == 1
    assert not Attention.objects.visible_to(world.sibling).exists()
    assert not Attention.objects.visible_to(world.stranger).exists()
    assignments.release(device=world.placed, by=world.owner)
    assert not Attention.objects.visible_to(world.owner).exists()
    assignments.assign(device=world.placed, group=world.boise, name="Anew", model=None, by=world.owner)
    assert not Attention.objects.current().exists()
    attention.end_former()
    assert not Attention.objects.filter(ended_at=None).exists()
    say(world.placed, rpm=2300)
    assert [row.value for row in Attention.objects.visible_to(world.sibling)] == [2300]
    assert not Attention.objects.visible_to(world.viewer).exists()


def test_retired_and_locked_devices_need_none(world: World) -> None:
    say(world.placed, rpm=2100)
    for field in ("locked_at", "retired_at"):
        Device.objects.filter(pk=world.placed.pk).update(**{field: timezone.now()})
        assert found(world.placed) == []
        Device.objects.filter(pk=world.placed.pk).update(**{field: None})
    assert found(world.placed) == [("range", "rpm")]


def test_what_comes_and_goes_is_told_twice_until_it_was_calm(world: World) -> None:
    for _ in range(5):
        say(world.placed, rpm=2100)
        say(world.placed, rpm=1500)
    row = Attention.objects.get()
    assert (row.times, len(told(world.placed))) == (5, 4)
    Attention.objects.update(told=2, acknowledged_at=timezone.now(), by=world.technician)
    Attention.objects.update(ended_at=timezone.now() - attention.CALM - MINUTE)
    say(world.placed, rpm=2100)
    row.refresh_from_db()
    assert (row.times, row.told, row.by, row.acknowledged_at) == (1, 0, None, None)


def test_a_recipe_that_no_longer_watches_it_ends_it(world: World) -> None:
    say(world.placed, rpm=2100)
    later = type(world.version).objects.create(recipe=world.version.recipe, number=2)
    Attribute.objects.create(version=later, name="rpm", label="rpm")
    Device.objects.filter(pk=world.placed.pk).update(version=later)
    say(world.placed, rpm=2200)
    assert found(world.placed) == []


@pytest.mark.parametrize(
    ("faults", "value", "is_fault"),
    [
        ("true", True, True),
        ("true", False, False),
        ("false", False, True),
        ("3, 4", 4, True),
        ("3, 4", 4.5, False),
        ("3", True, False),
        ("1", "1", True),
        ("", "", False),
        ("fault", "Fault", False),
        ("fault", None, False),
        ("nan", 1, False),
    ],
)
def test_which_values_are_faults(faults: str, value: object, is_fault: bool) -> None:
    assert Attribute(faults=faults).is_fault(value) is is_fault


def test_a_fine_batch_costs_one_query_whatever_its_size(world: World) -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            say(world.placed, rpm=1800)
        return sum("devices_attention" in query["sql"] for query in queries)

    say(world.placed, rpm=1800)
    assert count() == 1
