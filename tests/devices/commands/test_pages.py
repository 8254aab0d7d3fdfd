"""A device's commands on its page and by the API: the same rules, and who may not learns nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from devices.access import get_device
from devices.commands import operations as commands
from devices.models import Command, Device, RecipeVersion
from devices.recipes import command_lines
from telemetry.dashboard import readings
from tenants.models import Role
from tests.devices.api import Program, kind, places
from tests.devices.commands.test_commands import LINES
from tests.telemetry.watching import make_watch

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@pytest.fixture(autouse=True)
def device(world: World) -> Device:
    RecipeVersion.objects.filter(pk=world.version.pk).update(commands=command_lines.clean_lines(LINES))
    return Device.objects.select_related("version", "group", "organisation").get(pk=world.placed.pk)


def address(device: Device, name: str) -> str:
    return reverse("devices:command", kwargs={"serial": device.serial, "name": name})


def test_a_button_sends_and_the_page_shows_it(client: Client, world: World, device: Device) -> None:
    client.force_login(world.technician)
    page = client.get(device.get_absolute_url()).content.decode()
    assert address(device, "start") in page
    assert address(device, "stop") not in page  # an admin's
    answer = client.post(address(device, "start"), follow=True)
    assert "Start is on its way" in answer.content.decode()
    assert "Waits for the device" in answer.content.decode()
    assert Command.objects.get().by == world.technician
    viewed = client.get(reverse("devices:commands", kwargs={"serial": device.serial})).content.decode()
    assert world.technician.email in viewed


def test_a_form_asks_for_what_goes_with_it(client: Client, world: World, device: Device) -> None:
    client.force_login(world.technician)
    assert 'name="load"' in client.get(address(device, "setLoad")).content.decode()
    for sent in ({}, {"load": "501"}, {"load": "x"}, {"load": "nan"}):
        answer = client.post(address(device, "setLoad"), sent)
        assert (answer.status_code, Command.objects.count()) == (422, 0)
    assert client.post(address(device, "setLoad"), {"load": "200.5"}).status_code == 302
    assert Command.objects.get().payload == {"load": 200.5}


def test_every_type_has_a_field(client: Client, world: World, device: Device) -> None:
    properties = {
        "speed": {"type": "integer", "enum": [1, 2]},
        "on": {"type": "boolean"},
        "text": {"type": "string", "maxLength": 5},
        "left": {"type": "string"},
    }
    schema = {"properties": properties, "required": ["speed", "on"]}
    lines = command_lines.clean_lines([{"name": "all", "schema": schema}])
    RecipeVersion.objects.update(commands=lines)
    client.force_login(world.technician)
    assert client.post(address(device, "all"), {"speed": "3", "on": "true"}).status_code == 422
    assert (
        client.post(address(device, "all"), {"speed": "2", "on": "false", "text": "a", "left": ""}).status_code == 302
    )
    assert Command.objects.get().payload == {"speed": 2, "on": False, "text": "a"}


def test_what_is_refused_stands_on_the_page(client: Client, world: World, device: Device) -> None:
    client.force_login(world.technician)
    for _ in range(commands.MOST_OPEN):
        commands.send(device=device, name="start", payload=None, by=world.technician)
    answer = client.post(address(device, "start"))
    assert answer.status_code == 409
    assert "commands wait for this device" in answer.content.decode()


def test_whoever_may_not_send_meets_the_same_nothing(client: Client, world: World, device: Device) -> None:
    client.force_login(world.viewer)
    answers = [client.post(address(device, name)) for name in ("stop", "explode")]
    assert [answer.status_code for answer in answers] == [404, 404]
    told = [
        Program(world.viewer).post(f"devices/{device.serial}/commands/", {"name": name}) for name in ("stop", "none")
    ]
    assert [(each.status_code, kind(each)) for each in told] == [(400, "command-unknown")] * 2
    assert not Command.objects.exists()


def test_the_page_knows_that_something_changed(world: World, device: Device) -> None:
    watch = make_watch(world.viewer, device)

    def both() -> str:
        shown = get_device(world.viewer, device.serial)
        version = readings.build_live_context(shown, [])["version"]
        seen = watch()
        assert seen is not None
        assert seen.version == version  # else an open page would ask again and again
        return str(version)

    before = both()
    commands.send(device=device, name="start", payload=None, by=world.technician)
    queued = both()
    Command.objects.update(expires_at=Now())
    commands.expire()
    assert len({before, queued, both()}) == 3


class TestApi:
    def test_sent_once_and_read(self, world: World, device: Device) -> None:
        program, path = Program(world.technician), f"devices/{device.serial}/commands/"
        sent = {"name": "setLoad", "payload": {"load": 3}, "seconds": 60}
        made = program.post(path, sent, key="one")
        again = program.post(path, sent, key="one")
        assert (made.status_code, again.status_code, again.json()) == (201, 201, made.json())
        told = made.json()
        assert (told["state"], told["payload"], told["by"]) == ("queued", {"load": 3}, world.technician.email)
        assert Program(world.viewer).get(f"{path}{told['id']}/").json()["id"] == told["id"]
        assert [row["id"] for row in program.get(path).json()["results"]] == [told["id"]]
        offered = program.get(f"devices/{device.serial}/offered-commands/").json()["results"]
        assert [row["name"] for row in offered] == ["start", "setLoad", "ping", "identify"]

    def test_what_can_not_be_sent(self, world: World, device: Device) -> None:
        program, path = Program(world.technician), f"devices/{device.serial}/commands/"
        for sent, place in [
            ({"name": "setLoad"}, "payload"),
            ({"name": "setLoad", "payload": {"load": 501}}, "payload/load"),
            ({"name": "start", "seconds": 4}, "seconds"),
        ]:
            answer = program.post(path, sent)
            assert (answer.status_code, places(answer)) == (400, [f"#/{place}"])
        assert not Command.objects.exists()

    def test_of_another_device_none_is_found(self, world: World, device: Device) -> None:
        made = commands.send(device=device, name="start", payload=None, by=world.technician)
        assert Program(world.owner).get(f"devices/{world.foreign.serial}/commands/{made.key}/").status_code == 404

    def test_a_token_that_may_less_than_its_person(self, world: World, device: Device) -> None:
        narrow = Program(world.owner, world.anaheim, Role.VIEWER)
        assert kind(narrow.post(f"devices/{device.serial}/commands/", {"name": "start"})) == "command-unknown"

    def test_a_recipe_says_them(self, world: World) -> None:
        program = Program(world.owner)
        made = program.post("recipes/", {"name": "Pumps", "commands": [{"name": "start", "role": "admin"}]}).json()
        (line,) = made["current"]["commands"]
        assert (line["name"], line["role"], line["answers"], line["seconds"]) == ("start", "admin", True, 300)
        schema = {"properties": {"x": {"type": "blob"}}}
        wrong = program.patch(
            f"recipes/{made['id']}/", {"based_on": 1, "commands": [{"name": "start", "schema": schema}]}
        )
        assert (wrong.status_code, places(wrong)) == (400, ["#/commands"])
        same = program.patch(f"recipes/{made['id']}/", {"current": made["current"]})
        assert same.json()["current"]["number"] == 1
