"""A device that lived is retired: out of lists, cut off, its history kept; it may come back, or its serial go on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from devices.broker import authorization, closing
from devices.credentials import operations as credentials
from devices.models import Credential, Device, Event, GroupDeviceCount
from provisioning.windows import operations as windows
from tenants.groups import operations as groups
from tests import builders
from tests.devices.api import Program, body, kind, places
from tests.provisioning.conftest import form_data, pressed_window
from tests.telemetry.reports import now as moment
from tests.telemetry.reports import save, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.models import Group
    from tests.conftest import World


@pytest.fixture
def owner(world: World) -> Program:
    return Program(world.owner)


def listed(program: Program, **query: Any) -> set[str]:
    return {row["serial"] for row in program.get("devices/", **query).json()["results"]}


def counted(group: Group) -> int:
    return sum(GroupDeviceCount.objects.filter(group=group).values_list("devices", flat=True))


def act(program: Program, kind: str, *serials: str, **params: Any) -> Any:
    return program.post("actions/", {"kind": kind, "serials": serials, "params": params}).json()


def by_api(program: Program, act: str) -> Callable[[str], Any]:
    return lambda serial: program.post(f"devices/{serial}/{act}/")


def by_bulk(program: Program, kind: str) -> Callable[[str], Any]:
    def door(serial: str) -> Any:
        made = act(program, kind, serial)
        assert made["changed"] == 1, made
        return program.get(f"devices/{serial}/")

    return door


def by_page(program: Program, kind: str) -> Callable[[str], Any]:
    """Previewed and confirmed, as the menu of the device's page leads to."""

    def door(serial: str) -> Any:
        chosen = {"scope": "ticked", "serial": serial, "kind": kind}
        digest = program.client.post("/actions/new/", chosen).context["preview"].digest
        assert program.client.post("/actions/run/", chosen | {"digest": digest}).status_code == 302
        return program.get(f"devices/{serial}/")

    return door


DOORS = [by_api, by_bulk, by_page]


@pytest.mark.parametrize("door", DOORS)
def test_it_is_in_no_list_and_connects_no_more_and_keeps_its_history(
    world: World, owner: Program, door: Callable[[Program, str], Callable[[str], Any]]
) -> None:
    device, key = world.placed, credentials.issue_credential(device=world.placed, by=None)
    save(timed(device, moment(), engineState="mark-1"))
    retired = door(Program(world.admin), "retire")(device.serial).json()
    assert (retired["status"], retired["group"]["id"]) == ("retired", world.anaheim.pk)
    assert retired["retired_at"]
    for program in (owner, Program(world.admin), Program(world.viewer)):
        assert device.serial not in listed(program)
        assert listed(program, status="retired") == {device.serial}
        home = program.client.get("/").content.decode()
        assert device.serial not in home
        page = program.client.get(f"/devices/{device.serial}/")
        assert "retired</strong> since" in page.content.decode()
        assert "mark-1" in body(program.client.get(f"/devices/{device.serial}/export.csv", {"range": "1h"}))
        told = program.get(f"devices/{device.serial}/events/").json()["results"]
        assert [row["kind"] for row in told][:2] == ["credential-revoked", "retired"]
    assert device.serial not in body(owner.post("devices/export.csv"))
    assert counted(world.anaheim) == 0
    assert authorization.connect(key.access_key, key.access_secret, device.device_id) is None
    assert Program(world.stranger).get(f"devices/{device.serial}/").status_code == 404


def test_nothing_is_done_to_a_retired_device(world: World, owner: Program) -> None:
    at = f"devices/{world.placed.serial}/"
    Device.objects.filter(pk=world.placed.pk).update(expires_at=now())
    owner.post(f"{at}retire/")
    before = Event.objects.count()
    asked = [
        owner.patch(at, {"name": "New"}),
        owner.post(f"{at}assign/", {"group": world.boise.pk}),
        owner.post(f"{at}release/"),
        *(owner.post(f"{at}{act}/") for act in ("lock", "unlock", "open-again", "credentials")),
        owner.post(f"{at}credentials/rotate/", {"ends": "now"}),
    ]
    assert [kind(answer) for answer in asked] == ["device-retired"] * len(asked)
    page = owner.client.post(f"/{at}lock/", follow=True).content.decode()
    assert "This device is retired. Nothing was changed." in page
    for name, params in {
        "move": {"group": world.boise.pk},
        "tag": {"tag": "a", "value": "b"},
        "lock": {},
        "reissue": {"old": "now"},
        "retire": {},
    }.items():
        sent = {"kind": name, "serials": [world.placed.serial], "params": params}
        assert owner.post("actions/preview/", sent).json()["staying"] == [
            {"reason": "retired: bring it back first", "devices": 1}
        ]
    assert Event.objects.count() == before
    assert owner.post(f"{at}retire/").status_code == 200  # again changes nothing
    assert Event.objects.count() == before


def test_a_technician_who_scans_it_is_told(world: World, owner: Program) -> None:
    owner.post(f"devices/{world.waiting.serial}/retire/")
    technician = Program(world.technician)
    assert kind(technician.post("windows/", {"text": world.waiting.serial})) == "label-of-retired-device"
    scanned = technician.client.post("/register/scan/", {"text": world.waiting.serial})
    assert "This device is retired." in scanned.content.decode()


def test_an_open_window_says_so(world: World, owner: Program) -> None:
    window = pressed_window(world)
    waiting = windows.open_window(device=world.foreign, by=world.technician)
    for device in (world.waiting, world.foreign):
        owner.post(f"devices/{device.serial}/retire/")
    technician = Program(world.technician)
    page = technician.client.get(reverse("provisioning:window", kwargs={"key": waiting.key}))
    assert "Retired meanwhile" in page.content.decode()
    refused = technician.post(f"windows/{window.key}/complete/", form_data(world))
    assert kind(refused) in {"label-of-retired-device", "device-retired"}
    assert Device.objects.get(pk=world.waiting.pk).group is None


def test_its_connection_is_ended(world: World, owner: Program) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    authorization.admit(issued.access_key, issued.access_secret, world.placed.device_id)
    owner.post(f"devices/{world.placed.serial}/retire/")
    at = now()
    endings = closing.find_endings(at - timedelta(hours=1), at)
    assert [ending.device_id for ending in endings] == [world.placed.device_id]


@pytest.mark.parametrize("door", DOORS)
def test_it_is_brought_back_where_it_was(
    world: World, owner: Program, door: Callable[[Program, str], Callable[[str], Any]]
) -> None:
    serial, assignment = world.placed.serial, world.placed.assignment_id
    credentials.issue_credential(device=world.placed, by=None)
    owner.post(f"devices/{serial}/retire/")
    back = door(Program(world.admin), "restore")(serial).json()
    assert (back["status"], back["group"]["id"], back["retired_at"]) == ("never", world.anaheim.pk, None)
    assert Device.objects.get(serial=serial).assignment_id == assignment
    assert serial in listed(Program(world.viewer))
    assert counted(world.anaheim) == 1
    assert not Credential.objects.standing().filter(device=world.placed).exists()
    assert owner.post(f"devices/{serial}/credentials/").status_code == 201


def test_retiring_many_is_undone(world: World, owner: Program) -> None:
    made = act(owner, "retire", world.placed.serial, world.waiting.serial)
    assert (made["changed"], made["undoable"]) == (2, True)
    act(owner, "restore", world.waiting.serial)
    back = owner.post(f"actions/{made['key']}/undo/").json()
    assert (back["changed"], back["kept"]) == (1, [{"reason": "changed by somebody since", "devices": 1}])
    assert not Device.objects.filter(retired_at__isnull=False).exists()


def test_a_group_whose_devices_are_retired_is_free_and_takes_none_back(world: World, owner: Program) -> None:
    at = f"devices/{world.placed.serial}/"
    assert kind(owner.post(f"groups/{world.anaheim.pk}/archive/")) == "group-not-empty"
    owner.post(f"{at}retire/")
    assert owner.post(f"groups/{world.anaheim.pk}/archive/").status_code == 200
    assert kind(owner.post(f"{at}restore/")) == "group-takes-no-devices"
    kept = act(owner, "restore", world.placed.serial)["kept"]
    assert kept == [{"reason": "the former group can't take devices any more", "devices": 1}]
    groups.restore(group=world.anaheim)
    assert owner.post(f"{at}restore/").json()["status"] == "never"


# Its serial ------------------------------------------------------------------------------------


def test_its_serial_is_held_until_an_admin_gives_it_free(world: World, owner: Program) -> None:
    serial, recipe = world.placed.serial, world.version.recipe_id
    at = f"devices/{serial}/"
    assert kind(owner.post(f"{at}free-serial/")) == "device-not-retired"
    owner.post(f"{at}retire/")
    assert kind(owner.post("devices/", {"recipe": recipe, "serial": serial})) == "serial-taken"
    assert Program(world.admin).post(f"{at}free-serial/").status_code == 404
    freed = owner.post(f"{at}free-serial/").json()
    assert (freed["former_serial"], freed["status"]) == (serial, "retired")
    assert owner.get(at).status_code == 404
    assert owner.post("devices/", {"recipe": recipe, "serial": serial}).status_code == 201
    assert owner.get(at).json()["device_id"] != world.placed.device_id
    past = f"devices/{freed['serial']}/"
    assert f"Its serial, {serial}, was given free." in owner.client.get(f"/{past}").content.decode()
    assert next(row["kind"] for row in owner.get(f"{past}events/").json()["results"]) == "serial-freed"
    assert kind(owner.post(f"{past}restore/")) == "serial-was-freed"
    assert owner.post(f"{past}free-serial/").json() == freed  # again changes nothing
    assert Program(world.technician).post("windows/", {"text": serial}).status_code == 201


@pytest.mark.parametrize("length", [64, 45, 44])
def test_a_long_serial_is_given_free_too(world: World, owner: Program, length: int) -> None:
    world.version.identity = {"kind": "opaque"}
    world.version.save()
    device = builders.make_device(world.version, serial="7" * length)
    owner.post(f"devices/{device.serial}/retire/")
    made = act(owner, "free", device.serial)
    assert made["changed"] == 1
    freed = Device.objects.get(pk=device.pk)
    assert (freed.former_serial, len(freed.serial) <= 64, "~" in freed.serial) == (device.serial, True, True)
    assert owner.get(f"devices/{freed.serial}/").json()["device_id"] == device.device_id


def test_giving_serials_free_is_for_admins_of_the_whole_organisation(world: World) -> None:
    admin = Program(world.admin)
    act(admin, "retire", world.placed.serial)
    sent = {"kind": "free", "serials": [world.placed.serial]}
    assert admin.post("actions/", sent).status_code == 404
    assert admin.post("actions/preview/", sent).status_code == 404
    chosen = {"scope": "ticked", "serial": world.placed.serial}
    assert admin.client.post("/actions/new/", chosen | {"kind": "free"}).context["step"] == "choose"
    assert "Give the serial free" not in admin.client.post("/actions/new/", chosen).content.decode()
    assert admin.client.post("/actions/run/", chosen | {"kind": "free", "digest": "x"}).status_code == 422
    assert not Device.objects.exclude(former_serial="").exists()


def test_labels_of_retired_devices_are_not_printed_in_silence(world: World, owner: Program) -> None:
    owner.post(f"devices/{world.placed.serial}/retire/")
    answer = owner.post("labels/", {"serials": [world.placed.serial], "options": {}})
    assert places(answer)


def test_pages_of_a_retired_device_offer_what_can_be_done(world: World, owner: Program, client: Client) -> None:
    owner.post(f"devices/{world.placed.serial}/retire/")
    menu = owner.client.get(f"/devices/{world.placed.serial}/").content.decode()
    assert all(f'value="{kind}"' in menu for kind in ("restore", "free"))
    assert not any(f'value="{kind}"' in menu for kind in ("move", "lock", "retire", "remove"))
    theirs = Program(world.admin).client.get(f"/devices/{world.placed.serial}/").content.decode()
    assert 'value="free"' not in theirs
    page = owner.client.get(f"/devices/{world.placed.serial}/credentials/").content.decode()
    assert "This device is retired" in page
    assert "credentials/issue/" not in page
