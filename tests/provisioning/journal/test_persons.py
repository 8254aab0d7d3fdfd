"""Devices that are somebody's: the journal says whose, and links to their pages for whoever may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices.lifecycle import assignments
from devices.models import Device, Event
from lib import merged_paging
from provisioning.journal.entries import Entry, build_entries
from provisioning.journal.sources import Filters, list_sources
from tenants.models import Membership, Role, User
from tests import builders

if TYPE_CHECKING:
    from tenants.models import Group
    from tests.conftest import World

Kind = Event.Kind


@pytest.fixture(autouse=True)
def _personal(world: World) -> None:
    world.kanarra.personal_devices = True
    world.kanarra.save()


def place(world: World, device: Device, group: Group, person: User | None = None) -> None:
    fresh = Device.objects.select_related("organisation", "version").get(pk=device.pk)
    given: dict[str, Any] = {"group": group, "name": "Pump", "model": None, "by": world.owner}
    assignments.assign(device=fresh, **given, person=person)


def read(reader: User, device: Device) -> list[Entry]:
    fresh = User.objects.get(pk=reader.pk)
    rows = merged_paging.find_page(list_sources(fresh, Filters(device=device.serial)), 50).rows
    return build_entries(fresh, rows)


def details(reader: User, device: Device) -> list[tuple[str, str]]:
    placed = (Kind.PROVISIONED, Kind.MOVED, Kind.ASSIGNED, Kind.UNASSIGNED)
    return [(each.kind, each.details) for each in read(reader, device) if each.kind in placed]


def test_for_whom_a_device_is_placed_and_whose_it_was(world: World) -> None:
    User.objects.filter(pk=world.viewer.pk).update(name="Robin")
    place(world, world.waiting, world.anaheim, world.viewer)
    place(world, world.waiting, world.anaheim)
    place(world, world.waiting, world.anaheim, world.technician)
    for reader in (world.owner, world.admin):
        assert details(reader, world.waiting) == [
            (Kind.ASSIGNED, "for technician@sadler.example"),
            (Kind.UNASSIGNED, "Robin"),
            (Kind.PROVISIONED, "for Robin"),
        ]


def test_of_somebody_outside_ones_groups_the_name_is_not_told(world: World) -> None:
    above = builders.make_user("above@kanarra.example", world.kanarra.root, Role.VIEWER)
    place(world, world.waiting, world.anaheim, above)
    assert details(world.owner, world.waiting) == [(Kind.PROVISIONED, "for above@kanarra.example")]
    assert details(world.admin, world.waiting) == [(Kind.PROVISIONED, "for somebody outside your groups")]


def test_to_whom_a_device_went_is_not_told_where_it_left(world: World) -> None:
    place(world, world.placed, world.boise, world.sibling)
    assert details(world.admin, world.placed)[0] == (Kind.MOVED, "")
    assert details(world.owner, world.placed)[0] == (
        Kind.MOVED,
        "for technician@tekton.example, from Kaiser Permanente Anaheim",
    )


@pytest.mark.parametrize(
    ("person", "sees"), [(None, True), ("viewer", False), ("reader", True)], ids=["nobody's", "another's", "one's own"]
)
def test_a_page_is_linked_where_one_sees_the_device_now(world: World, person: str | None, *, sees: bool) -> None:
    """Of a device that left the reader's own group for one in which they are a viewer."""
    ward = builders.make_group(world.region, "Ward")
    reader = builders.make_user("reader@sadler.example", ward, Role.ADMIN)
    Membership.objects.create(user=reader, group=world.anaheim, role=Role.VIEWER)
    place(world, world.waiting, ward)
    whose = reader if person == "reader" else getattr(world, person) if person else None
    place(world, world.waiting, world.anaheim, whose)
    found = read(reader, world.waiting)
    assert found
    assert {each.device for each in found} == {world.waiting.serial}
    assert {bool(each.page) for each in found} == {sees}
    assert {bool(each.page) for each in read(world.admin, world.waiting)} == {True}
