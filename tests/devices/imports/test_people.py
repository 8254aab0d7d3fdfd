"""A column that says whose each device is within its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices import imports
from devices.bulk_actions import changes
from devices.imports import people
from devices.lifecycle import assignments
from devices.models import Device, Event
from tenants.models import Membership, Organisation, Role, User
from tests.devices.doing import ran, undone
from tests.devices.imports.conftest import problems, work
from tests.devices.imports.pages import address, downloaded, words

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _wanted(world: World) -> None:
    Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=True)
    world.kanarra.refresh_from_db()


def whose(serial: str) -> tuple[str | None, str | None]:
    device = Device.objects.select_related("person", "assignment__person").get(serial=serial)
    assert device.assignment is None or device.assignment.person == device.person
    return device.group.name if device.group else None, device.person.email if device.person else None


@pytest.mark.parametrize("all_or_nothing", [True, False])
def test_made_devices_are_the_persons(run: Run, world: World, all_or_nothing: bool) -> None:
    text = f"Serial,Person\nTANK-1,{world.viewer.email.upper()}\nTANK-2,\n"
    importing = run(text, group=world.anaheim, all_or_nothing=all_or_nothing)
    assert (problems(importing), importing.made) == ([], 2)
    assert whose("TANK1") == (world.anaheim.name, world.viewer.email)
    assert whose("TANK2") == (world.anaheim.name, None)
    placed = Event.objects.get(device__serial="TANK1", kind="provisioned")
    assert placed.data == {"person": world.viewer.pk}


@pytest.mark.parametrize("case", ["nobody", "disabled", "sibling", "stranger", "no group", "not wanted"])
def test_who_may_not_have_it_is_a_problem_of_the_row(run: Run, world: World, case: str) -> None:
    email, cause, group = world.viewer.email, people.NOT_THERE, world.anaheim
    if case == "disabled":
        User.objects.filter(pk=world.viewer.pk).update(is_active=False)
    elif case == "not wanted":
        Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=False)
        cause = people.NOT_ALLOWED
    elif case == "no group":
        group, cause = None, people.NO_GROUP  # type: ignore[assignment]
    else:
        email = {"nobody": "nobody@kanarra.example", "sibling": world.sibling.email}.get(case, world.stranger.email)
    importing = run(f"Serial,Person\nTANK-1,{email}\nTANK-2,\n", group=group)
    assert problems(importing) == [(2, "Person", f"“{email[:40]}”: {cause}")]
    assert (importing.made, Device.objects.filter(serial="TANK1").exists()) == (1, False)


@pytest.mark.parametrize("all_or_nothing", [True, False])
def test_who_lost_the_role_since_the_check_gets_none(check: Run, world: World, all_or_nothing: bool) -> None:
    text = f"Serial,Person\nTANK-1,{world.viewer.email}\nTANK-2,\n"
    importing = check(text, group=world.anaheim, all_or_nothing=all_or_nothing)
    assert problems(importing) == []
    world.viewer.memberships.all().delete()
    assert imports.start(importing=importing, by=world.owner)
    importing = work(importing)
    assert (importing.state, importing.made) == (("failed", 0) if all_or_nothing else ("done", 1))
    assert problems(importing)[0][2].endswith(people.NOT_THERE)


def test_a_device_that_is_there_is_given_and_given_back(check: Run, world: World) -> None:
    device = world.placed
    Device.objects.filter(pk=device.pk).update(description="secret")
    checked = check(f"Serial,Name,Person\n{device.serial},Pump,{world.viewer.email}\n", act="change")
    assert (problems(checked), checked.changing) == ([], 1)
    action = ran(changes.start_changes(importing=checked, by=world.owner))
    assert (action.state, action.changed) == ("done", 1)
    assert whose(device.serial) == (world.anaheim.name, world.viewer.email)
    now = Device.objects.get(pk=device.pk)
    assert (now.name, now.description) == ("Pump", "")  # what was written stays with whoever had it
    assert Event.objects.filter(device=device, kind="assigned").count() == 1
    assert undone(action, world.owner).changed == 1
    assert whose(device.serial) == (world.anaheim.name, None)
    assert Device.objects.get(pk=device.pk).description == "secret"


def test_an_export_changes_nothing(client: Client, check: Run, world: World) -> None:
    checked = check(f"Serial,Person\n{world.placed.serial},{world.viewer.email}\n", act="change")
    ran(changes.start_changes(importing=checked, by=world.owner))
    client.force_login(world.owner)
    serials = {"serial": [world.placed.serial, world.foreign.serial]}
    text = downloaded(client.post(reverse("devices:export"), serials)).removeprefix("\ufeff")
    assert world.viewer.email in text
    again = check(text, act="change")
    assert (problems(again), again.changing) == ([], 0)


def test_a_group_and_a_person_in_one_row(check: Run, world: World) -> None:
    text = f"Serial,Group,Person\n{world.placed.serial},#{world.boise.pk},{world.sibling.email}\n"
    action = ran(changes.start_changes(importing=check(text, act="change"), by=world.owner))
    assert action.changed == 1
    assert whose(world.placed.serial) == (world.boise.name, world.sibling.email)


def test_who_lost_the_role_since_keeps_the_device_as_it_is(check: Run, world: World) -> None:
    checked = check(f"Serial,Name,Person\n{world.placed.serial},Pump,{world.viewer.email}\n", act="change")
    world.viewer.memberships.all().delete()
    action = ran(changes.start_changes(importing=checked, by=world.owner))
    assert (action.changed, action.touched.get().verdict) == (0, "outsider")
    assert whose(world.placed.serial) == (world.anaheim.name, None)


def test_whose_it_is_stays_behind_where_they_lost_the_role_in_the_group_to_which_it_goes(
    check: Run, world: World
) -> None:
    there = Membership.objects.create(user=world.viewer, group=world.boise, role=Role.VIEWER)
    assignments.assign_devices([world.placed], group=world.anaheim.pk, person=world.viewer.pk, by=world.owner)
    text = f"Serial,Group,Person\n{world.placed.serial},#{world.boise.pk},{world.viewer.email}\n"
    checked = check(text, act="change")
    assert problems(checked) == []
    there.delete()
    action = ran(changes.start_changes(importing=checked, by=world.owner))
    assert (action.changed, action.touched.get().verdict) == (0, "outsider")
    assert whose(world.placed.serial) == (world.anaheim.name, world.viewer.email)


def test_what_stays_behind_with_whoever_had_it_is_told(check: Run, client: Client, world: World) -> None:
    importing = check(f"Serial,Person\n{world.placed.serial},{world.viewer.email}\n", act="change")
    client.force_login(world.owner)
    page = words(client.get(address(importing)))
    assert "what was reported and written so far stays with whoever had it" in page
    assert "Name, description and tags without a column stay behind" in page
