"""Whatever changes a device's group changes the count of its leaf, and the tree adds up counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from django.db.models import Count

from devices.inventory import group_tree
from devices.lifecycle import assignments
from devices.models import Assignment, Device, GroupDeviceCount
from tenants.groups import operations as groups
from tenants.models import Group
from tests import builders

if TYPE_CHECKING:
    from tests.conftest import World


def tallied() -> dict[int, int]:
    return dict(GroupDeviceCount.objects.exclude(devices=0).values_list("group_id", "devices"))


def counted() -> dict[int, int]:
    rows = Device.objects.exclude(group=None).order_by().values_list("group_id").annotate(number=Count("pk"))
    return {group: number for group, number in rows if group is not None}


def test_it_follows_assignments_and_releases(world: World) -> None:
    assert tallied() == counted() == {world.anaheim.pk: 1, world.boise.pk: 1, world.other_site.pk: 1}
    assignments.assign(device=world.placed, group=world.boise, name="x", model=None, by=world.owner)
    assert tallied() == counted() == {world.boise.pk: 2, world.other_site.pk: 1}
    assignments.release(device=world.placed, by=world.owner)
    assert tallied() == counted() == {world.boise.pk: 1, world.other_site.pk: 1}


def test_it_follows_many_at_once(world: World) -> None:
    made = [builders.make_device(world.version) for _ in range(30)]
    opened = Assignment.objects.bulk_create(Assignment(device=device, group=world.boise) for device in made)
    for device, assignment in zip(made, opened, strict=True):
        device.group, device.assignment = world.boise, assignment
    Device.objects.bulk_update(made, ["group", "assignment"])
    assert tallied()[world.boise.pk] == 31
    moved = Device.objects.filter(pk__in=[device.pk for device in made[:10]])
    moved.update(group=world.anaheim)
    assert tallied() == counted()
    moved.update(name="the group is not touched")
    assert tallied() == counted()
    moved.update(group=None, assignment=None)
    Assignment.objects.filter(device__in=moved).delete()
    moved.delete()
    assert tallied() == counted() == {world.anaheim.pk: 1, world.boise.pk: 21, world.other_site.pk: 1}


def test_it_follows_what_is_made_in_a_group_at_once(world: World) -> None:
    with transaction.atomic():
        if connection.vendor == "postgresql":
            connection.cursor().execute("SET CONSTRAINTS ALL DEFERRED")
        device = Device.objects.get(pk=builders.make_device(world.version).pk)
        assignment = Assignment.objects.create(device=device, group=world.boise)
        Assignment.objects.filter(pk=assignment.pk).update(device=world.waiting)
        device.delete()
        device = Device(organisation=world.kanarra, version=world.version, serial="MADEINPLACE", name="In place")
        device.group, device.assignment = world.boise, assignment
        device.save()
    assert tallied() == counted()
    assert tallied()[world.boise.pk] == 2


def test_nothing_is_tallied_of_what_was_rolled_back(world: World) -> None:
    before = tallied()
    with transaction.atomic():
        assignments.assign(device=world.waiting, group=world.boise, name="x", model=None, by=world.owner)
        assert tallied() != before
        transaction.set_rollback(True)
    assert tallied() == before


@pytest.mark.parametrize("current", ["root", "sadler", "region", "anaheim", "boise"])
def test_the_tree_adds_them_up(world: World, current: str) -> None:
    for _ in range(3):
        builders.make_device(world.version, group=world.anaheim, by=world.owner)
    group = world.kanarra.root if current == "root" else getattr(world, current)
    nodes = {
        node.group.pk: node for node in every(group_tree.build_outline(world.owner, Group.objects.get(pk=group.pk)))
    }
    for pk, node in nodes.items():
        below = Device.objects.filter(group__path__startswith=Group.objects.get(pk=pk).path)
        assert node.count == below.count(), node.group


def every(nodes: list[group_tree.Node]) -> list[group_tree.Node]:
    return [node for top in nodes for node in (top, *every(top.children))]


def test_an_emptied_group_can_go(world: World) -> None:
    group = builders.make_group(world.kanarra.root, "Short")
    device = builders.make_device(world.version, group=group, by=world.owner)
    assignments.release(device=device, by=world.owner)
    assert not GroupDeviceCount.objects.filter(group=group, devices__gt=0).exists()
    device.assignments.all().delete()
    device.events.all().delete()
    groups.delete(group=group, by=world.owner)
    assert not GroupDeviceCount.objects.filter(group=group.pk).exists()
