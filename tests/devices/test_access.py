"""One question in two ways: whom the database shows a device, and who is known to see it without asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from devices import access, batches
from devices.lifecycle import assignments
from devices.models import Device
from devices.refusals import DEVICE_RETIRED
from tenants.models import Role, User
from tests import builders
from tests.refused import refused

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

CAST = ("owner", "admin", "technician", "viewer", "sibling", "stranger")
DEVICES = ("waiting", "placed", "foreign", "alien")


def read(device: Device) -> Device:
    return Device.objects.select_related("group").get(pk=device.pk)


@pytest.mark.parametrize("who", CAST)
@pytest.mark.parametrize("person", [None, "viewer", "technician"])
def test_both_answer_alike(world: World, who: str, person: str | None) -> None:
    if person:
        Device.objects.filter(pk=world.placed.pk).update(person=getattr(world, person))
    user = User.objects.get(pk=getattr(world, who).pk)
    for name in DEVICES:
        device = read(getattr(world, name))
        seen = Device.objects.visible_to(user).filter(pk=device.pk).exists()
        managed = Device.objects.manageable_by(user).filter(pk=device.pk).exists()
        assert (access.sees(user, device), access.manages(user, device)) == (seen, managed), name


def test_nobody_manages_anything(world: World) -> None:
    assert not access.manages(AnonymousUser(), read(world.placed))


@pytest.mark.parametrize(
    ("who", "role", "found"),
    [
        ("viewer", Role.VIEWER, True),
        ("viewer", Role.TECHNICIAN, False),
        ("technician", Role.TECHNICIAN, True),
        ("technician", Role.ADMIN, False),
        ("admin", Role.ADMIN, True),
        ("sibling", Role.VIEWER, False),
        ("stranger", Role.VIEWER, False),
    ],
)
def test_the_gate_opens_to_who_has_the_role(world: World, who: str, role: Role, found: bool) -> None:
    user = User.objects.get(pk=getattr(world, who).pk)
    for text in (world.placed.serial, world.placed.serial.lower(), world.placed.serial_grouped):
        if found:
            assert access.get_device(user, text, role=role) == world.placed
        else:
            with pytest.raises(Http404):
                access.get_device(user, text, role=role)


@pytest.mark.parametrize("serial", ["", "NONE", "\0", "x" * 5000, "%", "é"])
def test_a_serial_that_there_is_not_is_missing(world: World, serial: str) -> None:
    with pytest.raises(Http404):
        access.get_device(world.owner, serial)


def test_a_device_has_its_readers_organisation_without_asking(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    user = User.objects.select_related("organisation").get(pk=world.viewer.pk)
    device = access.get_device(user, world.placed.serial)
    with django_assert_num_queries(0):
        assert device.organisation is user.organisation
        assert (device.group, device.model, device.version.recipe) is not None


def test_a_batch_holds_those_that_are_where_they_were_read(world: World) -> None:
    placed, foreign, waiting = (read(each) for each in (world.placed, world.foreign, world.waiting))
    assignments.assign(device=world.placed, group=world.boise, name="x", model=None, by=world.owner)
    gone = builders.make_device(world.version)
    Device.objects.filter(pk=gone.pk).delete()
    assert batches.hold_as_read([placed, foreign, waiting, gone]) == [foreign, waiting]
    assert batches.hold_as_read([placed]) == batches.hold_as_read([]) == []
    held = batches.hold([foreign.pk, waiting.pk])
    assert held == {foreign.pk: foreign.assignment_id, waiting.pk: None}
    assert batches.hold([gone.pk]) == batches.hold([]) == {}


def test_a_batch_with_a_retired_one_is_refused_whole(world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(retired_at="2026-01-01T00:00:00Z")
    with refused(DEVICE_RETIRED):
        batches.hold_as_read([read(world.foreign), read(world.placed)])
    batches.refuse_retired([world.foreign.pk])
    batches.refuse_retired([])
