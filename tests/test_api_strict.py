"""The API guesses nothing: filters that it does not know, lists that are walked during renames, answers sent back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from config.api_docs.views import build_document
from devices.models import Device, DeviceModel, RecipeVersion
from provisioning.models import Door
from tenants.models import Role
from tests import builders
from tests.access.hooks import make_hook
from tests.devices.api import Program, body, kind, places, told
from tests.provisioning.doors.makers import make_jwt_door

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def owner(world: World) -> Program:
    return Program(world.owner)


# Filters ---------------------------------------------------------------------------------------

UNKNOWN = [
    ("waiting", "0", "Send true or false."),
    ("waiting", "no", "Send true or false."),
    ("waiting", "yes", "Send true or false."),
    ("status", "gone", "There are: attention, online, offline, never, expired, locked, retired."),
    ("since", "01/02/2026", "year, month, day"),
    ("since", "1/2/26", "year, month, day"),
    ("until", "2026-02-30", "year, month, day"),
    ("until", "yesterday", "year, month, day"),
    ("until", "2026-02-03T00:00", "year, month, day"),
    ("tag", "=x", "There is no name."),
    ("tag", " :x", "There is no name."),
    ("model", "KG-250", "Send its id."),
    ("model", "999999", "Send its id."),
    ("recipe", "1.5", "Send its id."),
    ("import", "12", "Send its key."),
    ("group", "Boise", "There is no such group."),
    ("order", "colour", "There are: name, attention, id."),
    ("limit", "many", "Send a whole number from 1 to 200."),
    ("limit", "0", "Send a whole number from 1 to 200."),
    ("limit", "201", "Send a whole number from 1 to 200."),
    ("after", "x", "Take it from `next`."),
    ("colour", "red", "There are: after, group, import, limit, model, order, q, recipe, since, status, tag, until,"),
]


@pytest.mark.parametrize(("name", "value", "words"), UNKNOWN)
def test_a_filter_that_is_not_known_is_refused_by_name(owner: Program, name: str, value: str, words: str) -> None:
    assert words in told(owner.get("devices/", **{name: value}))[name]


@pytest.mark.parametrize("name", ["waiting", "status", "group", "q", "since", "limit", "tag"])
def test_an_empty_or_repeated_one_is_refused(owner: Program, name: str) -> None:
    for empty in ("", " ", "\t\u3000"):
        assert told(owner.get("devices/", **{name: empty})) == {name: "It is empty. Give it a value, or leave it out."}
    twice = owner.get("devices/", **{name: ["a", "b"]})
    assert told(twice) == {name: "It stands here 2 times. Send it once."}


def test_a_range_that_ends_before_it_begins_is_refused(owner: Program) -> None:
    assert told(owner.get("devices/", since="2026-02-02", until="2026-02-01")) == {
        "until": "This day is before the first one. Choose a later one."
    }
    assert owner.get("devices/", since="2026-02-02", until="2026-02-02").status_code == 200
    moments = {"since": "2026-02-02T12:00:00Z", "until": "2026-02-02T12:00:00+01:00"}
    assert told(owner.get("journal/", **moments)) == {
        "until": "This moment is before the first one. Choose a later one."
    }


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_beyond_all_is_refused(world: World, owner: Program, number: str) -> None:
    answer = owner.patch(f"devices/{world.placed.serial}/", f'{{"tags": {{"a": {number}}}}}')
    assert answer.status_code == 400
    assert f"{number} is too large a number." in answer.content.decode()


@pytest.mark.parametrize("path", ["devices/", "groups/", "people/", "changes/", "recipes/", "imports/", "actions/"])
def test_so_it_is_at_every_list(owner: Program, path: str) -> None:
    assert "limit" in told(owner.get(path, limit=["1", "2"]))
    assert "colour" in told(owner.get(path, colour="red"))


def test_what_is_known_is_taken(world: World, owner: Program) -> None:
    def listed(**query: Any) -> int:
        return len(owner.get("devices/", **query).json()["results"])

    assert [listed(waiting=value) for value in ("true", "1", "false")] == [1, 1, 3]
    assert listed(since="2020-01-01", until="2999-12-31", status="never", order="name") == 3
    assert owner.post("devices/export.csv?waiting=true").status_code == 200
    assert "waiting" in told(owner.post("devices/export.csv?waiting=0"))
    home = owner.client.get("/", {"waiting": "0"})
    assert home.status_code == 200
    assert "Nothing matches" in home.content.decode()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": "2026-01-31T12:00:00"}, "time-without-zone"),
        ({"from": "2026-01-31"}, "time-without-zone"),
        ({"from": "1700000000"}, "time-in-seconds"),
        ({"from": "1700000000000", "to": "1700000100"}, "time-in-seconds"),
        ({"from": "1700000000000", "range": "1h"}, "range-twice"),
        ({"from": "01/02/2026"}, "no-time"),
    ],
)
def test_a_time_that_may_be_another_one_is_refused(
    world: World, owner: Program, query: dict[str, str], code: str
) -> None:
    answer = owner.get(f"devices/{world.placed.serial}/telemetry/", **query)
    assert (answer.status_code, kind(answer)) == (400, code)


def test_yes_and_no_are_true_and_false(world: World, owner: Program) -> None:
    for value in ("0", "no", 0, 1, "false"):
        sent = {"kind": "lock", "filter": {"waiting": value}}
        assert places(owner.post("actions/preview/", sent)) == ["#/filter/waiting"]
    label = f"devices/{world.placed.serial}/label.svg"
    assert "with_name" in told(owner.get(label, with_name="0"))
    assert body(owner.get(label, with_name="false"))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("since", "2026-01-31T12:00", "with its zone"),
        ("since", "31.1.2026", "with its zone"),
        ("until", "2026-01-31", "with its zone"),
        ("kind", "everything", "Send one of: added, "),
        ("group", "Boise", "Send a whole number."),
    ],
)
def test_so_does_the_journal(owner: Program, name: str, value: str, words: str) -> None:
    assert words in told(owner.get("journal/", **{name: value}))[name]


def test_a_name_that_stands_twice_in_a_body_is_refused(world: World, owner: Program) -> None:
    body = '{"name": "One", "tags": {"a": "1", "a": "2"}}'
    for sent in (body, '{"name": "One", "name": "Two"}'):
        url = f"/api/v1/devices/{world.placed.serial}/"
        answer = owner.client.patch(url, sent, "application/json")
        assert (answer.status_code, kind(answer)) == (400, "parse-error")
        assert "stands twice" in answer.json()["detail"]
    assert Device.objects.get(pk=world.placed.pk).name == "Anaheim One"


def test_what_can_be_chosen_is_named(world: World, owner: Program) -> None:
    answer = owner.post("actions/preview/", {"kind": "explode", "filter": {}}).json()["errors"]
    assert answer[0]["detail"].startswith("Send one of: move, release, tag,")


# Walks -----------------------------------------------------------------------------------------


def test_a_walk_during_renames_meets_each_device_once(world: World, owner: Program) -> None:
    for number in range(7):
        builders.make_device(world.version, name=f"N{number}")
    met: list[str] = []
    address = "/api/v1/devices/?limit=2"
    while address:
        page = owner.client.get(address).json()
        met += [row["serial"] for row in page["results"]]
        address = (page["next"] or "").partition("testserver")[2]
        for device in Device.objects.filter(organisation=world.kanarra):
            turned = f"Z{device.pk}" if device.name < "M" else f"A{device.pk}"
            Device.objects.filter(pk=device.pk).update(name=turned)
    assert len(met) == len(set(met)) == Device.objects.filter(organisation=world.kanarra).count()


def test_people_are_walked_by_what_stays(world: World, owner: Program) -> None:
    first = owner.get("people/", limit=2).json()
    last = first["results"][-1]["id"]
    type(world.owner).objects.filter(pk=last).update(email="aaa@kanarra.example")
    rest = owner.client.get(first["next"]).json()["results"]
    ids = [row["id"] for row in [*first["results"], *rest]]
    assert ids == sorted(set(ids))


# Answers sent back -----------------------------------------------------------------------------


def resources(world: World) -> dict[str, str]:
    person = world.technician
    membership = person.memberships.get()
    return {
        "device": f"devices/{world.placed.serial}/",
        "waiting device": f"devices/{world.waiting.serial}/",
        "group": f"groups/{world.region.pk}/",
        "model": f"models/{world.version.model_id}/",
        "recipe": f"recipes/{world.version.recipe_id}/",
        "settings": "settings/",
        "door": f"doors/{(Door.objects.first() or make_jwt_door(world.version)).key}/",
        "hook": f"hooks/{make_hook(world).key}/",
        "membership": f"people/{person.pk}/memberships/{membership.pk}/",
    }


def read(owner: Program, path: str) -> Any:
    if "memberships" in path:
        return owner.get(path.partition("memberships")[0]).json()["memberships"][0]
    return owner.get(path).json()


NAMES = ["device", "waiting device", "group", "model", "recipe", "settings", "hook", "membership"]


@pytest.mark.parametrize("name", NAMES)
def test_what_get_gives_patch_takes(world: World, owner: Program, name: str) -> None:
    Device.objects.filter(pk=world.placed.pk).update(tags={"site": "roof"}, description="Two\nlines")
    DeviceModel.objects.update(retired_at="2026-01-01T00:00:00Z")  # what is stored may be chosen no more, and stays
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "opaque"}, default_tags={"a": "b"})
    path = resources(world)[name]
    before = read(owner, path)
    answer = owner.patch(path, before)
    assert answer.status_code == 200, answer.content
    assert answer.json() == before == read(owner, path)


def test_every_resource_that_is_changed_is_asked(world: World) -> None:
    changed = {path for path, methods in build_document()["paths"].items() if "patch" in methods}
    asked = {f"/api/v1/{path}" for path in resources(world).values()}
    assert len(changed) == len(asked) - 1  # two devices


@pytest.mark.parametrize(
    ("name", "changes", "at"),
    [
        ("device", {"serial": "OTHER"}, "#/serial"),
        ("device", {"group": None}, "#/group"),
        ("device", {"tags": {}, "device_id": "x"}, "#/device_id"),
        ("device", {"colour": "red"}, "#/colour"),
        ("group", {"archived": True}, "#/archived"),
        ("group", {"parent": None}, "#/parent"),
        ("model", {"retired": True}, "#/retired"),
        ("recipe", {"retired": True}, "#/retired"),
        ("membership", {"group": 1}, "#/group"),
    ],
)
def test_what_cant_be_changed_is_refused_and_not_dropped(
    world: World, owner: Program, name: str, changes: dict[str, Any], at: str
) -> None:
    path = resources(world)[name]
    assert places(owner.patch(path, read(owner, path) | changes)) == [at]


def test_what_is_changed_in_an_answer_is_changed(world: World, owner: Program) -> None:
    paths = resources(world)
    spare = DeviceModel.objects.create(organisation=world.kanarra, name="KG-500")
    device = read(owner, paths["device"])
    device |= {"name": "New", "status": "online", "model": {"id": spare.pk, "name": "KG-500"}}
    changed = owner.patch(paths["device"], device).json()
    assert (changed["name"], changed["model"]["id"], changed["status"]) == ("New", spare.pk, "never")
    wrong = {"model": {"id": spare.pk, "name": "KG-250"}}
    assert places(owner.patch(paths["device"], wrong)) == ["#/model"]
    recipe = read(owner, paths["recipe"])
    recipe["current"]["expires"] = True
    after = owner.patch(paths["recipe"], recipe).json()["current"]
    assert (after["expires"], after["number"]) == (True, 2)
    assert kind(owner.patch(paths["recipe"], recipe)) == "recipe-changed"  # its version is the one that was read
    both = {"based_on": 2, "expires": False, "current": {"expires": True}}
    assert places(owner.patch(paths["recipe"], both)) == ["#/expires"]
    assert places(owner.patch(paths["recipe"], {"name": "New"})) == ["#/based_on"]


def test_a_foreign_row_is_none_by_id_and_name(world: World, owner: Program) -> None:
    alien = {"id": world.other_version.model_id, "name": "KG-250"}
    assert places(owner.patch(resources(world)["device"], {"model": alien})) == ["#/model"]
    tenant = Program(builders.make_user("a@tekton.example", world.tekton, Role.ADMIN))
    assert tenant.patch(resources(world)["device"], {"name": "x"}).status_code == 404


# Devices ---------------------------------------------------------------------------------------


def test_what_devices_speak_is_in_the_document(owner: Program) -> None:
    document = build_document()
    told = document["x-device-channels"]
    topics = {topic: channel["action"] for channel in told["channels"] for topic in channel["topics"]}
    assert topics["devices/{device_id}/state"] == "publish"
    assert topics["devices/{device_id}/command"] == "subscribe"
    for channel in told["channels"]:
        name = channel["message"]["$ref"].removeprefix("#/components/schemas/")
        assert document["components"]["schemas"][name]["example"]
    page = owner.client.get("/api/docs/").content.decode()
    assert "devices/{device_id}/state" in page
