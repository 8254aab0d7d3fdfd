"""What actions change devices to, beside the cast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.models import DeviceModel, RecipeVersion
from tenants.models import Organisation, Role
from tests import builders

if TYPE_CHECKING:
    from tenants.models import User
    from tests.conftest import World
    from tests.devices.bulk_actions.devices import Gateways


@pytest.fixture
def second(world: World) -> DeviceModel:
    return DeviceModel.objects.create(organisation=world.kanarra, name="KG-500")


@pytest.fixture
def later(world: World) -> RecipeVersion:
    """A version after that of the devices."""
    return RecipeVersion.objects.create(recipe=world.version.recipe, number=2)


@pytest.fixture
def person(world: World) -> User:
    """Somebody with a role everywhere, who may be given devices."""
    Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=True)
    return builders.make_user("viewer@kanarra.example", world.kanarra.root, Role.VIEWER)


@pytest.fixture
def gateways(world: World) -> Gateways:
    """Made from a recipe of their own, which gets no later version."""
    version = builders.make_recipe(world.kanarra, "Speaker")
    return {
        group.pk: builders.make_device(version, group=group, by=world.owner, name="Speaker")
        for group in (world.anaheim, world.boise)
    }
