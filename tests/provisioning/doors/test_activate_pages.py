"""A door of activation on its pages and in the API: made, shown, and opened again for devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices.models import Event
from provisioning.models import Door, DoorVendor
from tests import builders
from tests.devices.api import Program, kind, places
from tests.provisioning.doors.test_activate import activate, make_door, move_back, read_token

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

pytestmark = pytest.mark.django_db
SETTINGS = {"hours": 48, "authentication": "token", "authorities": "", "vendor": "", "model": ""}


def fill(world: World, **fields: Any) -> dict[str, Any]:
    own = {"own-hours": "24", "own-authentication": "token", "own-vendor": "acme", "own-model": "gateway"}
    return {"name": "Line 1", "recipe": world.version.recipe_id, "admits": "listed", **own, **fields}


def test_an_admin_opens_a_door_on_its_pages(client: Client, world: World) -> None:
    client.force_login(world.owner)
    form = client.get("/doors/new/activate/").content.decode()
    assert '<option value="listed" selected>' in form
    assert 'name="own-hours" value="48"' in form
    client.post("/doors/new/activate/create/", fill(world))
    door = Door.objects.get()
    assert door.settings == SETTINGS | {"hours": 24, "vendor": "acme", "model": "gateway"}
    page = client.get(door.get_absolute_url()).content.decode()
    assert "/o/kanarra/provision/activate" in page
    assert "24 h from when a device was added" in page
    edit = fill(world) | {"own-hours": "72", "own-vendor": "other"}
    client.post(f"/doors/{door.key}/change/", edit)
    door.refresh_from_db()
    assert (door.settings["hours"], door.settings["vendor"]) == (72, "acme")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"own-hours": ""}, "Write a whole number from 1 to"),
        ({"own-hours": "0"}, "Write a whole number from 1 to"),
        ({"own-hours": "x"}, "Write a whole number from 1 to"),
        ({"own-authentication": "key"}, "Choose token, password or certificate."),
        ({"own-vendor": "a\u202eb"}, "Leave control characters out"),
    ],
)
def test_what_does_not_fit_comes_back(client: Client, world: World, fields: dict[str, Any], words: str) -> None:
    client.force_login(world.owner)
    answer = client.post("/doors/new/activate/create/", fill(world, **fields))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Door.objects.exists()


def test_a_vendors_name_is_taken_once(client: Client, world: World) -> None:
    DoorVendor.objects.create(name="acme", organisation=world.other)
    client.force_login(world.owner)
    answer = client.post("/doors/new/activate/create/", fill(world))
    assert answer.status_code == 409
    assert b"Another organisation of this site has this vendor already." in answer.content
    assert not Door.objects.exists()
    assert client.post("/doors/new/activate/create/", fill(world) | {"own-vendor": ""}).status_code == 302


def test_an_admin_opens_devices_again(client: Client, world: World) -> None:
    door = make_door(world.version)
    move_back(49)
    assert activate(world.waiting).status_code == 409
    client.force_login(world.owner)
    again = f"/doors/{door.key}/activate/again/"
    for sent, words in (
        ("", "Write a serial at least."),
        (f"{world.waiting.serial}\nNOSUCH", "has these serials: NOSUCH."),
        (world.alien.serial, f"has these serials: {world.alien.serial}."),
        ("\n".join("x" * 501), "At most 500 serials at once."),
    ):
        answer = client.post(again, {"serials": sent})
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert not Event.objects.filter(kind="opened-again").exists()
    assert (
        client.post(again, {"serials": f" {world.waiting.serial.lower()} ,{world.placed.serial}\n"}).status_code == 302
    )
    assert Event.objects.filter(kind="opened-again", by=world.owner).count() == 2
    assert "Opened again for activation" in client.get(f"/devices/{world.waiting.serial}/events/").content.decode()
    read_token(activate(world.waiting))


def test_a_program_opens_a_door_and_devices_again(world: World) -> None:
    program = Program(world.owner)
    made = program.post("doors/", {"kind": "activate", "name": "Line 1", "recipe": world.version.recipe_id}).json()
    assert (made["settings"], made["admits"]) == (SETTINGS, "listed")
    at = f"doors/{made['key']}/"
    assert program.patch(at, {"settings": {"hours": 2}}).json()["settings"] == SETTINGS | {"hours": 2}
    assert places(program.patch(at, {"settings": {"hours": 0}}))
    move_back(3)
    assert activate(world.waiting).status_code == 409
    opened = program.post(f"{at}open-again/", {"serials": [world.waiting.serial]})
    assert opened.json() == {"opened": 1}
    read_token(activate(world.waiting))
    assert kind(program.post(f"{at}open-again/", {"serials": [world.alien.serial]})) == "door-serials-unknown"
    assert places(program.post(f"{at}open-again/", {"serials": []})) == ["#/serials"]
    program.post(f"{at}end/")
    assert kind(program.post(f"{at}open-again/", {"serials": [world.waiting.serial]})) == "door-ended-already"


def test_another_doors_recipe_is_not_opened(world: World) -> None:
    pump = builders.make_recipe(world.kanarra, "Pump")
    door = make_door(pump)
    answer = Program(world.owner).post(f"doors/{door.key}/open-again/", {"serials": [world.waiting.serial]})
    assert kind(answer) == "door-serials-unknown"
