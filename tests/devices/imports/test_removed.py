"""An import that was a mistake can be unmade for a day, as far as its devices never lived."""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils.timezone import now

from devices import imports
from devices.connections import activation, presence
from devices.credentials import operations as credentials
from devices.credentials import standing
from devices.lifecycle import assignments, edits, locks
from devices.lifecycle.register_with_credential import add_device
from devices.models import Credential, Delivery, Device, Event, GroupDeviceCount, Import, RecipeVersion
from tests.devices.api import Program, body, kind
from tests.devices.imports.pages import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.conftest import World


@pytest.fixture
def owner(world: World) -> Program:
    return Program(world.owner)


def remove(program: Program, **which: Any) -> Any:
    return program.post("actions/", {"kind": "remove", **which}).json()


def connect(device: Device) -> None:
    activation.activate_devices([device.pk])


def hear(device: Device) -> None:
    presence.record_seen({device.pk: now()})


def use(device: Device) -> None:
    issued = credentials.issue_credential(device=device, by=None)
    credential = credentials.find_credential(access_key=issued.access_key, access_secret=issued.access_secret)
    assert credential
    standing.note_uses([standing.Use(credential.pk, credential.device_id)])


def test_an_imports_devices_go_and_all_that_was_made_with_them(
    world: World,
    owner: Program,
    run: Callable[..., Import],
) -> None:
    importing = run("Serial\nWRONG1\nWRONG2\nWRONG3\n")
    which = {"filter": {"import": str(importing.key)}}
    assert owner.get(f"imports/{importing.key}/").json()["result"] == "ready"
    page = owner.client.get(f"/imports/{importing.key}/").content.decode()
    assert "Made by mistake: remove them" in page
    seen = owner.post("actions/preview/", {"kind": "remove", **which}).json()
    assert (seen["changing"], seen["staying"]) == (3, [])
    made = remove(owner, **which, digest=seen["digest"])
    assert (made["state"], made["changed"], made["kept"], made["undoable"]) == ("done", 3, [], False)
    assert not Device.objects.filter(serial__startswith="WRONG").exists()
    assert not Credential.objects.filter(device__source=importing).exists()
    assert not Delivery.objects.exists()
    told = owner.get(f"imports/{importing.key}/").json()
    assert (told["made"], told["removed"], told["result"]) == (3, 3, "none")
    page = owner.client.get(f"/imports/{importing.key}/").content.decode()
    assert "Removed since" in page
    assert "All of them were removed since." in page
    assert "Print labels" not in page
    assert "Made by mistake" not in page
    report = list(csv.DictReader(body(owner.get(f"imports/{importing.key}/report.csv")).splitlines()))
    assert [(row["Serial"], row["Device ID"], row["Error"]) for row in report] == [
        (f"WRONG{n}", "", "Removed since it was made") for n in (1, 2, 3)
    ]
    rows = Event.objects.filter(kind="device-removed", by=world.owner).order_by("pk")
    assert [(row.data["serial"], row.data["import"], row.data["action"]) for row in rows] == [
        (f"WRONG{n}", str(importing.key), made["key"]) for n in (1, 2, 3)
    ]
    again = run("Serial\nWRONG1\n")
    assert (again.made, again.refused) == (1, 0)


def test_those_that_lived_stay_and_it_is_told_why(
    world: World,
    owner: Program,
    run: Callable[..., Import],
) -> None:
    importing = run("Serial\n" + "\n".join(f"MADE{n}" for n in range(7)))
    made = {device.serial: device for device in Device.objects.filter(source=importing)}
    connect(made["MADE0"])
    hear(made["MADE1"])
    use(made["MADE2"])
    assignments.assign(device=made["MADE3"], group=world.boise, name="N", model=None, by=world.owner)
    assignments.assign(device=made["MADE4"], group=world.boise, name="N", model=None, by=world.owner)
    assignments.release(device=made["MADE4"], by=world.owner)
    told = remove(owner, filter={"import": str(importing.key)})
    assert (told["changed"], {row["reason"]: row["devices"] for row in told["kept"]}) == (
        2,
        {"has connected: retire it instead": 3, "was placed in a group after it was made: retire it instead": 2},
    )
    assert set(Device.objects.filter(source=importing).values_list("serial", flat=True)) == {
        f"MADE{n}" for n in range(5)
    }
    assert owner.get(f"imports/{importing.key}/").json()["result"] == "ready"  # for those that stay


def test_an_import_that_placed_its_devices_is_unmade_too(
    world: World, owner: Program, run: Callable[..., Import]
) -> None:
    before = set(GroupDeviceCount.objects.values_list("group", "devices"))
    importing = run(f"Serial,Group\nWRONG1,#{world.boise.pk}\nWRONG2,#{world.anaheim.pk}\nWRONG3,\n")
    groups = dict(Device.objects.filter(source=importing).values_list("pk", "group"))
    assert list(groups.values()) == [world.boise.pk, world.anaheim.pk, None]
    told = remove(owner, filter={"import": str(importing.key)})
    assert (told["changed"], told["kept"]) == (3, [])
    assert not Device.objects.filter(source=importing).exists()
    assert set(GroupDeviceCount.objects.values_list("group", "devices")) == before
    kinds: list[Any] = list(
        Event.objects.filter(device__in=groups).order_by("pk").values_list("device", "kind", "group")
    )
    for device, group in groups.items():
        placed = [(device, "provisioned", group)] if group else []
        assert [row for row in kinds if row[0] == device] == [
            (device, "registered", None),
            *placed,
            (device, "device-removed", group),
        ]
    told = owner.get(f"imports/{importing.key}/").json()
    assert (told["made"], told["removed"], told["result"]) == (3, 3, "none")
    again = run(f"Serial,Group\nWRONG1,#{world.anaheim.pk}\n")
    assert (again.made, again.refused) == (1, 0)


def test_who_manages_the_group_reads_that_it_is_gone(
    world: World, owner: Program, run: Callable[..., Import], client: Client
) -> None:
    importing = run(f"Serial,Group\nWRONG1,#{world.boise.pk}\nWRONG2,#{world.anaheim.pk}\n")
    remove(owner, filter={"import": str(importing.key)})
    for reader, said in ((world.admin, ["WRONG2"]), (world.owner, ["WRONG2", "WRONG1"])):
        client.force_login(reader)
        page = words(client.get("/journal/", {"kind": "ended"}))
        assert [serial for serial in ("WRONG2", "WRONG1") if serial in page] == said
        assert "Device removed" in page
    client.force_login(world.admin)
    page = words(client.get("/journal/", {"device": "WRONG2"}))
    assert "Placed in a group" in page
    assert importing.key.hex[:8] not in page
    assert "serials.csv" not in page


def test_devices_made_by_number_or_one_by_one_are_unmade_with_their_group(world: World, owner: Program) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={})
    world.version.refresh_from_db()
    counted = imports.count(by=world.owner, version=world.version, total=2, group=world.boise, name_pattern="")
    imports.work(counted.pk)
    assert remove(owner, filter={"import": str(counted.key)})["changed"] == 2
    added = add_device(by=world.owner, version=world.version, serial="", group=world.boise)
    serial = added.device.serial
    page = owner.client.get(f"/devices/{serial}/").content.decode()
    assert ('value="remove"' in page, 'value="retire"' in page) == (True, False)
    assert owner.delete(f"devices/{serial}/").status_code == 204


def test_what_was_done_with_it_in_its_group_keeps_it(world: World, owner: Program, run: Callable[..., Import]) -> None:
    rows = "".join(f"MADE{n},#{world.boise.pk}\n" for n in range(8))
    importing = run(f"Serial,Group\n{rows}")
    made = {device.serial: device for device in Device.objects.filter(source=importing)}
    edits.change_device(device=made["MADE0"], by=world.owner, name="Ours")
    assignments.assign(device=made["MADE1"], group=world.anaheim, name="N", model=None, by=world.owner)
    assignments.release(device=made["MADE2"], by=world.owner)
    locks.lock_devices([made["MADE3"]], by=world.owner)
    credentials.issue_credential(device=made["MADE4"], by=world.owner)
    connect(made["MADE5"])
    assignments.assign(device=made["MADE6"], group=world.boise, name="N", model=None, by=world.owner)
    told = remove(owner, filter={"import": str(importing.key)})
    kept = {row["reason"].partition(":")[0]: row["devices"] for row in told["kept"]}
    assert (told["changed"], kept) == (
        1,
        {
            "has connected": 1,
            "was placed in a group after it was made": 3,
            "was put into its group as it was made, and changed there since": 3,
        },
    )
    page = owner.client.get("/devices/MADE0/").content.decode()
    assert ('value="remove"' in page, 'value="retire"' in page) == (False, True)
    assert kind(owner.delete("devices/MADE0/")) == "device-lived"


def test_it_is_for_a_day(world: World, owner: Program, run: Callable[..., Import]) -> None:
    importing = run("Serial\nMADE1\n")
    Device.objects.update(registered_at=now() - timedelta(hours=25))
    assert owner.client.get(f"/imports/{importing.key}/").context["removable"]
    assert kind(owner.delete(f"devices/{world.waiting.serial}/")) == "device-lived"
    assert owner.delete("devices/MADE1/").status_code == 204  # of an import that took long: its end counts
    importing = run("Serial\nMADE2\n")
    Device.objects.update(registered_at=now() - timedelta(hours=25))
    Import.objects.update(finished_at=now() - timedelta(hours=25))
    told = remove(owner, serials=["MADE2"])["kept"]
    assert told == [{"reason": "was made more than 24 hours ago: retire it instead", "devices": 1}]
    assert not owner.client.get(f"/imports/{importing.key}/").context["removable"]


def test_a_retired_devices_serial_is_told_in_a_file(
    world: World, owner: Program, run: Callable[..., Import], check: Callable[..., Import]
) -> None:
    run("Serial\nMADE1\nMADE2\n")
    owner.post("devices/MADE1/retire/")
    causes = {problem.row: problem.cause for problem in check("Serial\nMADE1\nMADE2\n").problems.all()}
    assert "bring it back, or give its serial free" in causes[2]
    assert "There is a device with this serial already." in causes[3]
