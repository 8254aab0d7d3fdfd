"""What was exported goes in again: a file changes devices that are there, is previewed, carried out, and undone."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse
from django.utils.timezone import now

from devices import imports
from devices.bulk_actions import changes, runner
from devices.credentials import operations as credentials
from devices.models import BulkAction, Device, DeviceModel, Event, Import, Touched
from devices.ties import operations as ties
from lib.refusals import Refusal
from tenants.models import Role
from tests import builders
from tests.devices.api import Program, kind
from tests.devices.doing import ran, undone
from tests.devices.imports.conftest import problems, table, work
from tests.devices.imports.pages import address, downloaded, matched, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def change(check: Run) -> Run:
    def one(text: str | bytes, **options: Any) -> Import:
        return check(text, act="change", **options)

    return one


@pytest.fixture
def carry(change: Run, world: World) -> Callable[..., BulkAction]:
    def one(text: str | bytes, **options: Any) -> BulkAction:
        return ran(changes.start_changes(importing=change(text, **options), by=world.owner))

    return one


def stored(device: Device) -> tuple[Any, ...]:
    device = Device.objects.get(pk=device.pk)
    return device.name, device.description, device.tags, device.model_id, device.group_id, device.assignment_id


def kinds(device: Device) -> list[str]:
    return list(Event.objects.filter(device=device).order_by("pk").values_list("kind", flat=True))


def export(client: Client, world: World) -> str:
    client.force_login(world.owner)
    serials = {"serial": [world.placed.serial, world.waiting.serial, world.foreign.serial]}
    return downloaded(client.post(reverse("devices:export"), serials)).removeprefix("\ufeff")


def test_an_export_changes_nothing_until_it_is_edited(client: Client, change: Run, world: World) -> None:
    odd = {"name": "=1+1", "description": "two\nlines; =x", "tags": {"-a": "=b; c", "hall": "5"}}
    Device.objects.filter(pk=world.placed.pk).update(**odd, model=world.version.model)
    DeviceModel.objects.filter(pk=world.version.model_id or 0).update(retired_at="2026-01-01T00:00Z")
    text = export(client, world)
    unchanged = change(text)
    assert (unchanged.total, unchanged.refused, unchanged.changing) == (3, 0, 0)
    rows = list(csv.DictReader(io.StringIO(text)))
    rows[0]["Tags"] += "; owner: A"
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    edited = change(out.getvalue())
    assert (edited.changing, edited.changed_fields) == (1, {"tags": 1})


def test_one_event_for_a_device_as_if_it_were_edited_and_back_again(
    carry: Callable[..., BulkAction], world: World
) -> None:
    second = DeviceModel.objects.create(organisation=world.kanarra, name="KG-500")
    device, before, seen = world.placed, stored(world.placed), len(kinds(world.placed))
    text = f"Serial,Name,Notes,Model,tag:hall,Tags\n{device.serial},Pump,in the cellar,kg-500,5,a: b\n"
    action = carry(text)
    assert (action.state, action.changed, str(action)) == ("done", 1, "Change by a file")
    assert stored(device)[:4] == ("Pump", "in the cellar", {"a": "b", "hall": "5"}, second.pk)
    event = Event.objects.filter(device=device).latest("pk")
    assert (event.kind, event.data["fields"]) == ("changed", ["description", "model", "name", "tags"])
    assert (event.data["action"], event.by, len(kinds(device))) == (str(action.key), world.owner, seen + 1)
    undone(action, world.owner)
    assert stored(device) == before


def test_a_new_group_is_a_hand_over_with_what_the_file_says(carry: Callable[..., BulkAction], world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(name="Pump", description="secret", tags={"theirs": "1"})
    placed, waiting = stored(world.placed), stored(world.waiting)
    text = (
        f"Serial,Group,Name\n{world.placed.serial},#{world.boise.pk},Pump\n{world.waiting.serial},#{world.boise.pk},\n"
    )
    action = carry(text)
    assert stored(world.placed)[:3] == ("Pump", "", world.version.default_tags)
    assert stored(world.placed)[4] == stored(world.waiting)[4] == world.boise.pk
    assert stored(world.waiting)[:3] == waiting[:3]
    assert kinds(world.placed)[-2:] == ["moved", "changed"]
    assert kinds(world.waiting)[-1] == "provisioned"
    back = undone(action, world.owner)
    assert back.changed == 2
    assert (stored(world.placed), stored(world.waiting)) == (placed, waiting)


@pytest.mark.parametrize("empty", ["", " ", "\u00a0"])
def test_an_empty_cell_leaves_what_is_there_also_in_another_group(
    carry: Callable[..., BulkAction], change: Run, client: Client, world: World, empty: str
) -> None:
    own = {"name": "Pump", "description": "in the cellar", "tags": {"hall": "5", "theirs": "1"}}
    Device.objects.filter(pk=world.placed.pk).update(**own)
    row = f"{world.placed.serial},#{world.boise.pk},{empty},{empty},{empty}\n"
    text = f"Serial,Group,Name,Notes,Tags\n{row}"
    importing = change(text)
    assert (importing.changing, importing.changed_fields) == (1, {"group": 1})
    client.force_login(world.owner)
    page = words(client.get(address(importing)))
    assert "Name: stays Pump Description: stays in the cellar Tags: stays hall: 5; theirs: 1" in page
    [told] = Program(world.owner).get(f"imports/{importing.key}/changes/").json()["results"]
    assert [line["field"] for line in told["changes"]] == ["Group"]
    assert [(line["field"], line["value"]) for line in told["stays"]][:1] == [("Name", "Pump")]
    before = stored(world.placed)
    action = carry(text)
    assert stored(world.placed)[:3] == ("Pump", "in the cellar", own["tags"])
    assert stored(world.placed)[4] == world.boise.pk
    undone(action, world.owner)
    assert stored(world.placed) == before


def test_what_the_file_has_no_column_for_stays_behind(carry: Callable[..., BulkAction], world: World) -> None:
    own = {"name": "Pump", "description": "secret", "tags": {"hall": "5", "theirs": "1"}}
    Device.objects.filter(pk=world.placed.pk).update(**own)
    carry(f"Serial,Group,tag:hall\n{world.placed.serial},#{world.boise.pk},\n")
    name, description, tags, *_ = stored(world.placed)
    assert (name, description) == (world.placed.serial, "")
    assert tags == {**world.version.default_tags, "hall": "5"}


@pytest.mark.parametrize("empty", ["", " ", '""'])
def test_an_empty_cell_changes_no_name(change: Run, world: World, empty: str) -> None:
    importing = change(f"Serial,Name\n{world.placed.serial},{empty}\n{world.waiting.serial},New\n")
    assert (importing.refused, importing.changing) == (0, 1)
    assert [change.device for change in importing.changes.all()] == [world.waiting]


def test_what_changed_since_the_check_or_the_change_stays(change: Run, world: World) -> None:
    text = f"Serial,Name\n{world.placed.serial},One\n{world.waiting.serial},Two\n"
    importing = change(text)
    Device.objects.filter(pk=world.placed.pk).update(name="Mine")
    action = ran(changes.start_changes(importing=importing, by=world.owner))
    assert action.changed == 1
    assert Touched.objects.get(action=action, device=world.placed).verdict == "since"
    Device.objects.filter(pk=world.waiting.pk).update(name="Other")
    assert undone(action, world.owner).changed == 0
    assert stored(world.waiting)[0] == "Other"


def test_a_group_that_is_none_any_more_takes_no_device(change: Run, world: World) -> None:
    nampa = builders.make_group(world.tekton, "Nampa")
    importing = change(f"Serial,Group\n{world.placed.serial},#{nampa.pk}\n")
    builders.make_group(nampa, "Below")
    action = ran(changes.start_changes(importing=importing, by=world.owner))
    assert (action.changed, Touched.objects.get(action=action).verdict) == (0, "no-leaf")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("NO-SUCH-1,x,,", "No device of yours has this serial"),
        ("{alien},x,,", "No device of yours has this serial"),
        ("8.61E+14,x,,", "its last digits are lost"),
        (",x,,", "The serial is missing"),
        ("{placed},x\u200by,,", "U+200B"),
        ("{placed},,KG-61,", "No such model. Supported are"),
        ("{placed},,,Nowhere", "No such group"),
        ("{placed},Ω�,,", "letter was lost"),
    ],
)
def test_rows_that_change_nothing_say_why(change: Run, world: World, row: str, said: str) -> None:
    text = row.format(alien=world.alien.serial, placed=world.placed.serial)
    importing = change(f"Serial,Name,Model,Group\n{text}\n{world.waiting.serial},New name,,\n")
    assert said in problems(importing)[0][2]
    assert (importing.refused, importing.changing) == (1, 1)
    assert stored(world.alien)[0] != "x"


def test_models_that_there_are_are_named_as_written(change: Run, world: World) -> None:
    DeviceModel.objects.filter(organisation=world.kanarra).update(retired_at=now())
    for name in ("KG-70", "KG-9", "KF-10"):
        DeviceModel.objects.create(organisation=world.kanarra, name=name)
    said = problems(change(f"Serial,Model\n{world.placed.serial},KG-61\n"))[0][2]
    assert said == "“KG-61”: No such model. Supported are: KF-10, KG-70, KG-9."


def test_a_retired_device_is_left_alone(change: Run, world: World) -> None:
    importing = change(f"Serial,Name\n{world.placed.serial},One\n")
    Device.objects.filter(pk=world.placed.pk).update(retired_at="2026-01-01T00:00Z")
    action = ran(changes.start_changes(importing=importing, by=world.owner))
    assert (action.changed, Touched.objects.get(action=action).verdict) == (0, "retired")
    assert "retired" in problems(change(f"Serial,Name\n{world.placed.serial},One\n"))[0][2]


def test_a_serial_twice_and_a_tag_that_is_none(change: Run, world: World) -> None:
    serial = world.placed.serial
    importing = change(f"Serial,Name,Tags\n{serial},a,\n{serial.lower()},b,\n{world.waiting.serial},c,what\n")
    assert [(row, column) for row, column, _ in problems(importing)] == [(3, "Serial"), (4, "Tags")]


@pytest.mark.parametrize(
    ("columns", "options", "field"),
    [
        (["", "name"], {}, "columns"),
        (["serial", ""], {}, "columns"),
        (["serial", "certificate"], {}, "columns"),
        (["serial", "claim_code"], {}, "columns"),
        (["serial", "name"], {"make_serials": True}, "make_serials"),
    ],
)
def test_matches_that_can_not_be(change: Run, columns: list[str], options: dict[str, Any], field: str) -> None:
    from django.core.exceptions import ValidationError

    with pytest.raises(ValidationError) as refused:
        change("A,B\nS1,x\n", columns=columns, **options)
    assert field in refused.value.message_dict


def test_it_starts_once_and_never_as_devices_to_be_made(change: Run, world: World) -> None:
    importing = change(f"Serial,Name\n{world.placed.serial},One\nNONE1,Two\n", all_or_nothing=True)
    with pytest.raises(Refusal):
        changes.start_changes(importing=importing, by=world.owner)
    importing = change(f"Serial,Name\n{world.placed.serial},One\n")
    with pytest.raises(Refusal, match="makes none"):
        imports.start(importing=importing, by=world.owner)
    changes.start_changes(importing=importing, by=world.owner)
    with pytest.raises(Refusal):
        changes.start_changes(importing=importing, by=world.owner)


def test_a_page_shows_what_changes_and_leads_to_the_action(
    client: Client, upload: Callable[..., Import], world: World
) -> None:
    client.force_login(world.owner)
    importing = upload(f"Serial,Name\n{world.placed.serial},New pump\n{world.waiting.serial},{world.waiting.name}\n")
    assert "Changes of devices that are there" in words(client.get(address(importing)))
    client.post(address(importing, "import-match"), matched(importing, act="change", make_serials=""))
    work(importing)
    page = words(client.get(address(importing)))
    assert "It changes 1 device : name of 1." in page
    assert "1 row says what is there already" in page
    assert f"Name: {world.placed.name} → New pump" in page
    [line] = table([downloaded(client.get(address(importing, "import-changes")))])
    assert (line["Row"], line["Field"], line["Before"], line["After"]) == ("2", "Name", world.placed.name, "New pump")
    answer = client.post(reverse("devices:import-change", kwargs={"key": importing.key}))
    action = BulkAction.objects.get()
    assert answer["Location"] == action.get_absolute_url()
    assert stored(world.placed)[0] == "New pump"
    assert "Undo" in words(client.get(answer["Location"]))
    assert "Its changes were carried out" in words(client.get(address(importing)))


def test_programs_ask_for_it_and_read_what_changes(world: World, upload: Callable[..., Import]) -> None:
    owner = Program(world.owner)
    importing = upload(f"Serial,tag:hall\n{world.placed.serial},5\n")
    at = f"imports/{importing.key}/"
    assert owner.post(f"{at}match/", {"act": "change"}).json()["state"] == "checking"
    work(importing)
    told = owner.get(at).json()
    assert (told["act"], told["changing"], told["changed_fields"], told["action"]) == ("change", 1, {"tags": 1}, None)
    [row] = owner.get(f"{at}changes/").json()["results"]
    assert (row["serial"], row["changes"][0]["field"]) == (world.placed.serial, "Tags")
    assert row["changes"][0]["after"].endswith("hall: 5")
    assert kind(owner.post(f"{at}start/")) == "import-changes"
    action = owner.post(f"{at}change/", key="go").json()
    assert (action["kind"], action["changed"], action["undoable"]) == ("change", 1, True)
    assert owner.get(at).json()["action"] == action["key"]
    assert owner.post(f"actions/{action['key']}/undo/").json()["changed"] == 1
    assert "hall" not in stored(world.placed)[2]


def test_what_ends_for_good_with_a_hand_over_is_told_before_it(client: Client, change: Run, world: World) -> None:
    issued = credentials.issue_credential(device=world.placed, by=world.owner)
    beside = builders.make_device(world.version, serial="G1", group=world.anaheim, by=world.owner)
    ties.tie(device=world.placed, gateway=beside, by=world.owner)
    named = change(f"Serial,Name\n{world.placed.serial},One\n")
    importing = change(f"Serial,Group\n{world.placed.serial},#{world.foreign.group_id}\n{world.waiting.serial},\n")
    effects = Program(world.owner).get(f"imports/{importing.key}/").json()["effects"]
    assert [each.partition(" that")[0].partition(",")[0] for each in effects] == [
        "One of them has credentials",
        "1 tie to a gateway ends",
    ]
    client.force_login(world.owner)
    page = words(client.get(address(importing)))
    assert all(each in page for each in effects)
    assert page.count("Its credential ends. Its tie to a gateway ends.") == 1
    [row] = Program(world.owner).get(f"imports/{importing.key}/changes/").json()["results"]
    assert row["ends"] == ["Its credential ends.", "Its tie to a gateway ends."]
    [line, *_] = table([downloaded(client.get(address(importing, "import-changes")))])
    assert (line["Row"], line["Ends"]) == ("2", "Its credential ends. Its tie to a gateway ends.")
    [row] = Program(world.owner).get(f"imports/{named.key}/changes/").json()["results"]
    assert row["ends"] == []
    assert Program(world.owner).get(f"imports/{named.key}/").json()["effects"] == []
    undone(ran(changes.start_changes(importing=importing, by=world.owner)), by=world.owner)
    assert stored(world.placed)[4] == world.placed.group_id
    assert credentials.find_credential(access_key=issued.access_key, access_secret=issued.access_secret) is None


def test_what_ends_is_told_also_while_a_row_does_not_fit(client: Client, change: Run, world: World) -> None:
    credentials.issue_credential(device=world.placed, by=world.owner)
    text = f"Serial,Group\n{world.placed.serial},#{world.boise.pk}\nNO-SUCH-1,#{world.boise.pk}\n"
    client.force_login(world.owner)
    page = words(client.get(address(change(text, all_or_nothing=True))))
    assert "Nothing can be changed: you chose all or nothing" in page
    assert "One of them has credentials that were issued in its group. They end, also if it is undone" in page
    assert "Its credential ends." in page


def test_of_several_all_is_said_of_several(change: Run, world: World) -> None:
    second = builders.make_device(world.version, serial="G1", group=world.anaheim, by=world.owner)
    for device in (world.placed, second):
        credentials.issue_credential(device=device, by=world.owner)
    importing = change(f"Serial,Group\n{world.placed.serial},#{world.boise.pk}\nG1,#{world.boise.pk}\n")
    [effect] = Program(world.owner).get(f"imports/{importing.key}/").json()["effects"]
    assert effect.startswith("2 of them have credentials that were issued in their groups. They end,")


def test_nothing_ends_any_more_once_it_is_done(client: Client, change: Run, world: World) -> None:
    credentials.issue_credential(device=world.placed, by=world.owner)
    importing = change(f"Serial,Group\n{world.placed.serial},#{world.boise.pk}\n")
    ran(changes.start_changes(importing=importing, by=world.owner))
    credentials.issue_credential(device=Device.objects.get(pk=world.placed.pk), by=world.owner)
    [row] = Program(world.owner).get(f"imports/{importing.key}/changes/").json()["results"]
    assert row["ends"] == []


def test_whoever_lost_the_right_since_changes_nothing(change: Run, world: World) -> None:
    second = builders.make_user("second@kanarra.example", world.kanarra.root, Role.ADMIN)
    importing = change(f"Serial,Name\n{world.placed.serial},One\n")
    action = changes.start_changes(importing=importing, by=second)
    second.memberships.all().delete()
    runner.run(action=action)
    action.refresh_from_db()
    assert (action.changed, stored(world.placed)[0]) == (0, world.placed.name)


def test_a_report_goes_in_again(run: Run, change: Run, world: World) -> None:
    importing = run(f"Serial,Site\nAB-1,{world.anaheim.name}\nAB-2,\n")
    report = "".join(imports.write_report_csv(importing))
    again = change(report)
    assert (again.total, again.refused, again.changing) == (2, 0, 0)
    moved = change(report.replace('"AB-2",""', f'"AB-2","{world.anaheim.name}"'))
    assert (moved.refused, moved.changing, moved.changed_fields) == (0, 1, {"group": 1})
