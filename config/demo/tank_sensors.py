"""A second recipe of the demo's maker: tank sensors that fetch their credentials themselves, by their EUI-64."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction

from devices.identity.formats import Format, Kind, Separator
from devices.models import Attribute, DeviceModel, Recipe
from devices.recipes import operations as recipes
from devices.recipes.operations import Contents, Line
from tenants.models import Organisation

if TYPE_CHECKING:
    from tenants.models import User

NAME = "Fuel tank sensor"
LINES = (
    Line("fuelLevel", "Fuel level", Attribute.Type.NUMBER, "%", 10, 100),
    Line("fuelTemperature", "Fuel temperature", Attribute.Type.NUMBER, "°C", -20, 60),
    Line("battery", "Battery", Attribute.Type.NUMBER, "V", 3.1, 4.3),
)
POSITION = Line("position", "Position", Attribute.Type.GPS)


@transaction.atomic
def make_tank_sensors(slug: str, *, by: User) -> None:
    """Make the recipe unless it is there, under this name or another: what a visitor changed stays."""
    organisation = Organisation.objects.get(slug=slug)
    model, _ = DeviceModel.objects.get_or_create(organisation=organisation, name="KF-10")
    if Recipe.objects.filter(organisation=organisation, versions__model=model).exists():
        return
    first = Contents(
        model=model,
        expires=True,
        default_tags={"line": "tanks"},
        identity=Format(Kind.EUI64, separator=Separator.NONE).as_json(),
        attributes=LINES,
    )
    recipe = recipes.create(organisation=organisation, name=NAME, contents=first, by=by)
    wider = replace(first, attributes=(*LINES, POSITION))
    recipes.change(recipe=recipe, name=NAME, contents=wider, based_on=1, by=by)
