"""What an edit changes, what it refuses, and locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models.functions import Now

from devices.lifecycle import assignments, edits, locks
from devices.models import Device, DeviceModel, Event
from devices.refusals import (
    DEVICE_CHANGED,
    DEVICE_RETIRED,
)
from tenants.refusals import PRECONDITION_FAILED
from tests.refused import refused

if TYPE_CHECKING:
    from tests.conftest import World


def update(device: Device, **fields: Any) -> None:
    Device.objects.filter(pk=device.pk).update(**fields)


class TestEdits:
    def edit(self, world: World, **to: Any) -> bool:
        return edits.change_device(device=Device.objects.get(pk=world.placed.pk), by=world.admin, **to)

    @pytest.mark.parametrize(
        ("to", "fields"),
        [
            ({}, []),
            ({"name": "Anaheim One"}, []),
            ({"name": " Anaheim  Two "}, ["name"]),
            ({"description": "a\r\nb"}, ["description"]),
            ({"description": " "}, []),
            ({"tags": {}}, []),
            ({"tags": {"a": 1}, "name": "x"}, ["name", "tags"]),
        ],
        ids=str,
    )
    def test_only_what_differs_is_changed_and_told(self, world: World, to: dict[str, Any], fields: list[str]) -> None:
        assert self.edit(world, **to) is bool(fields)
        told = Event.objects.filter(kind="changed").values_list("data", flat=True)
        assert list(told) == ([{"fields": fields}] if fields else [])

    def test_is_kept_clean(self, world: World) -> None:
        self.edit(world, name=" A  b ", description=" a\r\nb ", tags={" x ": 1}, model=None)
        device = Device.objects.get(pk=world.placed.pk)
        assert (device.name, device.description, device.tags, device.model) == ("A b", "a\nb", {"x": "1"}, None)

    @pytest.mark.parametrize("to", [{"name": ""}, {"name": "x" * 121}, {"description": "x" * 501}, {"tags": {"": ""}}])
    def test_of_what_can_not_be_changes_nothing(self, world: World, to: dict[str, Any]) -> None:
        with pytest.raises(ValidationError) as caught:
            self.edit(world, **to)
        assert list(caught.value.message_dict) == list(to)
        assert not Event.objects.filter(kind="changed").exists()

    @pytest.mark.parametrize(
        "meanwhile",
        [
            {"name": "other"},
            {"description": "other"},
            {"tags": {"a": "b"}},
            {"model": None},
        ],
        ids=str,
    )
    def test_loses_nothing_of_what_somebody_else_wrote(self, world: World, meanwhile: dict[str, Any]) -> None:
        device = Device.objects.get(pk=world.placed.pk)
        update(world.placed, **meanwhile)
        with refused(DEVICE_CHANGED):
            edits.change_device(device=device, by=world.admin, name="mine")
        with refused(PRECONDITION_FAILED):
            edits.change_device(device=device, by=world.admin, as_matched=True, name="mine")
        assert Device.objects.filter(pk=device.pk, **{k: v for k, v in meanwhile.items() if k != "tags"}).exists()

    def test_of_a_device_that_moved_on_is_refused(self, world: World) -> None:
        device = Device.objects.get(pk=world.placed.pk)
        assignments.assign(device=world.placed, group=world.boise, name=device.name, model=device.model, by=world.owner)
        with refused(DEVICE_CHANGED):
            edits.change_device(device=device, by=world.admin, name="mine")

    def test_of_a_retired_one_is_refused(self, world: World) -> None:
        update(world.placed, retired_at=Now())
        with refused(DEVICE_RETIRED):
            self.edit(world, name="x")


def test_locks_are_set_and_lifted_once(world: World) -> None:
    both = [world.placed, world.foreign]
    assert locks.lock_devices([world.placed], by=world.owner) == [world.placed.pk]
    assert locks.lock_devices(both, by=world.owner) == [world.foreign.pk]
    assert sorted(locks.unlock_devices(both, by=world.owner)) == sorted(each.pk for each in both)
    assert locks.unlock_devices(both, by=world.owner) == []
    kinds = Event.objects.filter(device=world.placed, kind__contains="locked").order_by("pk")
    assert list(kinds.values_list("kind", flat=True)) == ["locked", "unlocked"]


def test_a_model_can_be_taken_away_and_given(world: World) -> None:
    other = DeviceModel.objects.create(organisation=world.kanarra, name="KG-9")
    for model in (other, None):
        device = Device.objects.get(pk=world.placed.pk)
        assert edits.change_device(device=device, by=world.admin, model=model)
        assert Device.objects.get(pk=device.pk).model == model
