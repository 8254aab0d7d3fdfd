"""Nobody approves what would never come in, and what they say of a device is what it is then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices.lifecycle import assignments, locks, retirement
from devices.models import Device, Event
from provisioning.doors import operations
from provisioning.models import DoorKey
from tenants.models import Role
from tests import builders
from tests.devices.api import Program, kind
from tests.provisioning.doors.approval_answers import make_older, refused
from tests.provisioning.doors.makers import Sdk, approve, get_operation, make_approval_door
from tests.provisioning.doors.test_doors import browser

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = pytest.mark.django_db


def wait(sdk: Sdk, own_id: str = "dev-0001") -> str:
    return str(sdk.init(own_id).json()["provisioningOperationId"])


@pytest.mark.parametrize("closed", ["door ended", "token ended", "full", "elsewhere"])
def test_a_door_that_lets_nobody_in_any_more_is_told_before(world: World, closed: str) -> None:
    door, token = make_approval_door(world.version, cap=2)
    sdk = Sdk(token)
    sdk.register(sdk.get_approved(world.owner, "dev-0009"))
    started, again = wait(sdk), wait(sdk, "dev-0009")
    if closed == "door ended":
        operations.end_door(door=door, by=world.owner)
    elif closed == "token ended":
        operations.end_key(key=DoorKey.objects.get(), by=world.owner)
    else:
        changed: dict[str, Any] = {"cap": 1} if closed == "full" else {"networks": ["192.0.2.0/24"]}
        operations.change_door(door=door, fields=changed, by=world.owner)
    told = Program(world.technician).post(f"approvals/{started}/approve/", {"code": str(get_operation(started))})
    assert (kind(told), told.status_code) == ("operation-door-closed", 409)
    refused(lambda: approve(started, world.owner), "operation-door-closed")
    assert get_operation(started).outcome == ""
    if closed == "full":  # it makes no device more
        approve(again, world.owner)


def test_an_id_that_is_not_for_the_door_is_told_to_whoever_gives_it(world: World) -> None:
    sdk = Sdk(make_approval_door(world.version, pattern="dev-*")[1])
    started = str(sdk.init().json()["provisioningOperationId"])
    refused(lambda: approve(started, world.owner, identity="pump-1"), "operation-id-not-for-door")
    approve(started, world.owner, identity="dev-0001")


@pytest.mark.parametrize("own", [True, False])
def test_a_device_that_may_not_connect_is_not_approved(world: World, own: bool) -> None:
    sdk = Sdk(make_approval_door(world.version, admits="any")[1])
    if own:
        sdk.register(sdk.get_approved(world.owner, "dev-0001"))
        device = Device.objects.get(own_id="dev-0001")
    else:
        device = builders.make_device(world.version)
    own_id = device.own_id or device.serial
    locks.lock_devices([device], by=world.owner)
    started = wait(sdk, own_id)
    refused(lambda: approve(started, world.technician), "operation-device-barred")
    locks.unlock_devices([device], by=world.owner)
    approve(started, world.technician)


def test_of_a_device_elsewhere_nobody_is_told_that_it_is_locked(world: World) -> None:
    sdk = Sdk(make_approval_door(world.version, admits="any")[1])
    locks.lock_devices([world.foreign], by=world.owner)
    started = wait(sdk, world.foreign.serial)
    approve(started, world.technician)


def test_an_id_is_free_with_the_serial_of_a_retired_device(world: World) -> None:
    sdk = Sdk(make_approval_door(world.version)[1])
    former = sdk.get_approved(world.owner, "dev-0001")
    sdk.register(former)
    device = Device.objects.get(own_id="dev-0001")
    retirement.retire_devices([device], by=world.owner)
    started = wait(sdk)
    refused(lambda: approve(started, world.owner), "operation-device-barred")
    retirement.free_serial(device=device, by=world.owner)
    make_older()
    approve(started, world.owner)
    assert sdk.register(str(sdk.complete(started).json()["registrationToken"])).status_code == 200
    assert Device.objects.get(own_id="dev-0001").pk != device.pk
    assert sdk.register(former).status_code == 423


@pytest.mark.parametrize("group", [True, False])
def test_a_device_that_was_there_is_called_as_whoever_approves_it_says(world: World, group: bool) -> None:
    device = builders.make_device(world.version)
    sdk = Sdk(make_approval_door(world.version, admits="any")[1])
    place = {"group": world.anaheim} if group else {}
    sdk.register(sdk.get_approved(world.technician, device.serial, name="Tank 7", **place))
    device.refresh_from_db()
    assert (device.name, device.group) == ("Tank 7", place.get("group"))
    assert Event.objects.filter(device=device, kind="changed", by=world.technician).count() == 1
    for name, called in (("", "Tank 7"), ("Tank 8", "Tank 8")):
        make_older()
        sdk.register(sdk.get_approved(world.owner, device.own_id, name=name))
        device.refresh_from_db()
        assert device.name == called


def test_a_device_that_went_to_another_tenant_meanwhile_keeps_its_name(world: World) -> None:
    sdk = Sdk(make_approval_door(world.version)[1])
    sdk.register(sdk.get_approved(world.technician, "dev-0001", group=world.anaheim))
    device = Device.objects.get(own_id="dev-0001")
    again = sdk.get_approved(world.technician, "dev-0001", name="Ours")
    assignments.assign(device=device, group=world.boise, name="Theirs", model=device.model, by=world.owner)
    make_older()
    assert sdk.register(again).status_code == 200
    assert Device.objects.get(pk=device.pk).name == "Theirs"


def test_somebody_elses_own_device_is_let_in_again_by_them_and_admins_alone(world: World) -> None:
    world.kanarra.personal_devices = True
    world.kanarra.save()
    sdk = Sdk(make_approval_door(world.version)[1])
    sdk.register(sdk.get_approved(world.owner, "dev-0001", group=world.anaheim))
    whose = builders.make_user("whose@sadler.example", world.anaheim, Role.TECHNICIAN)
    device = Device.objects.get(own_id="dev-0001")
    assignments.assign(device=device, group=world.anaheim, name=None, model=device.model, by=world.owner, person=whose)
    refused(lambda: approve(wait(sdk), world.technician), "operation-id-taken")
    for user in (whose, world.admin):
        approve(wait(sdk), user)


def test_the_id_is_shown_on_its_page_and_in_the_api(world: World) -> None:
    sdk = Sdk(make_approval_door(world.version)[1])
    sdk.register(sdk.get_approved(world.owner, "ab-1", name="Tank 7", group=world.anaheim))
    device = Device.objects.get(own_id="ab-1")
    assert ">ab-1<" in browser(world.viewer).get(device.get_absolute_url()).content.decode()
    owner = Program(world.owner)
    assert owner.get(f"devices/{device.serial}/").json()["own_id"] == "ab-1"
    assert owner.get(f"devices/{world.placed.serial}/").json()["own_id"] == ""
