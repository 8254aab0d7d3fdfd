"""Devices, recipes and models for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from devices.credentials import operations as credentials
from devices.lifecycle import edits
from devices.models import Connection, Device, DeviceModel, Event, Recipe, RecipeVersion
from devices.refusals import DEVICE_CHANGED
from tests import builders
from tests.devices.api import body
from tests.refused import refused

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

DEVICES = "/api/v1/devices/"


@pytest.fixture
def owner(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


@pytest.fixture
def admin(client: Client, world: World) -> Client:
    client.force_login(world.admin)
    return client


def url(device: Device, more: str = "") -> str:
    return f"{DEVICES}{device.serial}/{more}"


def post(client: Client, address: str, data: object = None) -> Any:
    return client.post(address, data or {}, "application/json")


def patch(client: Client, device: Device, data: object, **headers: str) -> Any:
    return client.patch(url(device), data, "application/json", headers=headers)


def kinds(device: Device) -> list[str]:
    return list(Event.objects.filter(device=device).order_by("id").values_list("kind", flat=True))


def test_the_list_is_narrowed_as_the_page_is(owner: Client, world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(tags={"site": "north"})
    for query, expected in [
        ({}, ["Waiting gateway", "Anaheim One", "Canary Boise One"]),
        ({"order": "name"}, ["Anaheim One", "Canary Boise One", "Waiting gateway"]),
        ({"q": "boise"}, ["Canary Boise One"]),
        ({"group": world.sadler.pk}, ["Anaheim One"]),
        ({"tag": "site:north"}, ["Anaheim One"]),
        ({"waiting": "true"}, ["Waiting gateway"]),
        ({"status": "never", "model": world.placed.model_id, "q": world.placed.serial}, ["Anaheim One"]),
        ({"status": "online"}, []),
    ]:
        assert [row["name"] for row in owner.get(DEVICES, query).json()["results"]] == expected
    for query in ({"status": "asleep"}, {"model": 0}, {"group": world.other_site.pk}, {"group": "x"}):
        assert owner.get(DEVICES, query).status_code == 400


def test_a_page_costs_the_same_however_long(admin: Client, world: World) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert admin.get(DEVICES).status_code == 200
        return len(asked)

    few = queries()
    for n in range(6):
        group = builders.make_group(world.sadler, f"Site {n}")
        builders.make_device(world.version, group=group, by=world.owner)
    assert queries() == few


def test_a_device_is_registered_with_its_secret(owner: Client, world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "opaque"})
    answer = post(owner, DEVICES, {"recipe": world.version.recipe_id, "serial": "kp-0007", "name": "Seven"})
    body = answer.json()
    assert (answer.status_code, body["serial"], body["name"], body["group"]) == (201, "KP0007", "Seven", None)
    device = Device.objects.get(serial="KP0007")
    assert credentials.authenticate_device(**body["credential"]) == device
    assert kinds(device) == ["registered"]
    shown = owner.get(answer["Location"]).json()
    assert shown == {name: value for name, value in body.items() if name != "credential"}


def test_without_a_serial_it_gets_one_of_the_recipes_format(owner: Client, world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "base10", "length": 9})
    answer = post(owner, DEVICES, {"recipe": world.version.recipe_id})
    assert (answer.status_code, len(answer.json()["serial"]), answer.json()["serial"].isdigit()) == (201, 9, True)
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "base10"})
    assert post(owner, DEVICES, {"recipe": world.version.recipe_id}).status_code == 400


def test_without_a_key_there_is_no_secret(owner: Client, world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(credential_kind="activation")
    answer = post(owner, DEVICES, {"recipe": world.version.recipe_id}).json()
    assert (answer["credential"], answer["name"]) == (None, answer["serial"])


def test_what_registering_refuses(owner: Client, world: World) -> None:
    before = Device.objects.count()
    retired = builders.make_recipe(world.kanarra, "Old").recipe
    Recipe.objects.filter(pk=retired.pk).update(retired_at="2026-01-01T00:00Z")
    mine = world.version.recipe_id
    for data, status in [
        ({"recipe": world.other_version.recipe_id}, 400),
        ({"recipe": retired.pk}, 400),
        ({"recipe": mine, "serial": world.placed.serial.lower()}, 409),
        ({"recipe": mine, "serial": "a/b"}, 400),
        ({"recipe": mine, "serial": "KP-0007"}, 400),  # does not fit the recipe's format
        ({"recipe": mine, "serial": "x" * 65}, 400),
        ({"recipe": mine, "name": ""}, 400),
        ({"recipe": mine, "group": world.anaheim.pk}, 400),
        ([], 400),
    ]:
        assert post(owner, DEVICES, data or [1]).status_code == status, data
    assert Device.objects.count() == before


def test_a_change_is_an_event_and_leaves_the_rest(admin: Client, world: World) -> None:
    answer = patch(admin, world.placed, {"description": "Roof", "tags": {"site": "north"}})
    assert answer.status_code == 200
    assert (answer.json()["description"], answer.json()["tags"], answer.json()["name"]) == (
        "Roof",
        {"site": "north"},
        "Anaheim One",
    )
    event = Event.objects.filter(device=world.placed).latest("id")
    assert (event.kind, event.by, event.data) == ("changed", world.admin, {"fields": ["description", "tags"]})
    before = len(kinds(world.placed))
    assert patch(admin, world.placed, {"description": "Roof"}).status_code == 200
    assert patch(admin, world.placed, {"model": None}).json()["model"] is None
    assert len(kinds(world.placed)) == before + 1


def test_a_change_meanwhile_is_not_overwritten(admin: Client, world: World) -> None:
    read = admin.get(url(world.placed))["ETag"]
    assert patch(admin, world.placed, {"name": "One"}, **{"If-Match": read}).status_code == 200
    late = patch(admin, world.placed, {"name": "Two"}, **{"If-Match": read})
    assert (late.status_code, late.json()["type"]) == (412, "/api/docs/#problem-precondition-failed")
    stale = Device.objects.get(pk=world.placed.pk)
    Device.objects.filter(pk=stale.pk).update(name="Three")
    with refused(DEVICE_CHANGED):
        edits.change_device(device=stale, by=world.admin, description="x")
    assert patch(admin, world.placed, {"name": "Four"}, **{"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        {"name": ""},
        {"name": "x" * 121},
        {"name": None},
        {"description": "x" * 501},
        {"tags": {f"t{n}": "" for n in range(51)}},
        {"tags": {"x" * 65: ""}},
        {"tags": {"a\x00": ""}},
        {"tags": {"": ""}},
        {"tags": {"a": ["b"]}},
        {"tags": []},
        {"model": "foreign"},
        {"model": "retired"},
        {"serial": "NEW"},
        {"group": 1},
    ],
)
def test_what_a_change_refuses(admin: Client, world: World, data: dict[str, Any]) -> None:
    retired = DeviceModel.objects.create(organisation=world.kanarra, name="Old", retired_at="2026-01-01T00:00Z")
    ids = {"foreign": world.other_version.model_id, "retired": retired.pk}
    data = {name: ids.get(value, value) if isinstance(value, str) else value for name, value in data.items()}
    before = Device.objects.filter(pk=world.placed.pk).values().get()
    assert patch(admin, world.placed, data).status_code == 400
    assert Device.objects.filter(pk=world.placed.pk).values().get() == before


def test_a_device_is_placed_moved_and_released(owner: Client, world: World) -> None:
    placed = post(owner, url(world.waiting, "assign/"), {"group": world.anaheim.pk, "name": "Two"})
    assert (placed.json()["group"]["name"], placed.json()["name"]) == (world.anaheim.name, "Two")
    moved = post(owner, url(world.waiting, "assign/"), {"group": world.boise.pk})
    assert (moved.json()["group"]["name"], moved.json()["name"]) == ("Boise", world.waiting.serial)
    assert post(owner, url(world.waiting, "release/")).status_code == 204
    assert post(owner, url(world.waiting, "release/")).status_code == 409
    assert kinds(world.waiting)[1:] == ["provisioned", "moved", "released"]
    assert owner.get(url(world.waiting)).json()["group"] is None


def test_only_to_leaves_that_one_manages(admin: Client, world: World) -> None:
    for group in (world.boise, world.other_site, world.sadler, world.kanarra.root):
        answer = post(admin, url(world.placed, "assign/"), {"group": group.pk})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "#/group")
    for device in (world.waiting, world.foreign, world.alien):
        assert post(admin, url(device, "assign/"), {"group": world.anaheim.pk}).status_code == 404
        assert patch(admin, device, {"name": "Mine"}).status_code == 404
        assert post(admin, url(device, "release/")).status_code == 404
    world.placed.refresh_from_db()
    assert world.placed.group == world.anaheim


def test_a_new_group_learns_neither_the_name_nor_the_times_of_before(owner: Client, world: World) -> None:
    early = "2020-01-02T03:04:05Z"
    Device.objects.filter(pk=world.placed.pk).update(name="Theatre 3", activated_at=early, expires_at=early)
    Connection.objects.create(device=world.placed, last_seen_at=early)
    told = post(owner, url(world.placed, "assign/"), {"group": world.boise.pk}).json()
    assert (told["name"], told["group"]["name"]) == (world.placed.serial, "Boise")
    assert [told[name] for name in ("last_seen_at", "activated_at", "expires_at")] == [None, None, None]
    assert "2020-01-02" not in body(post(owner, f"{DEVICES}export.csv"))
    named = post(owner, url(world.placed, "assign/"), {"group": world.boise.pk, "name": "Pump"}).json()
    again = post(owner, url(world.placed, "assign/"), {"group": world.boise.pk}).json()
    assert (named["name"], again["name"]) == ("Pump", "Pump")
    Device.objects.filter(pk=world.placed.pk).update(activated_at=Now())
    assert owner.get(url(world.placed)).json()["activated_at"] is not None


def test_events_newest_first_and_of_this_assignment(admin: Client, world: World) -> None:
    for name in ("A", "B", "C"):
        patch(admin, world.placed, {"name": name})
    page = admin.get(url(world.placed, "events/?limit=2")).json()
    assert [event["kind"] for event in page["results"]] == ["changed", "changed"]
    rest = admin.get(page["next"]).json()
    assert [event["kind"] for event in rest["results"]] == ["changed", "provisioned"]
    assert (rest["next"], rest["results"][0]["by"]) == (None, str(world.admin))


def test_recipes_and_models(owner: Client, world: World) -> None:
    [model] = owner.get("/api/v1/models/").json()["results"]
    assert model == {"id": world.version.model_id, "name": "KG-250", "retired": False}
    [recipe] = owner.get("/api/v1/recipes/").json()["results"]
    whole = owner.get(f"/api/v1/recipes/{recipe['id']}/").json()
    assert {"id": recipe["id"], "name": "Generator gateway", "retired": False} == recipe
    assert [each["name"] for each in whole["current"]["attributes"]][:1] == ["engineState"]
    RecipeVersion.objects.create(recipe=world.version.recipe, number=2)
    versions = owner.get(f"/api/v1/recipes/{recipe['id']}/versions/").json()["results"]
    assert [version["number"] for version in versions] == [2, 1]
    assert owner.get(f"/api/v1/recipes/{world.other_version.recipe_id}/").status_code == 404


def test_the_label(admin: Client, world: World) -> None:
    answer = admin.get(url(world.placed, "label.svg"))
    assert (answer["Content-Type"], answer.content[:5]) == ("image/svg+xml", b"<svg ")
