"""Many devices placed and released: each as one alone, and none that is somebody else's by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.lifecycle import assignments
from devices.models import Device, Event
from devices.refusals import DEVICE_MOVED
from tests import builders
from tests.refused import refused

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def both(world: World) -> list[Device]:
    """Two of Anaheim as they were read; meanwhile the first was moved on."""
    second = builders.make_device(world.version, group=world.anaheim, by=world.owner)
    read = [Device.objects.get(pk=device.pk) for device in (world.placed, second)]
    assignments.assign(device=world.placed, group=world.boise, name=None, model=None, by=world.owner)
    return read


def test_who_changed_hands_meanwhile_is_not_placed(world: World, both: list[Device]) -> None:
    gone, here = both
    assert list(assignments.assign_devices(both, group=world.boise.pk, by=world.owner)) == [here.pk]
    assert [device.events.filter(kind=Event.Kind.MOVED).count() for device in both] == [1, 1]
    with refused(DEVICE_MOVED):
        assignments.assign(device=gone, group=world.anaheim, name=None, model=None, by=world.owner)
    assert Device.objects.get(pk=gone.pk).group == world.boise


def test_who_changed_hands_meanwhile_is_not_released(world: World, both: list[Device]) -> None:
    gone, here = both
    assert assignments.release_devices(both, by=world.owner) == [here.pk]
    with refused(DEVICE_MOVED):
        assignments.release(device=gone, by=world.owner)
    assert [Device.objects.get(pk=device.pk).group for device in both] == [world.boise, None]
    assert assignments.release_devices([world.waiting], by=world.owner) == []


def test_a_placement_says_what_it_is_told_of_each(world: World, both: list[Device]) -> None:
    to = {"description": "On the roof", "model": None}
    placed = assignments.assign_devices([both[1], world.waiting], group=world.boise.pk, to=to, by=world.owner)
    for device in (both[1], world.waiting):
        device.refresh_from_db()
        assert (device.assignment_id, device.description, device.model) == (placed[device.pk], "On the roof", None)
