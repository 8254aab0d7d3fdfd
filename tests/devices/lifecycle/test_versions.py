"""Devices made before get their recipe's last version, one or many; what was uploaded before makes none of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from config.ingest import ingest
from devices.lifecycle import registration, versions
from devices.models import Device, Event, RecipeVersion
from devices.mqtt.messages import Message
from devices.recipes import operations as recipes
from devices.recipes.operations import Contents, Line
from devices.refusals import RECIPE_OUTDATED, RECIPE_RETIRED
from telemetry.models import Report
from tests import builders
from tests.devices.api import Program, kind, places
from tests.refused import refused

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def owner(world: World) -> Program:
    return Program(world.owner)


@pytest.fixture
def later(world: World) -> RecipeVersion:
    """Fuel is new, the load is gone."""
    lines = (Line("rpm", "Engine speed", unit="rpm"), Line("engineState", "Engine", "string"), Line("fuel", "Fuel"))
    contents = Contents(model=world.version.model, attributes=(*lines, Line("registerButton", "Button", "boolean")))
    version = recipes.change(
        recipe=world.version.recipe, name=world.version.recipe.name, contents=contents, based_on=1, by=world.owner
    )
    assert version
    return version


def reported(device: Device, **data: Any) -> dict[str, Any]:
    at = timezone.now()
    ingest([Message(device.device_id, json.dumps({"data": data}).encode(), at, came_after=at)])
    return dict(Report.objects.filter(device=device).latest("at").data)


def test_one_by_the_api(world: World, owner: Program, later: RecipeVersion) -> None:
    at = f"devices/{world.placed.serial}/"
    assert owner.get(at).json()["recipe_version"] == 1
    assert reported(world.placed, rpm=1, fuel=80) == {"rpm": 1}
    told = owner.post(f"{at}recipe-version/").json()
    assert (told["recipe_version"], told["model"]["id"]) == (2, world.version.model_id)
    assert reported(world.placed, rpm=2, fuel=80, load=1) == {"rpm": 2, "fuel": 80}
    assert owner.post(f"{at}recipe-version/").json() == owner.get(at).json()
    (said,) = Event.objects.filter(device=world.placed, kind="changed")
    assert (said.data, said.by) == ({"fields": ["version"], "version": 2}, world.owner)
    assert "fuel" in owner.client.get(f"/{at}").content.decode().lower()


def test_who_asks_twice_in_one_moment_changes_it_once(world: World, later: RecipeVersion) -> None:
    one, two = (Device.objects.select_related("version__recipe").get(pk=world.placed.pk) for _ in range(2))
    assert [versions.update_device(device=each, by=world.owner) for each in (one, two)] == [True, False]
    assert Event.objects.filter(device=world.placed, kind="changed").count() == 1


def test_many_are_previewed_done_and_undone(world: World, owner: Program, later: RecipeVersion) -> None:
    other = builders.make_recipe(world.kanarra, name="Tank")
    builders.make_device(other, name="Tank one")
    sent = {"kind": "recipe", "params": {"recipe": later.recipe_id}, "filter": {}}
    seen = owner.post("actions/preview/", sent).json()
    assert (seen["changing"], seen["staying"]) == (3, [{"reason": "made from another recipe", "devices": 1}])
    assert seen["effects"] == ["3 devices have version 1. New: fuel; gone: load."]
    made = owner.post("actions/", sent | {"digest": seen["digest"]}).json()
    assert (made["changed"], made["undoable"]) == (3, True)
    assert set(Device.objects.filter(version=later)) == {world.placed, world.waiting, world.foreign}
    assert owner.post("actions/preview/", sent).json()["staying"][0] == {
        "reason": "of this version already",
        "devices": 3,
    }
    back = owner.post(f"actions/{made['key']}/undo/").json()
    assert back["changed"] == 3
    assert not Device.objects.filter(version=later).exists()


def test_the_recipes_page_leads_to_it(world: World, owner: Program, later: RecipeVersion) -> None:
    page = owner.client.get(f"/recipes/{later.recipe_id}/").content.decode()
    assert "3 devices made before keep an earlier version." in page
    chosen = {"scope": "all", "query": f"recipe={later.recipe_id}", "kind": "recipe", "set": "1"}
    chosen["recipe"] = str(later.recipe_id)
    shown = owner.client.post("/actions/new/", chosen)
    text = shown.content.decode()
    assert "3 of 3 devices will change" in text
    assert "version 2" in text
    assert "gone: load" in text
    digest = shown.context["preview"].digest
    done = owner.client.post("/actions/run/", chosen | {"digest": digest}, follow=True)
    assert "Type the number of devices" not in done.content.decode()
    assert Device.objects.filter(version=later).count() == 3
    assert "made before" not in owner.client.get(f"/recipes/{later.recipe_id}/").content.decode()


def test_a_version_saved_since_the_preview_is_shown_first(world: World, owner: Program, later: RecipeVersion) -> None:
    sent = {"kind": "recipe", "params": {"recipe": later.recipe_id}, "serials": [world.placed.serial]}
    seen = owner.post("actions/preview/", sent).json()
    RecipeVersion.objects.create(recipe=later.recipe, number=3)
    assert kind(owner.post("actions/", sent | {"digest": seen["digest"]})) == "selection-changed"


def test_it_is_for_admins_of_the_whole_organisation(world: World, later: RecipeVersion) -> None:
    admin = Program(world.admin)
    sent = {"kind": "recipe", "params": {"recipe": later.recipe_id}, "serials": [world.placed.serial]}
    assert admin.post("actions/", sent).status_code == 404
    assert admin.post(f"devices/{world.placed.serial}/recipe-version/").status_code == 404
    other = Program(world.owner)
    alien = sent | {"params": {"recipe": world.other_version.recipe_id}}
    assert places(other.post("actions/", alien)) == ["#/params/recipe"]


# New devices -----------------------------------------------------------------------------------


def test_nothing_new_is_made_from_an_earlier_version_or_a_retired_recipe(world: World, later: RecipeVersion) -> None:
    with refused(RECIPE_OUTDATED):
        registration.register_device(version=world.version, by=world.owner)
    recipes.retire(recipe=later.recipe, by=world.owner)
    with refused(RECIPE_RETIRED):
        registration.register_device(version=later, by=world.owner)
