"""What a recipe may say, each rule to its edge, and what lists of recipes and models count."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from devices.models import Attribute, Device, DeviceModel, Event, Recipe, RecipeVersion
from devices.recipes import device_models, label_rules
from devices.recipes import operations as recipes
from devices.recipes.operations import Contents, Line
from devices.refusals import MODEL_IN_USE, RECIPE_CHANGED, RECIPE_OUTDATED, RECIPE_RETIRED
from tests import builders
from tests.refused import refused

if TYPE_CHECKING:
    from tests.conftest import World


def create(world: World, *lines: Line, name: str = "Pumps", **more: Any) -> Recipe:
    contents = Contents(attributes=lines, **more)
    return recipes.create(organisation=world.kanarra, name=name, contents=contents, by=world.owner)


def causes(do: Any, *given: Any, **more: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        do(*given, **more)
    return caught.value.message_dict


KEPT: list[tuple[Line, Line]] = [
    (Line("rpm", ""), Line("rpm", "rpm")),
    (Line(" rpm ", " Engine  speed "), Line("rpm", "Engine speed")),
    (Line("a" * 64, "x" * 120, unit="u" * 16), Line("a" * 64, "x" * 120, unit="u" * 16)),
    (Line("n", "n", decimals=9, reads_text=True), Line("n", "n", decimals=9, reads_text=True)),
    (Line("n", "n", faults=" 3,  4.5 ,"), Line("n", "n", faults="3, 4.5 ,")),
    (Line("t", "t", "string", faults="a, b c"), Line("t", "t", "string", faults="a, b c")),
    (Line("b", "b", "boolean", faults="true"), Line("b", "b", "boolean", faults="true")),
    (Line("b", "b", "boolean", faults="true, false"), Line("b", "b", "boolean", faults="true, false")),
    (Line("g", "g", "gps"), Line("g", "g", "gps")),
    (Line("g", "g", "gps", faults=" , "), Line("g", "g", "gps", faults=",")),
    (Line("f", "f", "string", faults="x" * 120), Line("f", "f", "string", faults="x" * 120)),
]


@pytest.mark.parametrize(("line", "kept"), KEPT, ids=[str(line.name[:9] + line.faults[:9]) for line, _ in KEPT])
def test_an_attribute_is_kept_on_one_line_and_has_a_label(world: World, line: Line, kept: Line) -> None:
    assert Contents.of(create(world, line).current).attributes == (kept,)


REFUSED: list[tuple[Line, str]] = [
    (Line("1st", ""), "Begin with a letter; then letters, digits, and . _ - fit. “1st” doesn't."),
    (Line("a" * 65, ""), f"“{'a' * 40}” doesn't."),
    (Line("", ""), "“” doesn't."),
    (Line("a b", ""), "“a b” doesn't."),
    (Line("presenceAnswer", ""), "presenceAnswer is what a device answers beside its values, and none of them."),
    (Line("commandAnswer", ""), "commandAnswer is what a device answers beside its values"),
    (Line("a", "x" * 121), "A label has at most 120 characters, a unit 16. Shorten those of a."),
    (Line("a", "", unit="u" * 17), "A label has at most 120 characters, a unit 16. Shorten those of a."),
    (Line("a", "x\0"), "U+0000"),
    (Line("a", "", "colour"), "There is no type “colour”: choose another one for a."),
    (Line("a", "", "string", decimals=0), "Only numbers have decimals, or are read from text: a is none."),
    (Line("a", "", "boolean", reads_text=True), "Only numbers have decimals, or are read from text: a is none."),
    (Line("a", "", faults="3, x"), "a: The faults of a number are numbers, with commas between them: 3, 4."),
    (Line("a", "", faults="nan"), "a: The faults of a number are numbers"),
    (Line("a", "", "boolean", faults="true, no"), "a: Write true or false: which of them is the fault."),
    (Line("a", "", "gps", faults="0"), "a: A position is no fault. Leave this empty."),
    (Line("a", "", "string", faults="x" * 121), "a: The values that are a fault have at most 120 characters."),
]


@pytest.mark.parametrize(("line", "cause"), REFUSED, ids=[cause[:50] for _, cause in REFUSED])
def test_an_attribute_that_can_not_be_is_told_and_nothing_is_made(world: World, line: Line, cause: str) -> None:
    told = causes(create, world, Line("fine", ""), line)
    assert list(told) == ["attributes"]
    assert cause in told["attributes"][0]
    assert not Recipe.objects.filter(name="Pumps").exists()


def test_two_names_that_are_kept_alike_are_one_too_many(world: World) -> None:
    told = causes(create, world, Line("rpm", "a"), Line(" rpm", "b"))
    assert told == {"attributes": ["A name stands here twice. Remove one of them."]}
    assert create(world, Line("rpm", ""), Line("RPM", "")).current.attributes.count() == 2


def test_what_does_not_go_together_is_told_beside_its_field(world: World) -> None:
    alien = DeviceModel.objects.get(organisation=world.other)
    many = tuple(Line(f"a{n}", "") for n in range(201))
    assert causes(create, world, model=alien) == {"model": ["This model belongs to another organisation."]}
    assert causes(create, world, credential_kind="certificate").keys() == {"credential_kind"}
    assert causes(create, world, default_tags={"a=b": "c"}).keys() == {"default_tags"}
    assert causes(create, world, commands=[{"name": "1"}]).keys() == {"commands"}
    assert causes(create, world, name=" ").keys() == {"name"}
    assert causes(create, world, name="Generator gateway").keys() == {"name"}
    with pytest.raises(ValidationError, match="A recipe has at most 200 attributes"):
        create(world, *many)
    assert not Event.objects.filter(kind="recipe-changed").exists()


def test_what_a_recipe_said_before_a_rule_it_may_go_on_saying(world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(credential_kind="certificate", default_tags={"a=b": 1})
    Attribute.objects.create(version=world.version, name="presenceAnswer", label="Old", position=9)
    recipe = world.version.recipe
    before = Contents.of(recipe.current)

    def change(based_on: int, **to: Any) -> RecipeVersion | None:
        told = replace(before, **to)
        return recipes.change(recipe=recipe, name=recipe.name, contents=told, based_on=based_on, by=world.owner)

    assert change(1) is None
    version = change(1, expires=True)
    assert version is not None
    assert Contents.of(version) == replace(before, expires=True)
    relabelled = tuple(replace(line, label="New") for line in before.attributes)
    assert causes(change, 2, attributes=relabelled).keys() == {"attributes"}
    assert causes(change, 2, default_tags={"a=b": 2}).keys() == {"default_tags"}
    assert change(2, credential_kind="access-key", expires=True) is not None
    assert causes(change, 3).keys() == {"credential_kind"}


def test_what_changed_is_told_by_its_parts(world: World) -> None:
    recipe, before = world.version.recipe, Contents.of(world.version)
    told = replace(before, presence="code", default_tags={"a": "1"}, model=None, attributes=before.attributes[1:])
    assert before.differs_in(before) == []
    assert told.differs_in(before) == ["model", "presence", "default_tags", "attributes"]
    recipes.change(recipe=recipe, name="Renamed", contents=told, based_on=1, by=world.owner)
    event = Event.objects.get(kind="recipe-changed")
    assert event.data == {
        "recipe": recipe.pk,
        "name": "Renamed",
        "from": "Generator gateway",
        "version": 2,
        "changed": ["model", "presence", "default_tags", "attributes"],
    }


def test_a_name_that_is_taken_leaves_no_version(world: World) -> None:
    builders.make_recipe(world.kanarra, "Taken")
    told = causes(
        recipes.change,
        recipe=world.version.recipe,
        name="Taken",
        contents=Contents(),
        based_on=1,
        by=world.owner,
    )
    assert told == {"name": ["There is a recipe with this name already. Choose another name."]}
    assert world.version.recipe.current == world.version
    with refused(RECIPE_CHANGED):
        recipes.change(recipe=world.version.recipe, name="x", contents=Contents(), based_on=0, by=world.owner)


def test_only_from_the_last_version_of_one_that_is_offered_new_devices_are_made(world: World) -> None:
    recipes.require_offered(world.version)
    recipe = world.version.recipe
    recipes.change(recipe=recipe, name=recipe.name, contents=Contents(), based_on=1, by=world.owner)
    with refused(RECIPE_OUTDATED) as caught:
        recipes.require_offered(world.version)
    assert caught.value.facts == {"recipe": "Generator gateway", "last": 2, "number": 1}
    recipes.require_offered(recipe.current)
    assert recipes.retire(recipe=recipe, by=world.owner)
    assert not recipes.retire(recipe=recipe, by=world.owner)
    for version in (world.version, recipe.current):
        with refused(RECIPE_RETIRED):
            recipes.require_offered(version)
    assert recipes.restore(recipe=recipe, by=world.owner)
    recipes.require_offered(recipe.current)


def test_lists_count_devices_attributes_and_those_that_are_behind(world: World) -> None:
    empty = create(world, Line("a", ""), name="Empty")
    recipe = world.version.recipe
    last = recipes.change(recipe=recipe, name=recipe.name, contents=Contents(), based_on=1, by=world.owner)
    assert last is not None
    Device.objects.filter(pk=world.placed.pk).update(version=last)
    Device.objects.filter(pk=world.waiting.pk).update(retired_at=timezone.now())
    listed: list[Any] = recipes.list_recipes(Recipe.objects.filter(organisation=world.kanarra))
    assert [(each.name, each.device_count, each.last.number, each.last.attribute_count) for each in listed] == [
        ("Empty", 0, 1, 1),
        ("Generator gateway", 3, 2, 0),
    ]
    versions: list[Any] = recipes.list_versions(recipe)
    assert [(each.number, each.device_count) for each in versions] == [(2, 1), (1, 2)]
    assert (recipes.count_behind(recipe, last), recipes.count_behind(empty, empty.current)) == (1, 0)


def test_models_are_counted_once_for_each_device_and_recipe(world: World) -> None:
    recipe, model = world.version.recipe, world.version.model
    assert model is not None
    told = Contents(model=model, expires=True)
    recipes.change(recipe=recipe, name=recipe.name, contents=told, based_on=1, by=world.owner)
    create(world, model=model)
    DeviceModel.objects.create(organisation=world.kanarra, name="Unused")
    counted: list[Any] = list(device_models.count_uses(DeviceModel.objects.filter(organisation=world.kanarra)))
    assert [(each.name, each.device_count, each.recipe_count) for each in counted] == [
        ("KG-250", 3, 2),
        ("Unused", 0, 0),
    ]


def test_a_model_that_a_recipe_alone_has_stays(world: World) -> None:
    model = device_models.add(organisation=world.kanarra, name=" KG  9 ", by=world.owner)
    assert (model.name, model.organisation) == ("KG 9", world.kanarra)
    create(world, model=model)
    with refused(MODEL_IN_USE):
        device_models.delete(model=model, by=world.owner)
    assert DeviceModel.objects.filter(pk=model.pk).exists()
    assert not device_models.rename(model=model, name="KG 9 ", by=world.owner)
    assert device_models.restore(model=model, by=world.owner) is False
    acts = list(Event.objects.filter(kind="model-changed").order_by("pk").values_list("data__act", flat=True))
    assert acts == ["added"]


@pytest.mark.parametrize(("number", "told"), [(1, "Profile P0"), (5, "Profile P4"), (6, "Profile P4 and others")])
def test_the_end_of_a_model_names_five_rules_at_most(world: World, number: int, told: str) -> None:
    model = device_models.add(organisation=world.kanarra, name="KG-9", by=world.owner)
    for n in range(number):
        label_rules.add_rule(organisation=world.kanarra, kind="profile", value=f"p{n}", model=model, by=world.owner)
    device_models.delete(model=model, by=world.owner)
    (act,) = Event.objects.filter(data__act__startswith="deleted").values_list("data__act", flat=True)
    assert act.startswith("deleted; labels with Profile P0")
    assert act.endswith(f"{told} mean nothing any more")
