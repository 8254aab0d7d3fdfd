"""What was made by mistake can be unmade for a day: devices that never connected and were never placed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils.timezone import now

from devices.connections import activation
from devices.models import Delivery, Device, Event
from tests import builders
from tests.devices.api import Program, kind

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def owner(world: World) -> Program:
    return Program(world.owner)


def test_a_single_device_goes_by_page_and_api(world: World, owner: Program) -> None:
    serial, device_id = world.waiting.serial, world.waiting.device_id
    for device, answer in ((world.placed, 409), (world.alien, 404)):
        assert owner.delete(f"devices/{device.serial}/").status_code == answer
    assert Program(world.admin).delete(f"devices/{world.placed.serial}/").status_code == 404
    assert 'value="remove"' in owner.client.get(f"/devices/{serial}/").content.decode()
    assert 'value="remove"' not in owner.client.get(f"/devices/{world.placed.serial}/").content.decode()
    assert owner.delete(f"devices/{serial}/").status_code == 204
    assert owner.get(f"devices/{serial}/").status_code == 404
    assert owner.delete(f"devices/{serial}/").status_code == 404
    (told,) = Event.objects.filter(kind="device-removed")
    assert (told.organisation, told.by, told.data) == (
        world.kanarra,
        world.owner,
        {"serial": serial, "device_id": device_id, "name": "Waiting gateway"},
    )
    assert owner.post("devices/", {"recipe": world.version.recipe_id, "serial": serial}).status_code == 201
    chosen = {"scope": "ticked", "serial": serial, "kind": "remove"}
    shown = owner.client.post("/actions/new/", chosen)
    assert shown.context["preview"].changing == 1
    done = owner.client.post("/actions/run/", chosen | {"digest": shown.context["preview"].digest}, follow=True)
    assert done.status_code == 200
    assert not Device.objects.filter(serial=serial).exists()


def test_secrets_that_were_to_be_handed_over_go_too(world: World, owner: Program) -> None:
    made = owner.post(
        "actions/", {"kind": "reissue", "params": {"old": "now"}, "serials": [world.waiting.serial]}
    ).json()
    assert owner.get(f"actions/{made['key']}/").json()["result"]
    assert owner.delete(f"devices/{world.waiting.serial}/").status_code == 204
    assert not Delivery.objects.exists()
    assert kind(owner.post(f"actions/{made['key']}/result/")) == "no-secrets"


def test_a_retired_device_that_never_lived_can_still_be_removed(world: World, owner: Program) -> None:
    owner.post(f"devices/{world.waiting.serial}/retire/")
    assert owner.delete(f"devices/{world.waiting.serial}/").status_code == 204


def test_an_action_over_many_reasons_keeps_its_count(world: World, owner: Program) -> None:
    """Each device has its own story, and those removed have no row any more."""
    new = [builders.make_device(world.version) for _ in range(3)]
    activation.activate_devices([new[0].pk])
    Device.objects.filter(pk=new[1].pk).update(registered_at=now() - timedelta(hours=30))
    told = owner.post("actions/", {"kind": "remove", "filter": {}}).json()
    assert (told["total"], told["done"], told["changed"]) == (6, 6, 2)  # the third, and the one that waits
    assert sum(row["devices"] for row in told["kept"]) == 4
