"""Many savers at once, on a database with real concurrency."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import ValidationError

from devices.models import DeviceModel, Event, LabelName, Recipe
from devices.recipes import device_models, label_rules
from devices.recipes import operations as recipes
from devices.recipes.operations import Contents
from devices.refusals import LABEL_RULES_TOO_MANY, RECIPE_CHANGED
from tests.provisioning.windows.test_races import at_once
from tests.refused import is_refusal

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

AT_ONCE = 10


def test_of_many_changes_from_one_version_one_is_kept_and_the_others_are_told(world: World) -> None:
    recipe, before = world.version.recipe, Contents.of(world.version)

    def change(number: int) -> object:
        contents = replace(before, default_tags={"n": str(number)})
        return recipes.change(recipe=recipe, name=recipe.name, contents=contents, based_on=1, by=world.owner)

    done = at_once(AT_ONCE, change)
    assert sum(is_refusal(each, RECIPE_CHANGED) for each in done) == AT_ONCE - 1
    assert recipe.versions.count() == 2
    assert Event.objects.filter(kind=Event.Kind.RECIPE_CHANGED).count() == 1


def test_of_many_of_one_name_one_is_made(world: World) -> None:
    def make(_: int) -> object:
        return recipes.create(organisation=world.kanarra, name="New", contents=Contents(), by=world.owner)

    done = at_once(AT_ONCE, make)
    assert sum(isinstance(each, ValidationError) for each in done) == AT_ONCE - 1
    assert Recipe.objects.get(name="New").versions.count() == 1


def test_of_many_retirements_one_counts(world: World) -> None:
    model = DeviceModel.objects.get(organisation=world.kanarra)
    assert sorted(at_once(AT_ONCE, lambda _: device_models.retire(model=model, by=world.owner))) == [False] * 9 + [True]
    assert Event.objects.filter(kind=Event.Kind.MODEL_CHANGED).count() == 1


def test_of_many_names_at_once_no_more_are_kept_than_may_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_rules, "MOST", 3)

    def add(number: int) -> object:
        name = f"field{number}"
        return label_rules.add_name(organisation=world.kanarra, name=name, fact="serial", by=world.owner)

    done = at_once(AT_ONCE, add)
    assert sum(is_refusal(each, LABEL_RULES_TOO_MANY) for each in done) == AT_ONCE - 3
    assert LabelName.objects.count() == 3
