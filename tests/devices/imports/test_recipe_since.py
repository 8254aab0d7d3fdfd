"""A recipe that changed, or was retired, since a file was uploaded: nothing is made by what it said then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices import imports
from devices.models import Device, Import, RecipeVersion
from devices.recipes import operations as recipes
from tests.devices.api import Program, kind
from tests.devices.imports.conftest import work
from tests.devices.imports.pages import matched

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

FILE = "Serial\nKG-1\n"
ONE = {"kind": "opaque", "prefix": "KG-", "length": 1}


@pytest.fixture
def owner(world: World) -> Program:
    return Program(world.owner)


def change(version: RecipeVersion) -> RecipeVersion:
    return RecipeVersion.objects.create(recipe=version.recipe, number=2, identity=ONE)


def test_a_checked_file_is_checked_anew_by_the_last_version(
    world: World, owner: Program, version: RecipeVersion, check: Callable[..., Import]
) -> None:
    importing = check("Serial\nKG-1\nXX-2\n")
    assert importing.refused == 0
    later = change(version)
    at = f"imports/{importing.key}/"
    assert kind(owner.post(f"{at}start/")) == "recipe-outdated"
    page = owner.client.post(f"/{at}start/", follow=True).content.decode()
    assert "has version 2 since" in page
    assert owner.get(at).json()["state"] == "checked"
    assert owner.post(f"{at}match/", {"all_or_nothing": False}).status_code == 200
    checked = work(importing)
    assert (checked.version, checked.refused) == (later, 1)
    assert owner.post(f"{at}start/").status_code == 200
    assert work(importing).made == 1
    assert Device.objects.get(source=importing).version == later


def test_a_file_that_is_only_uploaded_takes_the_last_version(
    world: World, owner: Program, version: RecipeVersion, upload: Callable[..., Import]
) -> None:
    importing = upload(FILE)
    later = change(version)
    assert owner.post(f"imports/{importing.key}/match/").json()["version"] == 2
    assert work(importing).version == later


def test_a_retired_recipe_makes_nothing_from_an_earlier_upload(
    world: World, owner: Program, version: RecipeVersion, check: Callable[..., Import], upload: Callable[..., Import]
) -> None:
    checked, uploaded = check(FILE), upload(FILE)
    recipes.retire(recipe=version.recipe, by=world.owner)
    assert kind(owner.post(f"imports/{checked.key}/start/")) == "recipe-retired"
    assert kind(owner.post(f"imports/{uploaded.key}/match/")) == "recipe-retired"
    shown = owner.client.post(f"/imports/{uploaded.key}/match/", matched(uploaded))
    assert "is retired. Nothing was made." in shown.content.decode()
    assert not Device.objects.filter(source__isnull=False).exists()
    recipes.restore(recipe=version.recipe, by=world.owner)
    assert owner.post(f"imports/{checked.key}/start/").status_code == 200
    assert work(checked).made == 1


@pytest.mark.parametrize("late", ["retired", "changed"])
def test_what_waits_for_a_worker_is_stopped(
    world: World, owner: Program, version: RecipeVersion, check: Callable[..., Import], late: str
) -> None:
    importing = check(FILE)
    assert imports.start(importing=importing, by=world.owner)
    if late == "retired":
        recipes.retire(recipe=version.recipe, by=world.owner)
    else:
        change(version)
    ended = work(importing)
    assert (ended.state, ended.made, ended.delivery) == ("failed", 0, None)
    assert "Nothing was made." in ended.cause
    counted = owner.post("imports/count/", {"recipe": version.recipe_id, "total": 2})
    assert counted.status_code == (400 if late == "retired" else 201)
