"""Which of several doors of activation a device comes by: the one that would let it in, else the one that says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from devices.models import Device, RecipeVersion
from provisioning.doors import refusals
from provisioning.doors.activate.operations import Asked, choose_door, find_doors
from provisioning.models import Door, DoorVendor
from tests.provisioning.doors.test_activate import make_door
from tests.refused import refused

if TYPE_CHECKING:
    from provisioning.doors.client_certificates import Shown
    from tests.conftest import World

DEVICE = Device(version=RecipeVersion(recipe_id=1))
SHOWN = cast("Shown", object())


def door(name: str, state: str = "open", authentication: str = "token", **fields: Any) -> Door:
    made = Door(
        name=name, settings={"authentication": authentication}, **{"recipe_id": 1, "admits": "listed", **fields}
    )
    made.state = state
    return made


def choose(*doors: Door, device: Device | None = DEVICE, **asked: Any) -> str:
    """The name of the one that is chosen for `SN-1`."""
    return choose_door(doors, Asked("SN-1", **asked), device).name


@pytest.mark.parametrize(
    ("doors", "chosen"),
    [
        ([door("newer"), door("older")], "newer"),
        ([door("ended", "ended"), door("open")], "open"),
        ([door("full", "full"), door("expired", "expired"), door("open")], "open"),
        ([door("for new", admits="new"), door("for listed")], "for listed"),
        ([door("for any", admits="any"), door("for listed")], "for any"),
        ([door("by password", authentication="password"), door("by token")], "by token"),
        ([door("of another recipe", recipe_id=2), door("own", "ended")], "own"),
        ([door("of another recipe", recipe_id=2), door("of a third", recipe_id=3)], "of another recipe"),
        ([door("for others", pattern="ZZ*"), door("for it", pattern="SN-*")], "for it"),
        ([door("for others", pattern="ZZ*"), door("ended", "ended")], "ended"),
        ([door("for others", pattern="ZZ*"), door("for others too", pattern="YY*")], "for others"),
        ([door("open, by password", authentication="password"), door("ended", "ended")], "open, by password"),
        ([door("for new, by token", admits="new"), door("by password", authentication="password")], "by password"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_known_device_comes_by_the_door_that_is_for_it(doors: list[Door], chosen: str) -> None:
    assert choose(*doors) == chosen


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ({}, "token"),
        ({"password": "x" * 20}, "password"),
        ({"certificate": SHOWN}, "certificate"),
        ({"certificate": SHOWN, "by_certificate_alone": True}, "certificate"),
    ],
    ids=["nothing", "password", "certificate", "certificate alone"],
)
def test_the_door_asks_for_what_the_device_shows(asked: dict[str, Any], chosen: str) -> None:
    doors = [door(name, authentication=name) for name in ("certificate", "password", "token")]
    assert choose(*doors, **asked) == chosen


def test_one_that_nobody_added_comes_by_a_door_for_such(world: World) -> None:
    made = [
        make_door(world.version, name=name, admits=admits)
        for name, admits in (("for new", "new"), ("for any", "any"), ("for listed", "listed"))
    ]
    doors = [Door.objects.with_state().select_related("recipe").get(pk=each.pk) for each in reversed(made)]
    assert choose(*doors, device=None) == "for any"
    assert choose(*doors[:1], device=None) == "for listed"


@pytest.fixture
def doors(world: World) -> dict[str, Door]:
    DoorVendor.objects.get_or_create(name="kanarra-gateways", organisation=world.kanarra)
    return {
        model: make_door(world.version, name=model or "any", settings={"vendor": "kanarra-gateways", "model": model})
        for model in ("", "kg-1", "kg-2")
    }


@pytest.mark.parametrize(
    ("vendor", "model", "found"),
    [
        ("kanarra-gateways", "kg-1", {"any", "kg-1"}),
        ("kanarra-gateways", "kg-3", {"any"}),
        ("kanarra-gateways", "", {"any"}),
    ],
)
def test_old_firmware_is_known_by_its_vendor_and_model(
    doors: dict[str, Door], vendor: str, model: str, found: set[str]
) -> None:
    assert {each.name for each in find_doors(Asked("SN-1", vendor=vendor, model=model), None)} == found


@pytest.mark.parametrize("vendor", ["", "Kanarra-Gateways", "nobody"])
def test_without_an_organisation_a_vendor_that_nobody_has_is_no_door(doors: dict[str, Door], vendor: str) -> None:
    with refused(refusals.DOOR_UNKNOWN):
        find_doors(Asked("SN-1", vendor=vendor, model="kg-1"), None)


def test_where_the_host_names_the_organisation_its_doors_are_meant_whatever_the_vendor(
    world: World, doors: dict[str, Door]
) -> None:
    for model, found in (("kg-1", {"kg-1"}), ("kg-9", {"any", "kg-1", "kg-2"}), ("", {"any", "kg-1", "kg-2"})):
        asked = Asked("SN-1", vendor="of another", model=model)
        assert {each.name for each in find_doors(asked, world.kanarra)} == found
    with refused(refusals.DOOR_UNKNOWN):
        find_doors(Asked("SN-1"), world.other)


def test_a_vendors_name_that_another_organisation_took_first_leads_to_none(
    world: World, doors: dict[str, Door]
) -> None:
    DoorVendor.objects.update(organisation=world.other)
    with refused(refusals.DOOR_UNKNOWN):
        find_doors(Asked("SN-1", vendor="kanarra-gateways", model="kg-1"), None)
