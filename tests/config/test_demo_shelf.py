"""The demo's doors and the devices that wait for them: made once; what is lost of what makers gave is renewed."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from config.demo import door_commands, shelf
from config.demo.processes import Ports
from devices.credentials import operations as credentials
from devices.credentials import presence_secrets
from devices.models import Device, PresenceSecret
from provisioning.doors import operations as doors
from provisioning.models import Door, DoorKey, DoorRegistration, JwtIssuer
from tenants.models import Organisation, User
from tests import builders
from tests.provisioning.doors.makers import Sdk, call

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client
    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db
KINDS = ["jwt", "profile", "activate", "approval"]


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.VAR_DIR = tmp_path
    call_command("demo_data")
    return tmp_path / "demo"


def renew(folder: Path) -> dict[str, dict[str, str]]:
    """What the makers' files say once they are renewed."""
    ends = {"site": "http://127.0.0.1:8000", "mqtt_url": "mqtt://127.0.0.1:1883"}
    shelf.renew_files(folder, "kanarra", **ends, panels=range(8002, 8002 + shelf.PANELS))
    files = [folder / f"{option}.json" for option in (*(each.option for each in shelf.SHELVES), "owner-token")]
    return {file.stem: json.loads(file.read_text()) for file in files if file.exists()}


def admin() -> User:
    return User.objects.get(email="admin@kanarra.example")


def register(given: dict[str, str]) -> Any:
    return call({"token": given["token"], "manufacturerId": given["serial"]})


def test_one_door_of_each_kind_with_what_its_device_needs(folder: Path) -> None:
    assert [door.kind for door in Door.objects.order_by("pk")] == KINDS
    given = renew(folder)
    assert set(given["jwt"]) == {"token", "site", "serial", "mqtt_url"}
    assert set(given["ztp"]) == {"token", "site", "serial"}
    waiting = Device.objects.get(serial=given["activate"]["serial"])
    assert (waiting.device_id, waiting.name) == (given["activate"]["device_id"], "On the shelf")
    assert given["activate"]["organisation"] == "kanarra"
    assert register(given["jwt"]).status_code == 200
    asked = {"token": given["ztp"]["token"], "hardwareId": given["ztp"]["serial"]}
    assert call(asked, "/ztp/cloudlocate/credentials").status_code == 200
    for name in ("approve", "oauth"):
        assert set(given[name]) == {"token", "site", "serial", "mqtt_url"}
        assert Sdk(given[name]["token"]).init(given[name]["serial"]).status_code == 200
    for file in folder.glob("*.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_second_start_changes_nothing(folder: Path) -> None:
    before = renew(folder)
    call_command("demo_data")
    assert renew(folder) == before
    assert (Door.objects.count(), DoorKey.objects.count()) == (4, 4)


def test_a_token_that_is_lost_or_ended_is_made_again(folder: Path) -> None:
    before = renew(folder)
    (folder / "ztp.json").write_text("not JSON")
    for key in DoorKey.objects.filter(door__kind="jwt"):
        doors.end_key(key=key, by=admin())
    after = renew(folder)
    assert after["activate"] == before["activate"]
    assert register(before["jwt"]).status_code == 403
    assert register(after["jwt"]).status_code == 200
    assert after["ztp"]["token"] != before["ztp"]["token"]


def test_a_door_that_a_visitor_ended_stays_so(folder: Path) -> None:
    renew(folder)
    doors.end_door(door=Door.objects.get(kind="profile"), by=admin())
    call_command("demo_data")
    left = ["jwt", "activate", "approve", "oauth", "owner-token"]
    assert list(renew(folder)) == left
    assert [each.line.split()[4] for each in door_commands.read_commands(folder)] == left
    assert Door.objects.count() == 4


def test_what_a_visitor_has_in_the_way_keeps_no_demo_from_starting(folder: Path) -> None:
    Door.objects.all().delete()
    JwtIssuer.objects.update(organisation=Organisation.objects.get(slug="northlight"))
    call_command("demo_data")  # the device of the door of activation is there already, too
    assert [door.kind for door in Door.objects.order_by("pk")] == ["profile", "approval"]


def test_a_doors_page_names_its_command(folder: Path, client: Client) -> None:
    renew(folder)
    client.force_login(admin())
    commands = door_commands.read_commands(folder)[:-2]  # two have one door, and the last one none
    for door, command in zip(Door.objects.order_by("pk"), commands, strict=True):
        page = client.get(door.get_absolute_url()).content.decode()
        assert f">{command.line}<" in page
    assert "door-try" not in client.get(reverse("provisioning:doors")).content.decode()
    (folder / "doors.json").unlink()
    assert "door-try" not in client.get(door.get_absolute_url()).content.decode()


def test_a_doors_page_says_whether_its_device_came_in(folder: Path, client: Client) -> None:
    given = renew(folder)
    client.force_login(admin())
    door, waits = Door.objects.get(kind="jwt"), "waits on the shelf"
    assert waits in client.get(door.get_absolute_url()).content.decode()
    assert register(given["jwt"]).status_code == 200
    page = client.get(door.get_absolute_url()).content.decode()
    assert (waits in page, "brings it in" in page) == (False, False)
    assert "came in by this door" in page
    assert "door-try" in page
    other = Door.objects.get(kind="profile")
    assert waits in client.get(other.get_absolute_url()).content.decode()


def test_of_two_devices_of_a_door_the_one_that_waits_is_brought_in(folder: Path, client: Client) -> None:
    renew(folder)
    client.force_login(admin())
    door = Door.objects.get(kind="approval")
    first, second = (each for each in door_commands.read_commands(folder) if each.door == str(door.key))
    assert f">{first.line}<" in client.get(door.get_absolute_url()).content.decode()
    make_registration(door, first.serial)
    assert f">{second.line}<" in client.get(door.get_absolute_url()).content.decode()
    make_registration(door, second.serial)
    page = client.get(door.get_absolute_url()).content.decode()
    assert f">{first.line}<" in page
    assert "waits on the shelf" not in page


def make_registration(door: Door, serial: str) -> None:
    device = builders.make_device(door.recipe.current, serial=serial)
    DoorRegistration.objects.create(door=door, device=device)


def test_each_panel_has_a_port_of_its_own(folder: Path) -> None:
    renew(folder)
    asked = [each.line.split() for each in door_commands.read_commands(folder)]
    assert [line[-1] for line in asked if "--panel" in line] == ["8002", "8003", "8004"]
    ports = Ports("127.0.0.1", web=8501, mqtt=8503, panel=8500, https=8504, mqtts=65535, hooks=8444)
    assert ports.list_panels(3) == [8502, 8505, 8506]
    assert replace(ports, panel=65534).list_panels(2) == [1024, 1025]


def test_a_device_whose_label_has_an_owner_token(folder: Path) -> None:
    given = renew(folder)["owner-token"]
    device = Device.objects.get(serial=given["serial"])
    assert device.version.presence == "claim-code"
    found = credentials.find_credential(access_key=given["access_key"], access_secret=given["access_secret"])
    assert found is not None
    assert (found.device, given["device_id"]) == (device, device.device_id)
    digests = presence_secrets.list_code_digests(given["token"])
    assert PresenceSecret.objects.filter(device=device, digest__in=digests).exists()
    credentials.revoke_all_credentials([device], by=admin())
    after = renew(folder)["owner-token"]
    assert after["access_key"] != given["access_key"]
    (folder / "owner-token.json").write_text("[]")
    assert renew(folder)["owner-token"]["token"] != after["token"]
