"""Serials that can't be registered: taken, even this very moment, or an address of the site's."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.urls import reverse

from devices.identity import serials
from devices.lifecycle import registration
from devices.models import Device, Event
from devices.refusals import SERIAL_TAKEN
from lib.refusals import Refusal
from tests import builders
from tests.refused import refused

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@pytest.mark.django_db
def test_a_serial_that_is_taken_leaves_the_transaction_usable(world: World) -> None:
    with transaction.atomic():
        with refused(SERIAL_TAKEN):
            registration.register_device(version=world.version, by=world.owner, serial=world.placed.serial.lower())
        assert not Event.objects.filter(device__name="Twin").exists()
    registration.register_device(version=world.version, by=world.owner)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "there", "why"),
    [("nob-0000I", "NOB00001", "look-alikes"), ("001B44113AB7", "00:1B:44:11:3A:B7", "in all its writings")],
)
def test_the_device_that_is_there_is_named_as_it_is_written(
    client: Client, world: World, typed: str, there: str, why: str
) -> None:
    world.version.identity = {"kind": "opaque"}
    world.version.save()
    builders.make_device(world.version, serial=there)
    named = f"There is a device with the serial {serials.format_in_fours(there)} ("
    body = {"recipe": world.version.recipe_id, "serial": typed}
    client.force_login(world.owner)
    page = client.post(reverse("devices:new-one"), body)
    told = client.post("/api/v1/devices/", body, content_type="application/json").json()["detail"]
    for said in (page.content.decode(), told):
        assert named in said
        assert why in said
    for by in (world.stranger, None):  # who see it not
        with pytest.raises(Refusal) as refusal:
            registration.register_device(version=world.version, by=by, serial=typed)
        asked = serials.format_in_fours(serials.canonical(typed))
        assert refusal.value.message.startswith(f"There is a device with the serial {asked} already.")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_moment(world: World) -> None:
    world.version.identity = {"kind": "opaque"}
    said: list[str] = []
    gate = threading.Barrier(2)

    def one() -> None:
        try:
            with transaction.atomic():
                gate.wait(10)
                registration.register_device(version=world.version, by=world.owner, serial="AB-1")
            said.append("made")
        except Refusal:
            said.append("taken")
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(said) == ["made", "taken"]
    assert Device.objects.filter(serial_key="AB1").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("serial", ["NEW", "new", "n-E w", ".", "..", ". ."])
def test_an_address_of_the_site_is_no_serial(client: Client, world: World, serial: str) -> None:
    world.version.identity = {"kind": "opaque"}
    world.version.save()
    with pytest.raises(ValidationError, match="can't be a serial"):
        registration.register_device(version=world.version, by=world.owner, serial=serial)
    client.force_login(world.owner)
    answer = client.post(reverse("devices:new-one"), {"recipe": world.version.recipe_id, "serial": serial})
    assert answer.status_code == 422
    assert "can&#x27;t be a serial" in answer.content.decode()
    body = {"recipe": world.version.recipe_id, "serial": serial}
    api = client.post("/api/v1/devices/", body, content_type="application/json")
    assert (api.status_code, "can't be a serial" in str(api.json()["errors"])) == (400, True)
    assert not Device.objects.filter(serial_key__in=["NEW", ".", ".."]).exists()
