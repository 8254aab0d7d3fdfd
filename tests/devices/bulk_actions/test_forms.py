"""What each kind of action asks for besides the devices, what it takes, and what it tells otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from devices.bulk_actions.eligibility import Params
from devices.bulk_actions.forms import ConfirmForm, params_form
from devices.models import BulkAction, Device, DeviceModel, Recipe, RecipeVersion
from devices.recipes.command_lines import clean_lines
from tenants.models import Group, Organisation, User
from tests import builders

if TYPE_CHECKING:
    from devices.bulk_actions.forms import ParamsForm
    from tests.conftest import World

Kind = BulkAction.Kind


def ask(world: World, kind: str, data: dict[str, Any], who: str = "admin") -> ParamsForm:
    return params_form(kind, data, user=User.objects.get(pk=getattr(world, who).pk))


def causes(form: ParamsForm) -> dict[str, str]:
    return {name: str(texts[0]) for name, texts in form.errors.items()}


@pytest.mark.parametrize(
    ("kind", "data", "params"),
    [
        (Kind.LOCK, {}, Params()),
        (Kind.TAG, {"tag": " site ", "value": " roof  1 "}, Params(tag="site", value="roof 1")),
        (Kind.TAG, {"tag": "site", "value": ""}, Params(tag="site")),
        (Kind.UNTAG, {"tag": "a=b"}, Params(tag="a=b")),  # of before a rule
        (Kind.REISSUE, {"old": "use"}, Params()),
        (Kind.REISSUE, {"old": "now"}, Params(at_once=True)),
        (Kind.UNTIE, {"gateway": " "}, Params()),
    ],
    ids=str,
)
def test_what_is_asked_for_is_taken_clean(world: World, kind: str, data: dict[str, str], params: Params) -> None:
    form = ask(world, kind, data)
    assert form.is_valid(), form.errors
    assert form.params() == params


@pytest.mark.parametrize(
    ("kind", "data", "place", "cause"),
    [
        (Kind.MOVE, {}, "group", "Choose the group into which they go."),
        (Kind.MOVE, {"group": "x"}, "group", "This group is gone, or can't take devices any more."),
        (Kind.TAG, {"value": "a"}, "tag", "Name the tag."),
        (Kind.TAG, {"tag": "a=b", "value": ""}, "tag", "A tag's name has 1 to 64 characters"),
        (Kind.TAG, {"tag": "a"}, "value", "Give the tag a value; it may be empty."),
        (Kind.TAG, {"tag": "a", "value": "x" * 256}, "value", "256 characters are too many"),
        (Kind.UNTAG, {}, "tag", "Name the tag."),
        (Kind.MODEL, {}, "model", "Choose a model."),
        (Kind.MODEL, {"model": 0}, "model", "This model is gone. Choose another."),
        (Kind.REISSUE, {}, "old", "Say when the old credentials end."),
        (Kind.COMMAND, {}, "command", "Choose a command."),
        (Kind.COMMAND, {"command": "start"}, "command", "No device of yours takes this command."),
        (Kind.TIE, {}, "gateway", "Give the serial of the gateway."),
        (Kind.TIE, {"gateway": "NONE"}, "gateway", ""),
        (Kind.UNTIE, {"gateway": "NONE"}, "gateway", ""),
    ],
    ids=str,
)
def test_what_can_not_be_is_told_at_its_field(
    world: World, kind: str, data: dict[str, Any], place: str, cause: str
) -> None:
    told = causes(ask(world, kind, data))
    assert list(told) == [place]
    assert told[place].startswith(cause)


def test_devices_go_into_leaves_that_the_user_manages(world: World) -> None:
    form = ask(world, Kind.MOVE, {"group": world.anaheim.pk, "keep": "on"})
    assert form.is_valid(), form.errors
    assert form.params() == Params(group=world.anaheim.pk, keep=True)
    archived = builders.make_group(world.region, "Gone")
    Group.objects.filter(pk=archived.pk).update(archived_at=timezone.now())
    for group in (world.boise, world.region, world.other_site, archived):
        assert causes(ask(world, Kind.MOVE, {"group": group.pk})).keys() == {"group"}, group


def test_models_are_the_organisations_that_are_offered(world: World) -> None:
    model = DeviceModel.objects.get(organisation=world.kanarra)
    form = ask(world, Kind.MODEL, {"model": model.pk})
    assert form.is_valid(), form.errors
    assert form.params() == Params(model=model.pk)
    DeviceModel.objects.filter(pk=model.pk).update(retired_at=timezone.now())
    for other in (model.pk, DeviceModel.objects.get(organisation=world.other).pk):
        assert causes(ask(world, Kind.MODEL, {"model": other})).keys() == {"model"}


def test_recipes_are_for_admins_of_the_whole_and_mean_their_last_version(world: World) -> None:
    recipe = world.version.recipe
    last = RecipeVersion.objects.create(recipe=recipe, number=2)
    form = ask(world, Kind.RECIPE, {"recipe": recipe.pk}, "owner")
    assert form.is_valid(), form.errors
    assert form.params() == Params(version=last.pk)
    assert causes(ask(world, Kind.RECIPE, {"recipe": recipe.pk})).keys() == {"recipe"}
    Recipe.objects.filter(pk=recipe.pk).update(retired_at=timezone.now())
    assert causes(ask(world, Kind.RECIPE, {"recipe": recipe.pk}, "owner")).keys() == {"recipe"}


def test_a_command_is_for_the_versions_whose_devices_take_it(world: World) -> None:
    load = {"properties": {"load": {"type": "number", "maximum": 5}}, "required": ["load"]}
    commands: list[dict[str, Any]] = [{"name": "start", "label": "Start"}, {"name": "set", "schema": load}]
    RecipeVersion.objects.filter(pk=world.version.pk).update(commands=clean_lines(commands))
    wide = {"properties": {"load": {"type": "number", "maximum": 50}}}
    other = builders.make_recipe(world.kanarra, "Other", commands=clean_lines([{"name": "set", "schema": wide}]))
    builders.make_device(other, group=world.anaheim, by=world.owner)
    unused = builders.make_recipe(world.kanarra, "Unused", commands=clean_lines([{"name": "unused"}]))

    def params(**data: Any) -> Params:
        form = ask(world, Kind.COMMAND, data)
        assert form.is_valid(), form.errors
        return form.params()

    both = tuple(sorted([world.version.pk, other.pk]))
    assert params(command="set", payload='{"load": 5}') == Params(command="set", payload={"load": 5}, versions=both)
    assert params(command="set", payload='{"load": 6}').versions == (other.pk,)
    assert params(command="start", payload="").versions == (world.version.pk,)
    for data, place in (
        ({"command": "set", "payload": '{"load": 51}'}, "payload"),
        ({"command": "set", "payload": "{"}, "payload"),
        ({"command": "start", "payload": '{"load": 1}'}, "payload"),
        ({"command": "unused"}, "command"),
    ):
        assert causes(ask(world, Kind.COMMAND, data)).keys() == {place}, data
    assert unused.commands


def test_a_gateway_is_one_that_the_user_manages_in_any_writing(world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(serial="00:1B:44:11:3A:B7", serial_key="00:1B:44:11:3A:B7")
    for kind in (Kind.TIE, Kind.UNTIE):
        form = ask(world, kind, {"gateway": "001b.4411.3ab7"})
        assert form.is_valid(), form.errors
        assert form.params() == Params(gateway="00:1B:44:11:3A:B7", speaker=world.placed.pk)
        assert causes(ask(world, kind, {"gateway": world.foreign.serial})).keys() == {"gateway"}
    Device.objects.filter(pk=world.placed.pk).update(retired_at=timezone.now())
    assert causes(ask(world, Kind.TIE, {"gateway": "001b.4411.3ab7"})).keys() == {"gateway"}


def test_a_device_is_given_to_somebody_whom_the_user_knows_where_that_is_allowed(world: World) -> None:
    given = {"person": world.viewer.email}
    assert not ask(world, Kind.PERSON, given).is_valid()
    Organisation.objects.update(personal_devices=True)
    form = ask(world, Kind.PERSON, given)
    assert form.is_valid(), form.errors
    assert form.params() == Params(person=world.viewer.pk)
    nobody = ask(world, Kind.PERSON, {"person": ""})
    assert nobody.is_valid(), nobody.errors
    assert nobody.params() == Params()
    for other in (world.sibling, world.stranger):
        assert not ask(world, Kind.PERSON, {"person": other.email}).is_valid()


@pytest.mark.parametrize(
    ("typed", "dangerous", "fits"),
    [
        ("1234", True, True),
        (" 1,234 ", True, True),
        ("1235", True, False),
        ("", True, False),
        ("1.234", True, False),
        ("", False, True),
        ("x", False, True),
    ],
)
def test_where_a_slip_would_hurt_the_number_is_typed(typed: str, dangerous: bool, fits: bool) -> None:
    form = ConfirmForm({"digest": "d", "typed": typed}, number=1234, dangerous=dangerous)
    assert form.is_valid() is fits
    if not fits:
        assert form.errors["typed"] == ["Type the number of devices that change: 1,234."]


@pytest.mark.parametrize("kind", Kind.values)
def test_nothing_sent_breaks_no_form(world: World, kind: str) -> None:
    for data in ({}, dict.fromkeys(("group", "tag", "value", "model", "recipe", "old", "person", "gateway"), "\0")):
        ask(world, kind, data).is_valid()
