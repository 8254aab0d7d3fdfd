"""What a new device gets from its recipe, what is its own, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models.functions import Now

from devices.lifecycle import registration
from devices.models import Device, DeviceModel, Event, Recipe, RecipeVersion
from devices.recipes import operations as recipes
from devices.recipes.operations import Contents
from devices.refusals import RECIPE_OUTDATED, RECIPE_RETIRED, SERIAL_TAKEN
from tenants.models import Organisation
from tests import builders
from tests.refused import refused

if TYPE_CHECKING:
    from tests.conftest import World


def add(version: RecipeVersion, **fields: Any) -> Device:
    return registration.register_device(version=version, by=None, **fields)


def test_model_and_tags_are_the_recipes_unless_it_has_its_own(world: World) -> None:
    version = builders.make_recipe(world.kanarra, "Pumps", default_tags={"line": "A", "plant": "1"})
    own = DeviceModel.objects.create(organisation=world.kanarra, name="KG-9")
    usual, other = add(version), add(version, model=own, tags={"plant": "2", "x": ""}, name="  Pump  one ")
    assert (usual.model, usual.tags, usual.name) == (version.model, {"line": "A", "plant": "1"}, usual.serial)
    assert (other.model, other.tags, other.name) == (own, {"line": "A", "plant": "2", "x": ""}, "Pump one")
    for device in (usual, other):
        device.refresh_from_db()
        assert (device.organisation, device.group, device.expires_at) == (world.kanarra, None, None)
        assert Event.objects.get(device=device).kind == "registered"


@pytest.mark.parametrize(("expires", "hours"), [(True, 5), (False, 5)])
def test_it_expires_by_the_organisations_window_where_its_recipe_says_so(
    world: World, expires: bool, hours: int
) -> None:
    Organisation.objects.update(activation_hours=hours)
    RecipeVersion.objects.filter(pk=world.version.pk).update(expires=expires)
    device = add(RecipeVersion.objects.select_related("recipe__organisation").get(pk=world.version.pk))
    soon, later = Now() + timedelta(hours=hours - 1), Now() + timedelta(hours=hours)
    within = Device.objects.filter(pk=device.pk, expires_at__gt=soon, expires_at__lte=later)
    assert within.exists() is expires
    assert (device.expires_at is not None) is expires


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"serial": "K7"}, "serial"),
        ({"serial": "https://other.example/d/X"}, "serial"),
        ({"name": "x" * 121}, "name"),
        ({"name": "a\0"}, "name"),
        ({"tags": {"a=b": ""}}, "tags"),
        ({"tags": {f"t{n}": "" for n in range(51)}}, "tags"),
    ],
    ids=str,
)
def test_what_can_not_be_is_told_at_its_place_and_nothing_is_added(
    world: World, fields: dict[str, Any], place: str
) -> None:
    before = Device.objects.count()
    with pytest.raises(ValidationError) as caught:
        add(world.version, **fields)
    assert list(caught.value.message_dict) == [place]
    assert Device.objects.count() == before
    assert not Event.objects.filter(kind="registered", device__isnull=True).exists()


def test_another_organisations_model_is_none(world: World) -> None:
    alien = DeviceModel.objects.get(organisation=world.other)
    with pytest.raises(ValidationError) as caught:
        add(world.version, model=alien)
    assert list(caught.value.message_dict) == ["model"]


def test_only_a_recipes_last_version_makes_devices_unless_it_was_just_read(world: World) -> None:
    recipe = world.version.recipe
    recipes.change(recipe=recipe, name=recipe.name, contents=Contents(), based_on=1, by=world.owner)
    with refused(RECIPE_OUTDATED):
        add(world.version)
    assert registration.make_device(version=world.version, was_current=True).version == world.version
    recipes.retire(recipe=recipe, by=world.owner)
    with refused(RECIPE_RETIRED):
        add(recipe.current)
    retired = RecipeVersion.objects.select_related("recipe__organisation").get(pk=world.version.pk)
    with refused(RECIPE_RETIRED):
        registration.make_device(version=retired, was_current=True)


ADDRESS = "00:1B:44:11:3A:B7"


@pytest.fixture
def anything(world: World) -> RecipeVersion:
    Recipe.objects.filter(organisation=world.kanarra).exclude(pk=world.version.recipe_id).delete()
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "opaque"})
    return RecipeVersion.objects.select_related("recipe__organisation", "model").get(pk=world.version.pk)


@pytest.mark.parametrize("serial", ["gw-o1", "GW01", "G W 0 I", "GWOl"])
def test_a_serial_that_reads_alike_is_taken(world: World, anything: RecipeVersion, serial: str) -> None:
    add(anything, serial="GW-01")
    with refused(SERIAL_TAKEN) as caught:
        registration.make_device(version=anything, serial=serial, by=world.owner)
    assert caught.value.facts["serial"].startswith("GW01")
    assert Device.objects.filter(serial_key="GW01").count() == 1


@pytest.mark.parametrize("serial", ["001B44113AB7", "001b.4411.3ab7", "00-1B-44-11-3A-B7"])
def test_an_address_is_taken_in_all_its_writings(world: World, anything: RecipeVersion, serial: str) -> None:
    add(anything, serial=ADDRESS)
    with refused(SERIAL_TAKEN) as caught:
        registration.make_device(version=anything, serial=serial, by=world.owner)
    assert caught.value.facts["serial"] == f"{ADDRESS} (an address counts as one in all its writings)"


def test_who_does_not_see_the_device_is_told_only_what_they_asked_for(world: World, anything: RecipeVersion) -> None:
    add(anything, serial="GW-O1")
    for by in (None, world.viewer, world.stranger):
        with refused(SERIAL_TAKEN) as caught:
            registration.make_device(version=anything, serial="gw0i", by=by)
        assert caught.value.facts["serial"] == "GW0I"


def test_the_id_by_which_it_goes_at_a_door_is_its_alone(world: World, anything: RecipeVersion) -> None:
    first = registration.make_device(version=anything, serial="GW-1", own_id="urn:1")
    assert first.own_id == "urn:1"
    with refused(SERIAL_TAKEN):
        registration.make_device(version=anything, serial="GW-2", own_id="urn:1")
    assert registration.make_device(version=anything, serial="GW-3").own_id == ""


def test_a_format_that_is_used_up_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "ATTEMPTS", 3)
    version = builders.make_recipe(world.kanarra, "Few", identity={"kind": "base10", "length": 1})
    for digit in range(10):
        add(version, serial=str(digit))
    with pytest.raises(ValidationError, match="No free serial was found"):
        add(version)
