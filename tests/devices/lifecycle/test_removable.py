"""What can be removed, and why the rest stays; a serial that was given free."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from devices.lifecycle import assignments, edits, removal, retirement
from devices.models import Connection, Credential, CredentialUse, Device, Event, Import
from devices.refusals import (
    DEVICE_LIVED,
    DEVICE_NOT_RETIRED,
    SERIAL_WAS_FREED,
)
from tenants.models import User
from tests import builders
from tests.refused import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World


def update(device: Device, **fields: Any) -> None:
    Device.objects.filter(pk=device.pk).update(**fields)


def use(device: Device) -> None:
    made = Credential.objects.create(device=device, access_key="k", secret_hash=b"")
    CredentialUse.objects.create(credential=made)


def place(world: World, *, with_device: bool) -> None:
    told: dict[str, Any] = {"group": world.anaheim, "name": None, "model": None, "by": world.owner}
    assignments.assign(device=world.waiting, with_device=with_device, **told)


LIVES: dict[str, tuple[Callable[[World], object], str]] = {
    "nothing": (lambda world: None, ""),
    "renamed in no group": (
        lambda world: edits.change_device(device=world.waiting, by=world.owner, name="x"),
        "",
    ),
    "activated": (lambda world: update(world.waiting, activated_at=Now()), removal.CONNECTED),
    "heard": (
        lambda world: Connection.objects.create(device=world.waiting, last_seen_at=timezone.now()),
        removal.CONNECTED,
    ),
    "its credential used": (lambda world: use(world.waiting), removal.CONNECTED),
    "placed as it was made": (lambda world: place(world, with_device=True), ""),
    "placed since": (lambda world: place(world, with_device=False), removal.PLACED),
    "old": (lambda world: update(world.waiting, registered_at=Now() - timedelta(hours=24, seconds=1)), removal.OLD),
    "nearly old": (lambda world: update(world.waiting, registered_at=Now() - timedelta(hours=23, minutes=59)), ""),
}


@pytest.mark.parametrize("life", LIVES)
def test_only_what_never_lived_is_removed(world: World, life: str) -> None:
    live, cause = LIVES[life]
    live(world)
    owner = User.objects.get(pk=world.owner.pk)
    device = Device.objects.select_related("assignment").get(pk=world.waiting.pk)
    assert removal.is_removable(device, owner) is (not cause)
    if cause:
        with refused(DEVICE_LIVED) as caught:
            removal.remove_device(device=device, by=owner)
        assert caught.value.facts == {"cause": removal.WORDS[cause]}
        assert Device.objects.filter(pk=device.pk).exists()
    else:
        removal.remove_device(device=device, by=owner)
        assert not Device.objects.filter(pk=device.pk).exists()
        told = Event.objects.get(kind="device-removed")
        assert (told.device_id, told.data["serial"]) == (device.pk, device.serial)


def test_what_was_put_into_its_group_as_it_was_made_and_changed_there_stays(world: World) -> None:
    place(world, with_device=True)
    edits.change_device(device=Device.objects.get(pk=world.waiting.pk), by=world.owner, name="Pump")
    assert removal.remove_devices([world.waiting], by=world.owner) == {world.waiting.pk: removal.TOUCHED}


def test_an_import_that_ended_lately_counts_for_its_devices(world: World) -> None:
    importing = Import.objects.create(organisation=world.kanarra, by=world.owner, version=world.version, made=1)
    update(world.waiting, source=importing, registered_at=Now() - timedelta(days=2))
    assert removal.remove_devices([world.waiting], by=world.owner) == {world.waiting.pk: removal.OLD}
    Import.objects.update(finished_at=Now())
    assert removal.remove_devices([world.waiting], by=world.owner) == {}
    assert Import.objects.get().removed == 1


def test_only_admins_of_the_whole_are_offered_to_remove(world: World) -> None:
    place(world, with_device=True)
    device = Device.objects.select_related("assignment").get(pk=world.waiting.pk)
    assert removal.is_removable(device, User.objects.get(pk=world.owner.pk))
    for user in (world.admin, world.stranger):
        assert not removal.is_removable(device, User.objects.get(pk=user.pk))


def test_a_serial_that_was_given_free_is_given_back_to_nobody(world: World) -> None:
    with refused(DEVICE_NOT_RETIRED):
        retirement.free_serial(device=world.placed, by=world.owner)
    assert retirement.retire_devices([world.placed], by=world.owner) == [world.placed.pk]
    assert retirement.retire_devices([world.placed], by=world.owner) == []
    freed = retirement.free_serial(device=world.placed, by=world.owner)
    assert freed == f"{world.placed.serial}~{world.placed.pk}"
    assert retirement.free_serial(device=world.placed, by=world.owner) == freed
    again = builders.make_device(world.version, serial=world.placed.serial)
    assert again.serial == world.placed.serial
    with refused(SERIAL_WAS_FREED):
        retirement.bring_back(device=world.placed, by=world.owner)
