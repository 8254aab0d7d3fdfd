"""Ties, and whose a device is: page, API, a file and an action on many give one answer, and leave the same behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.urls import reverse

from devices.bulk_actions import changes
from devices.identity import serials
from devices.lifecycle import retirement
from devices.models import Device, DeviceModel, Event, Tie
from devices.ties import operations as ties
from tenants.models import Organisation, User
from tests import builders
from tests.devices.api import Program
from tests.devices.doing import ran
from tests.devices.imports.conftest import check, problems, upload, version

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

    Ways = dict[str, Callable[[Device, str], bool]]

pytestmark = pytest.mark.django_db
__all__ = ["check", "upload", "version"]  # pytest finds fixtures by name
WAYS = ["page", "api", "file", "action"]
ADDRESS = "AABBCCDDEE01"


def send(user: User, page: str, device: Device, **sent: str) -> bool:
    client = Client()
    client.force_login(user)
    return int(client.post(reverse(page, kwargs={"serial": device.serial}), sent).status_code) == 302


def carry(check: Run, user: User, column: str, device: Device, text: str) -> bool:
    checked = check(f"Serial,{column}\n{device.serial},{text}\n", act="change")
    return not problems(checked) and ran(changes.start_changes(importing=checked, by=user)).changed == 1


def do(user: User, kind: str, device: Device, **params: str) -> bool:
    asked = {"kind": kind, "params": params, "serials": [device.serial]}
    answer = Program(user).post("actions/", asked)
    return answer.status_code in (200, 201, 202) and answer.json()["changed"] == 1


@pytest.fixture
def tying(check: Run, world: World) -> Ways:
    owner = world.owner

    def by_api(device: Device, text: str) -> bool:
        answer = Program(owner).post(f"devices/{device.serial}/gateways/", {"gateway": text})
        return int(answer.status_code) == 201

    return {
        "page": lambda device, text: send(owner, "devices:gateways", device, gateway=text),
        "api": by_api,
        "file": lambda device, text: carry(check, owner, "Gateways", device, text),
        "action": lambda device, text: do(owner, "tie", device, gateway=text),
    }


@pytest.fixture
def giving(check: Run, world: World) -> Ways:
    owner = world.owner

    def by_api(device: Device, text: str) -> bool:
        sent = {"group": world.anaheim.pk, "person": text}
        return int(Program(owner).post(f"devices/{device.serial}/assign/", sent).status_code) == 200

    return {
        "page": lambda device, text: send(owner, "devices:person", device, person=text, name=device.serial),
        "api": by_api,
        "file": lambda device, text: carry(check, owner, "Person", device, text),
        "action": lambda device, text: do(owner, "person", device, person=text),
    }


def find_name(world: World, case: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what is typed as the gateway."""
    place = world.boise if case == "elsewhere" else None if case == "waiting" else world.anaheim
    gateway = builders.make_device(world.version, serial=ADDRESS, group=place, by=world.owner)
    if case == "retired":
        retirement.retire_devices([gateway], by=world.owner)
    elif case == "full":
        other = builders.make_device(world.version, serial=serials.generate(), group=world.anaheim, by=world.owner)
        ties.tie(device=other, gateway=gateway, by=world.owner)
        monkeypatch.setattr(ties, "MOST_DEVICES", 1)
    named = {
        "lower": ADDRESS.lower(),
        "colons": serials.write_otherwise(ADDRESS)[0],
        "itself": world.placed.serial,
        "alien": world.alien.serial,
        "unknown": "NOTHING1",
    }
    return named.get(case, ADDRESS)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", ["", "lower", "colons"])
def test_tied(world: World, tying: Ways, way: str, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    named = find_name(world, case, monkeypatch)
    assert tying[way](world.placed, named)
    tie = Tie.objects.standing().get()
    assert (tie.device, tie.gateway.serial) == (world.placed, ADDRESS)
    assert (tie.assignment, tie.gateway_assignment) == (world.placed.assignment, tie.gateway.assignment)
    event = Event.objects.get(kind="tied")
    assert (event.device, event.by, event.data["gateway"]) == (world.placed, world.owner, ADDRESS)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", ["elsewhere", "waiting", "retired", "full", "itself", "alien", "unknown"])
def test_not_tied(world: World, tying: Ways, way: str, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    named = find_name(world, case, monkeypatch)
    before = list(Tie.objects.standing().values_list("pk", flat=True))
    assert not tying[way](world.placed, named)
    assert list(Tie.objects.standing().values_list("pk", flat=True)) == before


@pytest.fixture
def described(world: World) -> Device:
    """What was written about Anaheim's device stays with the group; its model is its own."""
    Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=True)
    model = DeviceModel.objects.filter(organisation=world.kanarra).first()
    Device.objects.filter(pk=world.placed.pk).update(description="Behind", tags={"hall": "5"}, model=model)
    return Device.objects.get(pk=world.placed.pk)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", ["viewer", "admin", "VIEWER"])
def test_given(world: World, giving: Ways, described: Device, way: str, who: str) -> None:
    person = getattr(world, who.lower())
    assert giving[way](described, person.email.upper() if who.isupper() else person.email)
    now = Device.objects.select_related("assignment").get(pk=described.pk)
    assert now.assignment is not None
    assert (now.group, now.person, now.assignment.person) == (world.anaheim, person, person)
    assert now.assignment_id != described.assignment_id
    written = (now.name, now.description, now.tags, now.model)
    assert written == (described.serial, "", described.version.default_tags, described.model)
    event = Event.objects.filter(device=now).latest("pk")
    assert (event.kind, event.by, event.data["person"]) == ("assigned", world.owner, person.pk)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", ["sibling", "stranger", "nobody", "disabled", "not wanted"])
def test_not_given(world: World, giving: Ways, described: Device, way: str, who: str) -> None:
    if who == "disabled":
        User.objects.filter(pk=world.viewer.pk).update(is_active=False)
    elif who == "not wanted":
        Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=False)
    email = "nobody@kanarra.example" if who == "nobody" else getattr(world, who, world.viewer).email
    assert not giving[way](described, email)
    now = Device.objects.get(pk=described.pk)
    assert (now.person, now.assignment_id, now.description) == (None, described.assignment_id, "Behind")
