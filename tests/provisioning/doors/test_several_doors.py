"""Several doors of activation: which of them a device comes by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now

from devices.identity import serials
from provisioning.models import DoorRegistration
from tests.provisioning.doors.test_activate import activate, count_reasons, make_door, read_token, send

if TYPE_CHECKING:
    from tests.conftest import World

NEWER: dict[str, dict[str, Any]] = {
    "for those that nobody added": {"admits": "new"},
    "for other identities": {"pattern": "ZZ*"},
    "for those with a certificate": {"settings": {"authentication": "certificate"}},
    "for those with a password": {"settings": {"authentication": "password"}, "admits": "any"},
    "ended": {"ended_at": Now()},
}


@pytest.mark.django_db
@pytest.mark.parametrize("how", NEWER)
def test_a_newer_door_of_the_recipe_shuts_nobody_out(world: World, how: str) -> None:
    door = make_door(world.version)
    make_door(world.version, name="Line 2", **NEWER[how])
    read_token(activate(world.waiting))
    assert DoorRegistration.objects.get().door == door


@pytest.mark.django_db
def test_who_registers_itself_comes_by_the_door_for_what_it_shows(world: World) -> None:
    same: dict[str, Any] = {"version": world.version, "admits": "new"}
    doors = [
        make_door(**same, name=each, settings={"authentication": each}) for each in ("token", "password", "certificate")
    ]
    serials_made = [serials.generate() for _ in range(2)]
    read_token(send(f"id={serials_made[0]}"))
    assert send(f"id={serials_made[1]}&password={'x' * 20}").status_code == 204
    came = dict(DoorRegistration.objects.values_list("device__serial", "door"))
    assert came == {serials_made[0]: doors[0].pk, serials_made[1]: doors[1].pk}


@pytest.mark.django_db
def test_of_doors_that_all_refuse_it_its_own_says_why(world: World) -> None:
    door = make_door(world.version)
    other = make_door(world.version, name="Line 2", admits="new", settings={"authentication": "certificate"})
    assert activate(world.waiting, "&password=" + "x" * 20).status_code == 415
    assert (count_reasons(door), count_reasons(other)) == ({"door-authentication"}, set())
