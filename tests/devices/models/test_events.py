"""A device's events: those of its assignment, and what may be told to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser

from devices.lifecycle import assignments
from devices.models import Device, Event
from tests.devices.models.cast import CAST, fresh

if TYPE_CHECKING:
    from tests.conftest import World


def test_a_devices_events_are_those_of_its_assignment(world: World) -> None:
    before = set(Event.objects.of(Device.objects.get(pk=world.placed.pk)).values_list("kind", flat=True))
    assert "provisioned" in before
    assignments.assign(device=world.placed, group=world.boise, name="x", model=None, by=world.owner)
    moved = Device.objects.get(pk=world.placed.pk)
    assert list(Event.objects.of(moved).values_list("kind", flat=True)) == ["moved"]
    told = {name: list(Event.objects.told_to(fresh(getattr(world, name)), moved)) for name in CAST}
    of_now = list(Event.objects.of(moved))
    assert told["sibling"] == told["viewer"] == of_now  # whether they see the device, a gate has asked
    assert told["stranger"] == list(Event.objects.told_to(AnonymousUser(), moved)) == []
    assert {event.kind for event in told["owner"]} >= {"registered", "provisioned", "moved"}
    assert {event.group_id for event in told["admin"]} == {world.anaheim.pk, world.boise.pk}
