"""What needs attention begins, comes and goes, ends and is acknowledged: each told as often as it should be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now

from devices.attention import operations
from devices.attention.operations import Finding
from devices.lifecycle import assignments
from devices.models import Attention, Device, Event
from devices.refusals import ATTENTION_OVER
from tests.refused import refused

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

Cause = Attention.Cause


@pytest.fixture
def device(world: World) -> Device:
    return Device.objects.get(pk=world.placed.pk)


def begin(device: Device, value: object = 1, attribute: str = "rpm") -> Attention:
    operations.begin([Finding(device, Cause.RANGE, attribute, value)])
    return Attention.objects.get(device=device, attribute=attribute)


def end(device: Device) -> None:
    operations.end(list(Attention.objects.filter(device=device)), {device.pk: device})


def told(device: Device) -> list[str]:
    rows = Event.objects.filter(device=device, kind__in=["needs-attention", "fine-again", "acknowledged"])
    return list(rows.order_by("pk").values_list("kind", flat=True))


def test_what_is_so_already_stays_as_it_began(device: Device) -> None:
    first = begin(device, 7)
    again = begin(device, 8)
    assert (again.value, again.since, again.times) == (7, first.since, 1)
    assert told(device) == ["needs-attention"]
    (event,) = Event.objects.filter(kind="needs-attention")
    assert (event.data, event.assignment_id) == ({"cause": "range", "attribute": "rpm"}, device.assignment_id)


def test_what_comes_and_goes_is_one_and_told_twice(world: World, device: Device) -> None:
    for value in range(1, 5):
        row = begin(device, value)
        assert (row.times, row.value, row.ended_at) == (value, value, None)
        end(device)
    assert told(device) == ["needs-attention", "fine-again"] * 2
    assert Attention.objects.count() == 1


def test_after_an_hours_calm_it_begins_anew(world: World, device: Device) -> None:
    begin(device)
    operations.acknowledge(attention=Attention.objects.get(), device=device, by=world.technician)
    for ago, times, acknowledged in ((59, 2, True), (61, 1, False)):
        end(device)
        Attention.objects.update(ended_at=Now() - timedelta(minutes=ago))
        row = begin(device)
        assert (row.times, row.acknowledged_at is not None, row.by_id is not None) == (
            times,
            acknowledged,
            acknowledged,
        )


def test_an_end_is_told_once(device: Device) -> None:
    begin(device)
    end(device)
    first = Attention.objects.get().ended_at
    assert first is not None
    operations.end([], {})
    assert told(device) == ["needs-attention", "fine-again"]


def test_causes_and_attributes_are_apart(device: Device) -> None:
    findings = [
        Finding(device, Cause.RANGE, "rpm", 5),
        Finding(device, Cause.FAULT, "rpm", "x"),
        Finding(device, Cause.RANGE, "load", 5),
        Finding(device, Cause.SILENT),
    ]
    operations.begin(findings)
    assert Attention.objects.current().count() == 4
    operations.end(list(Attention.objects.filter(cause=Cause.RANGE)), {device.pk: device})
    left = Attention.objects.current().order_by("cause").values_list("cause", "attribute", "value")
    assert list(left) == [("fault", "rpm", "x"), ("silent", "", None)]


def test_it_ends_silently_with_the_assignment(world: World, device: Device) -> None:
    begin(device)
    other = Device.objects.get(pk=world.foreign.pk)
    begin(other)
    assignments.assign(device=world.placed, group=world.boise, name="x", model=None, by=world.owner)
    assignments.release(device=world.placed, by=world.owner)
    operations.end_former()
    assert Attention.objects.get(device=device).ended_at is not None
    assert Attention.objects.get(device=other).ended_at is None
    assert told(device) == ["needs-attention"]


def test_one_looks_after_it_and_the_second_is_not_the_one(world: World, device: Device) -> None:
    row = begin(device)
    assert operations.acknowledge(attention=row, device=device, by=world.technician)
    assert not operations.acknowledge(attention=row, device=device, by=world.admin)
    kept = Attention.objects.get()
    assert (kept.by, kept.acknowledged_at is not None) == (world.technician, True)
    assert told(device) == ["needs-attention", "acknowledged"]
    end(device)
    with refused(ATTENTION_OVER):
        operations.acknowledge(attention=row, device=device, by=world.admin)


@pytest.mark.parametrize("field", ["locked_at", "retired_at"])
def test_of_what_is_not_in_use_nothing_is_acknowledged(world: World, device: Device, field: str) -> None:
    row = begin(device)
    Device.objects.filter(pk=device.pk).update(**{field: Now()})
    with refused(ATTENTION_OVER):
        operations.acknowledge(attention=row, device=device, by=world.technician)


def test_many_cost_as_much_as_one(
    world: World, device: Device, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    other = Device.objects.get(pk=world.foreign.pk)
    findings = [Finding(each, Cause.RANGE, f"a{n}", n) for each in (device, other) for n in range(20)]
    with django_assert_max_num_queries(8):
        operations.begin(findings)
    assert Attention.objects.current().count() == 40
    with django_assert_max_num_queries(4):
        operations.end(list(Attention.objects.all()), {device.pk: device, other.pk: other})
