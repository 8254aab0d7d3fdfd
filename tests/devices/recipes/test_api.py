"""Recipes and the table of models for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices.models import DeviceModel, Event, Recipe, RecipeVersion
from tests.devices.api import Program, kind, places

if TYPE_CHECKING:
    from tests.conftest import World

RECIPE: dict[str, Any] = {
    "name": "Pump controller",
    "expires": True,
    "default_tags": {"line": "2"},
    "identity": {"kind": "base16", "prefix": "GW-", "length": 8, "casing": "upper"},
    "attributes": [
        {"name": "pressure", "label": "Pressure", "unit": "bar", "minimum": 0, "maximum": 16},
        {"name": "running", "type": "boolean"},
    ],
}


@pytest.fixture
def owner(world: World) -> Program:
    return Program(world.owner)


def test_a_recipe_is_made_changed_and_retired(owner: Program, world: World) -> None:
    made = owner.post("recipes/", RECIPE | {"model": world.version.model_id}, key="one")
    whole = made.json()
    path = made["Location"].removeprefix("/api/v1/")
    assert (made.status_code, whole["name"], whole["current"]["number"]) == (201, "Pump controller", 1)
    current = whole["current"]
    assert (current["expires"], current["identity"]) == (True, RECIPE["identity"])
    assert [(each["name"], each["label"], each["type"]) for each in current["attributes"]] == [
        ("pressure", "Pressure", "number"),
        ("running", "running", "boolean"),
    ]
    assert owner.post("recipes/", RECIPE | {"model": world.version.model_id}, key="one").json() == whole
    changed = owner.patch(path, {"based_on": 1, "default_tags": {"line": "3"}}).json()["current"]
    assert (changed["number"], changed["default_tags"], changed["attributes"]) == (
        2,
        {"line": "3"},
        current["attributes"],
    )
    assert owner.patch(path, {"based_on": 2, "default_tags": {"line": "3"}}).json()["current"]["number"] == 2
    stale = owner.patch(path, {"based_on": 1, "name": "Mine"})
    assert kind(stale) == "recipe-changed"
    assert owner.post(f"{path}retire/").json()["retired"] is True
    assert owner.post(f"{path}restore/").json()["retired"] is False
    assert Event.objects.filter(kind="recipe-changed").count() == 4
    assert owner.get(path).json() == whole | {"current": changed}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "a\u200bb"}, "#/name"),
        ({"name": "Generator gateway"}, "#/name"),
        ({"model": "foreign"}, "#/model"),
        ({"credential_kind": "password"}, "#/credential_kind"),
        ({"identity": {"kind": "what"}}, "#/identity/kind"),
        ({"identity": {"kind": "base10", "prefix": "é"}}, "#/identity"),
        ({"identity": {"kind": "base10", "prefix": "x" * 30, "length": 64}}, "#/identity"),
        ({"attributes": [{"name": "1st"}]}, "#/attributes/0/name"),
        ({"attributes": [{"name": "presenceAnswer"}]}, "#/attributes"),
        ({"attributes": [{"name": "a"}, {"name": "a"}]}, "#/attributes"),
        ({"attributes": [{"name": "a", "minimum": 2, "maximum": 1}]}, "#/attributes/0/maximum"),
        ({"attributes": [{"name": "a", "type": "string", "minimum": 2}]}, "#/attributes/0/minimum"),
        ({"attributes": [{"name": "a", "unknown": 1}]}, "#/attributes/0/unknown"),
        ({"default_tags": {f"t{n}": "" for n in range(51)}}, "#/default_tags"),
        ({"organisation": 1}, "#/organisation"),
    ],
)
def test_what_a_recipe_refuses(owner: Program, world: World, change: dict[str, Any], place: str) -> None:
    ids = {"foreign": world.other_version.model_id}
    sent = {name: ids.get(value, value) if isinstance(value, str) else value for name, value in change.items()}
    before = list(RecipeVersion.objects.values_list("pk", "recipe__name"))
    assert places(owner.post("recipes/", RECIPE | sent)) == [place]
    path = f"recipes/{Recipe.objects.create(organisation=world.kanarra, name='Other').pk}/"
    RecipeVersion.objects.create(recipe=Recipe.objects.get(name="Other"))
    assert places(owner.patch(path, sent | {"based_on": 1})) == [place]
    assert list(RecipeVersion.objects.exclude(recipe__name="Other").values_list("pk", "recipe__name")) == before
    assert not world.other.recipes.exclude(pk=world.other_version.recipe_id).exists()


def test_a_serial_is_tried(owner: Program, world: World) -> None:
    path = f"recipes/{world.version.recipe_id}/check-serial/"
    good = owner.post(path, {"serial": world.placed.serial.lower()}).json()
    assert (good["fits"], good["problem"], good["kept"], good["taken"]) == (True, None, world.placed.serial, True)
    bad = owner.post(path, {"serial": "K7"}).json()
    assert (bad["fits"], bad["problem"], bad["taken"]) == (False, "12 characters expected, found 2.", False)
    assert owner.post(path, {"serial": world.alien.serial}).json()["taken"] is False
    assert places(owner.post(path, {"serial": "x" * 1025})) == ["#/serial"]


def test_a_model_is_made_renamed_retired_and_deleted(owner: Program, world: World) -> None:
    made = owner.post("models/", {"name": " KG-300 "}, key="one")
    assert (made.status_code, made.json()["name"]) == (201, "KG-300")
    assert owner.post("models/", {"name": " KG-300 "}, key="one")["Idempotent-Replayed"] == "true"
    path = made["Location"].removeprefix("/api/v1/")
    assert places(owner.post("models/", {"name": "KG-300"})) == ["#/name"]
    assert places(owner.patch(path, {"name": "KG-250"})) == ["#/name"]
    assert owner.patch(path, {"name": "KG-301"}).json()["name"] == "KG-301"
    assert owner.post(f"{path}retire/").json()["retired"] is True
    assert owner.post(f"{path}restore/").json() == owner.get(path).json()
    assert owner.delete(path).status_code == 204
    assert owner.get(path).status_code == 404
    used = owner.delete(f"models/{world.version.model_id}/")
    assert (kind(used), "Retire it instead" in used.json()["detail"]) == ("model-in-use", True)


def test_neither_foreign_nor_with_less_than_the_organisation(world: World) -> None:
    narrow = Program(world.owner, world.sadler)  # the person may, this token may not
    foreign = Program(world.stranger)
    before = [list(table.objects.order_by("pk").values()) for table in (Recipe, RecipeVersion, DeviceModel)]
    for program in (narrow, foreign):
        for path in (f"recipes/{world.version.recipe_id}/", f"models/{world.version.model_id}/"):
            assert kind(program.patch(path, {"name": "Mine", "based_on": 1})) == "not-found"
            assert kind(program.post(f"{path}retire/")) == "not-found"
        assert kind(program.delete(f"models/{world.version.model_id}/")) == "not-found"
    assert kind(narrow.post("recipes/", RECIPE)) == "not-found"
    assert kind(narrow.post("models/", {"name": "Mine"})) == "not-found"
    assert [list(table.objects.order_by("pk").values()) for table in (Recipe, RecipeVersion, DeviceModel)] == before
