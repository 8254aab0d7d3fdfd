"""A column that names the gateways of each device, of devices to be made and of those that are there."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from devices import imports
from devices.bulk_actions import changes, runner
from devices.identity import serials
from devices.imports import gateways
from devices.lifecycle import assignments, retirement
from devices.models import Device, Event, Import, Tie
from devices.ties import operations as ties
from tenants.models import Membership, Role
from tests import builders
from tests.devices.api import Program
from tests.devices.doing import ran, undone
from tests.devices.imports.conftest import problems, work
from tests.devices.imports.pages import address, downloaded, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from devices.models import BulkAction
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

    Carry = Callable[..., BulkAction]

pytestmark = pytest.mark.django_db


def make_beside(world: World, name: str = "") -> Device:
    """Make one in Anaheim."""
    serial = serials.generate()
    return builders.make_device(world.version, serial=serial, group=world.anaheim, by=world.owner, name=name)


@pytest.fixture
def gateway(world: World) -> Device:
    return make_beside(world, "Anaheim gateway")


@pytest.fixture
def carry(check: Run, world: World) -> Carry:
    def one(text: str) -> BulkAction:
        checked = check(text, act="change")
        assert problems(checked) == []
        return ran(changes.start_changes(importing=checked, by=world.owner))

    return one


def tied(serial: str) -> list[str]:
    standing = Tie.objects.standing().filter(device__serial=serial)
    return sorted(standing.values_list("gateway__serial", flat=True))


def told(serial: str) -> list[str]:
    return list(Event.objects.filter(device__serial=serial).order_by("pk").values_list("kind", flat=True))


# Of devices to be made ------------------------------------------------------------------------------


@pytest.mark.parametrize("all_or_nothing", [True, False])
def test_made_devices_are_tied_to_those_that_are_there_and_to_rows_above(
    run: Run, world: World, gateway: Device, all_or_nothing: bool
) -> None:
    text = f'Serial,Gateways\nHUB-1,\nTANK-1,"{gateway.serial.lower()}, hub-1"\nTANK-2,HUB1\nTANK-3,\n'
    importing = run(text, group=world.anaheim, all_or_nothing=all_or_nothing)
    assert (problems(importing), importing.state, importing.made) == ([], "done", 4)
    assert importing.columns == ["serial", "gateways"]
    assert tied("TANK1") == sorted(["HUB1", gateway.serial])
    assert tied("TANK2") == ["HUB1"]
    assert tied("TANK3") == tied("HUB1") == []
    assert told("TANK1") == ["registered", "provisioned", "tied", "tied"]
    event = Event.objects.filter(device__serial="TANK2", kind="tied").get()
    assert (event.data, event.by, event.group) == ({"gateway": "HUB1"}, world.owner, world.anaheim)


def test_those_in_no_group_are_tied_to_one_in_none(run: Run, world: World) -> None:
    importing = run(f"Serial,Gateways\nTANK-1,{world.waiting.serial}\n")
    assert (problems(importing), tied("TANK1")) == ([], [world.waiting.serial])


WRONG: dict[str, tuple[Callable[[World, Device], str], str]] = {
    "unknown": (lambda world, gateway: "NOSUCHDEVICE", gateways.UNKNOWN),
    "another organisation's": (lambda world, gateway: world.alien.serial, gateways.UNKNOWN),
    "elsewhere": (lambda world, gateway: world.foreign.serial, gateways.ELSEWHERE),
    "in no group": (lambda world, gateway: world.waiting.serial, gateways.ELSEWHERE),
    "itself": (lambda world, gateway: "tank-1", gateways.ITSELF),
    "a row below": (lambda world, gateway: "LATER-1", gateways.UNKNOWN),
    "a row that does not fit": (lambda world, gateway: "BAD-1", gateways.UNKNOWN),
    "retired": (
        lambda world, gateway: str(retirement.retire_devices([gateway], by=world.owner) and gateway.serial),
        gateways.RETIRED,
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_gateway_that_can_not_speak_for_it_is_a_problem_of_the_row(
    run: Run, world: World, gateway: Device, case: str
) -> None:
    name, cause = WRONG[case]
    text = f"Serial,Gateways,Model\nBAD-1,,no such model\nTANK-1,{name(world, gateway)},\nLATER-1,,\n"
    importing = run(text, group=world.anaheim)
    row, column, told_cause = problems(importing)[-1]
    assert (row, column) == (3, "Gateways")
    assert told_cause.endswith(f"”: {cause}")
    assert importing.made == 1
    assert not Device.objects.filter(serial="TANK1").exists()
    groups = {group["cause"]: group["rows"] for group in importing.problem_groups or ()}
    assert groups[cause] == 1


@pytest.mark.parametrize(
    ("cell", "cause"),
    [
        ("1.2E+15", "its last digits are lost"),
        ("'----", "This is no serial."),
        (", ".join(f"G{number:03}" for number in range(11)), "11 gateways are too many"),
    ],
)
def test_a_cell_that_names_no_gateways(check: Run, cell: str, cause: str) -> None:
    assert cause in problems(check(f'Serial,Gateways\nTANK-1,"{cell}"\n'))[0][2]


SEVERAL = ("A / B", "A B", "A|B", "A and B", "A、B", "A，B", "A；B", "A & B", "A+B", "A\tB", "A\\B")  # noqa: RUF001


@pytest.mark.parametrize("act", ["add", "change"])
@pytest.mark.parametrize("cell", SEVERAL)
def test_several_that_are_parted_otherwise_are_told_what_parts_them(
    check: Run, world: World, gateway: Device, act: str, cell: str
) -> None:
    named = cell.replace("A", gateway.serial, 1).replace("B", make_beside(world).serial)
    serial = world.placed.serial if act == "change" else "TANK-1"
    [(row, column, cause)] = problems(check(f'Serial;Gateways\n{serial};"{named}"\n', act=act, group=world.anaheim))
    assert (row, column) == (2, "Gateways")
    assert cause.endswith(" Several gateways are parted by commas, semicolons or line breaks.")


@pytest.mark.parametrize("act", ["add", "change"])
@pytest.mark.parametrize("cell", ["N/A", "n/a", "none", "-", "keine"])
def test_what_says_that_there_is_no_gateway_is_told_to_be_empty(check: Run, world: World, act: str, cell: str) -> None:
    serial = world.placed.serial if act == "change" else "TANK-1"
    [(row, column, cause)] = problems(check(f"Serial,Gateways\n{serial},{cell}\n", act=act))
    assert (row, column) == (2, "Gateways")
    assert cause.endswith("”: This says that there is none: leave the cell empty.")


def test_no_more_than_a_gateway_may_speak_for(
    run: Run, world: World, gateway: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ties, "MOST_DEVICES", 2)
    ties.tie(device=world.placed, gateway=gateway, by=world.owner)
    importing = run(f"Serial,Gateways\nTANK-1,{gateway.serial}\nTANK-2,{gateway.serial}\n", group=world.anaheim)
    assert [(row, cause.partition("”: ")[2]) for row, _, cause in problems(importing)] == [(3, gateways.FULL)]
    assert tied("TANK1") == [gateway.serial]


@pytest.mark.parametrize("all_or_nothing", [True, False])
def test_a_gateway_that_left_since_the_check(check: Run, world: World, gateway: Device, all_or_nothing: bool) -> None:
    text = f"Serial,Gateways\nTANK-1,{gateway.serial}\nTANK-2,\n"
    importing = check(text, group=world.anaheim, all_or_nothing=all_or_nothing)
    assert problems(importing) == []
    assignments.release(device=gateway, by=world.owner)
    assert imports.start(importing=importing, by=world.owner)
    importing = work(importing)
    assert (importing.state, importing.made) == (("failed", 0) if all_or_nothing else ("done", 1))
    assert problems(importing)[0][2].endswith(gateways.ELSEWHERE)
    assert not Tie.objects.exists()


# Of devices that are there ----------------------------------------------------------------------------


def test_a_cell_is_all_of_a_devices_gateways_and_an_empty_one_leaves_them(
    carry: Carry, world: World, gateway: Device
) -> None:
    other, device = make_beside(world), make_beside(world)
    ties.tie(device=device, gateway=gateway, by=world.owner)
    seen = len(told(device.serial))
    action = carry(f'Serial,Gateways\n{device.serial},"{other.serial};{world.placed.serial}"\n{gateway.serial},\n')
    assert (action.state, action.changed) == ("done", 1)
    assert tied(device.serial) == sorted([other.serial, world.placed.serial])
    assert told(device.serial)[seen:] == ["untied", "tied", "tied"]
    assert set(Event.objects.filter(kind="tied", device=device).order_by("-pk")[:2].values_list("data__action")) == {
        (str(action.key),)
    }
    assert undone(action, world.owner).changed == 1
    assert tied(device.serial) == [gateway.serial]


def test_an_export_changes_nothing_until_it_is_edited(
    client: Client, check: Run, carry: Carry, world: World, gateway: Device
) -> None:
    other = make_beside(world)
    for through in (gateway, other):
        ties.tie(device=world.placed, gateway=through, by=world.owner)
    client.force_login(world.owner)
    serials = {"serial": [world.placed.serial, gateway.serial, other.serial]}
    text = downloaded(client.post(reverse("devices:export"), serials)).removeprefix("\ufeff")
    assert check(text, act="change").changing == 0
    rows = list(csv.DictReader(io.StringIO(text)))
    rows[0]["Gateways"] = gateway.serial
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    checked = check(out.getvalue(), act="change")
    assert (checked.changing, checked.changed_fields) == (1, {"gateways": 1})
    page = words(client.get(address(checked)))
    assert f"Gateways: {', '.join(sorted([gateway.serial, other.serial]))} → {gateway.serial}" in page
    shown = Program(world.owner).get(f"imports/{checked.key}/changes/").json()["results"][0]
    assert shown["changes"][0]["field"] == "Gateways"


def test_both_move_and_are_tied_again_where_they_arrive(carry: Carry, world: World, gateway: Device) -> None:
    device = world.placed
    ties.tie(device=device, gateway=gateway, by=world.owner)
    there = f"#{world.boise.pk}"
    action = carry(f"Serial,Group,Gateways\n{gateway.serial},{there},\n{device.serial},{there},{gateway.serial}\n")
    assert action.changed == 2
    assert tied(device.serial) == [gateway.serial]
    assert undone(action, world.owner).changed == 2
    assert tied(device.serial) == []  # as with any move that is undone


CHANGES: dict[str, tuple[Callable[[World, Device], str], str]] = {
    "unknown": (lambda world, gateway: "NOSUCHDEVICE", gateways.NOT_THERE),
    "another organisation's": (lambda world, gateway: world.alien.serial, gateways.NOT_THERE),
    "elsewhere": (lambda world, gateway: world.foreign.serial, gateways.ELSEWHERE),
    "itself": (lambda world, gateway: world.placed.serial, gateways.ITSELF),
    "retired": WRONG["retired"],
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_gateway_that_can_not_speak_for_a_device_that_is_there(
    check: Run, world: World, gateway: Device, case: str
) -> None:
    name, cause = CHANGES[case]
    checked = check(f"Serial,Gateways\n{world.placed.serial},{name(world, gateway)}\n", act="change")
    assert checked.changing == 0
    assert problems(checked)[0][2].endswith(f"”: {cause}")


def test_who_moves_away_from_its_gateway_is_no_row_of_it(check: Run, world: World, gateway: Device) -> None:
    text = f"Serial,Group,Gateways\n{world.placed.serial},#{world.boise.pk},{gateway.serial}\n"
    assert problems(check(text, act="change"))[0][2].endswith(gateways.ELSEWHERE)


@pytest.mark.parametrize("since", ["gateway left", "tied otherwise"])
def test_what_is_not_as_it_was_checked_stays(check: Run, world: World, gateway: Device, since: str) -> None:
    checked = check(f"Serial,Name,Gateways\n{world.placed.serial},Pump,{gateway.serial}\n", act="change")
    other = make_beside(world)
    if since == "gateway left":
        assignments.release(device=gateway, by=world.owner)
    else:
        ties.tie(device=world.placed, gateway=other, by=world.owner)
    action = ran(changes.start_changes(importing=checked, by=world.owner))
    assert (action.state, action.changed) == ("done", 0)
    assert action.touched.get().verdict == ("apart" if since == "gateway left" else "since")
    world.placed.refresh_from_db()
    assert world.placed.name != "Pump"
    assert gateway.serial not in tied(world.placed.serial)


def test_an_undo_leaves_what_somebody_changed_since(carry: Carry, world: World, gateway: Device) -> None:
    action = carry(f"Serial,Gateways\n{world.placed.serial},{gateway.serial}\n")
    ties.untie(device=world.placed, gateway=gateway, by=world.owner)
    assert undone(action, world.owner).changed == 0


def test_the_api_matches_the_column_as_the_page_does(world: World, upload: Callable[..., Import]) -> None:
    importing = upload(f"Serial,Hub\nTANK-1,{world.waiting.serial}\n")
    sent: dict[str, Any] = {"columns": ["serial", "gateways"], "encoding": "utf-8", "delimiter": ","}
    answer = Program(world.owner).post(f"imports/{importing.key}/match/", sent)
    assert answer.status_code in (200, 202), answer.content
    importing = work(importing)
    assert (problems(importing), importing.columns) == ([], ["serial", "gateways"])


@pytest.mark.parametrize("is_before", [True, False])
def test_what_moves_together_need_not_be_in_one_batch(
    check: Run, world: World, gateway: Device, monkeypatch: pytest.MonkeyPatch, is_before: bool
) -> None:
    monkeypatch.setattr(runner, "BATCH", 1)
    device = world.placed if is_before else make_beside(world)  # the former has the lower key
    ties.tie(device=device, gateway=gateway, by=world.owner)
    there = f"#{world.boise.pk}"
    rows = f"{gateway.serial},{there},\n{device.serial},{there},{gateway.serial}\n{world.waiting.serial},{there},\n"
    checked = check(f"Serial,Group,Gateways\n{rows}", act="change")
    action = ran(changes.start_changes(importing=checked, by=world.owner))
    assert (action.changed, action.done, action.total) == (3, 3, 3)
    assert {touched.verdict for touched in action.touched.all()} == {"change"}
    assert tied(device.serial) == [gateway.serial]


def test_who_finds_no_room_any_more_stays_and_the_others_do_not(
    check: Run, world: World, gateway: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ties, "MOST_DEVICES", 2)
    leaving, other, newcomer = (make_beside(world) for _ in range(3))
    ties.tie(device=leaving, gateway=gateway, by=world.owner)
    rows = f"{leaving.serial},Left,{other.serial}\n{world.placed.serial},One,{gateway.serial}\n"
    checked = check(f"Serial,Name,Gateways\n{rows}{other.serial},Two,{gateway.serial}\n", act="change")
    assert problems(checked) == []
    ties.tie(device=newcomer, gateway=gateway, by=world.owner)
    action = ran(changes.start_changes(importing=checked, by=world.owner))
    assert (action.state, action.changed) == ("done", 2)
    verdicts = {touched.device_id: touched.verdict for touched in action.touched.all()}
    assert verdicts == {leaving.pk: "change", world.placed.pk: "change", other.pk: "crowded"}
    other.refresh_from_db()
    assert (other.name, tied(other.serial)) == (other.serial, [])
    assert tied(world.placed.serial) == tied(newcomer.serial) == [gateway.serial]


def test_a_file_moves_nothing_to_where_its_starter_manages_nothing_any_more(check: Run, world: World) -> None:
    text = f"Serial,Group\n{world.placed.serial},#{world.boise.pk}\n"
    action = changes.start_changes(importing=check(text, act="change"), by=world.owner)
    world.owner.memberships.all().delete()
    Membership.objects.create(user=world.owner, group=world.anaheim, role=Role.ADMIN)
    assert (ran(action).changed, action.touched.get().verdict) == (0, "not-yours")
