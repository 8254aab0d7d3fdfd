"""What was handed out ends with the assignment, and is judged again when it is taken. By page, API, bulk and window."""

from __future__ import annotations

import csv
import gc
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from devices import tasks
from devices.credentials import operations as credentials
from devices.labels import printing
from devices.models import BulkAction, Credential, Device, Event, LabelPrintJob
from devices.refusals import DEVICE_HANDED_OVER
from provisioning.models import Window
from tenants.models import Membership, Organisation, Role
from tests import builders
from tests.devices.api import Program, body, kind
from tests.devices.doing import act, undone
from tests.provisioning.conftest import report_press
from tests.refused import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World


class Handed:
    """A device in Anaheim that the factory gave one credential, and Anaheim's admin another."""

    def __init__(self, world: World) -> None:
        self.device = builders.make_device(world.version, by=world.owner)
        self.factory = credentials.issue_credential(device=self.device, by=world.owner)
        owner = Program(world.owner)
        assert owner.post(f"devices/{self.device.serial}/assign/", {"group": world.anaheim.pk}).status_code == 200
        made = Program(world.admin).post(f"devices/{self.device.serial}/credentials/").json()
        self.own = (made["access_key"], made["access_secret"])

    def works(self) -> tuple[bool, bool]:
        """The factory's, and the one issued in Anaheim."""
        factory = (self.factory.access_key, self.factory.access_secret)
        return authenticates(*factory), authenticates(*self.own)


def authenticates(key: str, secret: str) -> bool:
    return credentials.authenticate_device(access_key=key, access_secret=secret) is not None


@pytest.fixture
def handed(world: World) -> Handed:
    return Handed(world)


def by_page(world: World, device: Device, kind: str, **params: Any) -> None:
    client = Client()
    client.force_login(world.owner)
    given = {"kind": kind, "serial": [device.serial], "set": "1", **params}
    shown = client.post("/actions/new/", given).content.decode()
    digest = shown.partition('name="digest" value="')[2].partition('"')[0]
    assert client.post("/actions/run/", given | {"digest": digest}).status_code == 302


def by_api(world: World, device: Device, **action: Any) -> None:
    made = Program(world.owner).post("actions/", {"serials": [device.serial], **action})
    assert (made.status_code, made.json()["changed"]) == (201, 1), made.content


def by_window(world: World, device: Device) -> None:
    Organisation.objects.update(allow_reprovisioning=True)
    taker = Program(world.sibling)
    window = taker.post("windows/", {"text": device.serial}).json()["key"]
    Window.objects.update(opened_at="2020-01-01T00:00:00Z")
    report_press(device)
    place = {"name": "Taken", "group": world.boise.pk, "model": device.model_id}
    assert taker.post(f"windows/{window}/complete/", place).status_code == 200


WAYS: dict[str, Callable[[World, Device], object]] = {
    "released": lambda world, device: Program(world.admin).post(f"devices/{device.serial}/release/"),
    "released in bulk": lambda world, device: by_page(world, device, "release"),
    "assigned": lambda world, device: Program(world.owner).post(
        f"devices/{device.serial}/assign/", {"group": world.boise.pk}
    ),
    "assigned to the same group": lambda world, device: Program(world.owner).post(
        f"devices/{device.serial}/assign/", {"group": world.anaheim.pk}
    ),
    "moved in bulk": lambda world, device: by_page(world, device, "move", group=str(world.boise.pk)),
    "moved and kept": lambda world, device: by_api(
        world, device, kind="move", params={"group": world.boise.pk, "keep": True}
    ),
    "provisioned again": by_window,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_issued_within_an_assignment_ends_with_it(world: World, handed: Handed, way: str) -> None:
    assert handed.works() == (True, True)
    former = Device.objects.get(pk=handed.device.pk).assignment
    WAYS[way](world, handed.device)
    assert Device.objects.get(pk=handed.device.pk).assignment != former
    assert handed.works() == (True, False)
    (event,) = Event.objects.filter(kind="credential-revoked")
    assert (event.data["reason"], event.data["access_key"]) == ("handed over", handed.own[0])
    assert event.assignment == former


def test_the_preview_counts_whose_credentials_end(world: World, handed: Handed) -> None:
    asked = {"kind": "release", "serials": [handed.device.serial, world.placed.serial]}
    seen = Program(world.owner).post("actions/preview/", asked).json()
    assert (seen["changing"], seen["ending"]) == (2, 1)


def test_undoing_gives_back_neither_theirs_nor_ones_own(world: World, handed: Handed) -> None:
    one = Device.objects.filter(pk=handed.device.pk)
    moved = act("move", world.owner, one, group=world.boise.pk)
    theirs = credentials.issue_credential(device=one.get(), by=world.owner)
    undone(moved, world.owner)
    assert one.get().group == world.anaheim
    assert handed.works() == (True, False)
    assert not authenticates(theirs.access_key, theirs.access_secret)


def test_what_many_devices_got_in_their_groups_ends_too(world: World, handed: Handed) -> None:
    act("reissue", world.admin, Device.objects.filter(pk=handed.device.pk), at_once=True)
    assert handed.works() == (False, False)
    reissued = Credential.objects.standing().get(device=handed.device)
    act("release", world.admin, Device.objects.filter(pk=handed.device.pk))
    reissued.refresh_from_db()
    assert reissued.revoked_at is not None


def test_who_saw_it_before_it_was_handed_over_makes_nothing_for_it(world: World, handed: Handed) -> None:
    seen = Device.objects.get(pk=handed.device.pk)
    WAYS["assigned"](world, handed.device)
    for make in (credentials.issue_credential, credentials.rotate_credentials):
        with refused(DEVICE_HANDED_OVER):
            make(device=seen, by=world.admin)
    assert handed.works() == (True, False)


def test_the_next_tenant_is_told_of_the_factorys(world: World, handed: Handed) -> None:
    WAYS["assigned"](world, handed.device)
    tekton = builders.make_user("admin@tekton.example", world.tekton, Role.ADMIN)
    program, at = Program(tekton), f"devices/{handed.device.serial}/credentials/"
    said = "s credential is still in use"
    assert said in program.client.get(f"/devices/{handed.device.serial}/credentials/").content.decode()
    (row,) = program.get(at).json()["results"]
    assert (row["factory"], row["works"]) == (True, True)
    assert program.post(f"{at}rotate/", {"ends": "now"}).status_code == 201
    assert said not in program.client.get(f"/devices/{handed.device.serial}/credentials/").content.decode()
    assert [row["factory"] for row in program.get(at).json()["results"] if row["works"]] == [False]


# Results ---------------------------------------------------------------------------------------


@pytest.fixture
def pair(world: World) -> list[Device]:
    """Two devices of Anaheim, besides the cast's."""
    group = world.anaheim
    return [builders.make_device(world.version, group=group, by=world.owner) for _ in range(2)]


@pytest.fixture
def reissued(world: World, pair: list[Device]) -> BulkAction:
    return act("reissue", world.admin, Device.objects.filter(pk__in=[device.pk for device in pair]))


def page_result(world: World, action: BulkAction) -> Any:
    client = Client()
    client.force_login(world.admin)
    return client.post(f"/actions/{action.key}/result/")


def api_result(world: World, action: BulkAction) -> Any:
    return Program(world.admin).post(f"actions/{action.key}/result/")


DOORS = pytest.mark.parametrize("result", [page_result, api_result])


@DOORS
def test_whoever_is_no_admin_any_more_takes_nothing(world: World, reissued: BulkAction, result: Any) -> None:
    Membership.objects.filter(user=world.admin).update(role=Role.VIEWER)
    assert result(world, reissued).status_code == 404
    client = Client()
    client.force_login(world.admin)
    assert client.get(f"/actions/{reissued.key}/").status_code == 404


@DOORS
def test_the_file_leaves_out_what_left(world: World, reissued: BulkAction, pair: list[Device], result: Any) -> None:
    left, kept = pair
    Program(world.owner).post(f"devices/{left.serial}/assign/", {"group": world.boise.pk})
    client = Client()
    client.force_login(world.admin)
    assert "1 of the devices left your groups" in client.get(f"/actions/{reissued.key}/").content.decode()
    (row,) = csv.DictReader(StringIO(body(result(world, reissued))))
    assert row["serial"] == kept.serial
    assert authenticates(row["access_key"], row["access_secret"])
    assert not Credential.objects.standing().filter(device=left).exists()


@DOORS
def test_what_was_made_for_devices_out_of_reach_is_revoked(
    world: World, reissued: BulkAction, pair: list[Device], result: Any
) -> None:
    """Here the devices stay, and the taker's role over one of them goes."""
    hall = builders.make_group(world.region, "Hall")
    lost, kept = pair
    Program(world.owner).post("actions/", {"kind": "move", "params": {"group": hall.pk}, "serials": [kept.serial]})
    made = act("reissue", world.admin, Device.objects.filter(pk__in=[lost.pk, kept.pk]))
    Membership.objects.filter(user=world.admin).update(group=hall)
    (row,) = csv.DictReader(StringIO(body(result(world, made))))
    assert row["serial"] == kept.serial
    assert Event.objects.filter(device=lost, data__reason="never handed over").exists()


@DOORS
@pytest.mark.parametrize("ends", [credentials.AT_ONCE, timedelta(hours=1)])
def test_a_credential_that_was_replaced_is_not_handed_over(
    world: World, reissued: BulkAction, pair: list[Device], result: Any, ends: timedelta
) -> None:
    newer = credentials.rotate_credentials(device=pair[0], by=world.admin, ends=ends)
    Credential.objects.filter(expires_at__isnull=False).update(expires_at=Now())  # the hour is over
    rows = {row["serial"]: row for row in csv.DictReader(StringIO(body(result(world, reissued))))}
    assert rows[pair[0].serial]["access_secret"] == ""
    assert "replaced or revoked since" in rows[pair[0].serial]["error"]
    assert rows[pair[1].serial]["access_secret"]
    assert authenticates(newer.access_key, newer.access_secret)


@DOORS
def test_a_file_that_would_be_empty_says_why(
    world: World, reissued: BulkAction, pair: list[Device], result: Any
) -> None:
    for device in pair:
        Program(world.owner).post(f"devices/{device.serial}/release/")
    answer = result(world, reissued)
    assert (answer.status_code, "left your groups" in answer.content.decode()) == (410, True)
    if result is api_result:
        assert kind(answer) == "result-empty"


# Labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["moved", "role"])
def test_labels_are_taken_by_whoever_manages_their_devices_now(
    world: World, pair: list[Device], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(printing, "STRAIGHT", 0)
    program = Program(world.admin)
    hall = builders.make_group(world.region, "Hall")
    at = program.post("labels/", {"serials": [device.serial for device in pair]})["Location"].removeprefix("/api/v1/")
    sheet = LabelPrintJob.objects.get()
    tasks.make_sheet(sheet.pk)
    pages = [f"/labels/{sheet.key}/file/", f"/api/v1/{at}file/"]
    assert [program.client.get(page).status_code for page in pages] == [200, 200]
    gc.collect()  # a download that nobody reads is over once it is lost
    if how == "moved":
        Program(world.owner).post(f"devices/{pair[0].serial}/assign/", {"group": world.boise.pk})
    else:
        Membership.objects.filter(user=world.admin).update(group=hall)
    answers = [program.client.get(page) for page in pages]
    assert [answer.status_code for answer in answers] == [410, 410]
    assert all("no longer yours to manage" in answer.content.decode() for answer in answers)
    Membership.objects.filter(user=world.admin).update(role=Role.TECHNICIAN)
    assert [program.client.get(page).status_code for page in pages] == [404, 404]
