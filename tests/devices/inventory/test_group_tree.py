"""What the tree fetches when a group is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from devices.inventory import group_tree
from devices.models import Attention, Device
from tenants.models import Group, Role, User
from tenants.tree import topmost
from tests import builders
from tests.devices.inventory.test_list import node_counts

if TYPE_CHECKING:
    from django.test import Client

    from devices.inventory.group_tree import Node
    from tests.conftest import World


def test_children_with_their_counts(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    body = client.get(f"/groups/{world.region.pk}/tree/").content.decode()
    assert node_counts(body) == {"Kaiser Permanente Anaheim": 1}
    assert "<html" not in body


def test_strangers_are_sent_to_the_door(client: Client, world: World) -> None:
    assert client.get(f"/groups/{world.region.pk}/tree/").status_code == 302


@pytest.mark.parametrize("who", ["viewer", "stranger"])
def test_others_groups_are_not_there(client: Client, world: World, who: str) -> None:
    client.force_login(getattr(world, who))
    foreign, absent = client.get(f"/groups/{world.tekton.pk}/tree/"), client.get("/groups/999999/tree/")
    assert foreign.status_code == absent.status_code == 404
    assert (foreign.content, dict(foreign.headers)) == (absent.content, dict(absent.headers))


def test_many_children_come_in_pages(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_tree, "SHOWN", 3)
    for index in range(8):
        builders.make_group(world.tekton, f"Site {index}")
    client.force_login(world.sibling)
    first = client.get("/").content.decode()
    assert "Site 1" in first
    assert "Site 2" not in first
    assert "6 more" in first
    rest = client.get(f"/groups/{world.tekton.pk}/tree/", {"skip": 3}).content.decode()
    assert list(node_counts(rest)) == ["Site 2", "Site 3", "Site 4"]
    assert "?skip=6" in rest
    assert "more" not in client.get(f"/groups/{world.tekton.pk}/tree/", {"skip": 6}).content.decode()
    assert client.get(f"/groups/{world.tekton.pk}/tree/", {"skip": "x"}).status_code == 200


def test_the_current_group_is_always_in_the_tree(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_tree, "SHOWN", 2)
    groups = [builders.make_group(world.tekton, f"Site {index}") for index in range(5)]
    client.force_login(world.sibling)
    assert "Site 4" in node_counts(client.get("/", {"group": groups[4].pk}).content.decode())


def test_topmost() -> None:
    assert topmost(["00010002", "0001", "00020001", "00020003", "000100020003"]) == [
        "0001",
        "00020001",
        "00020003",
    ]
    assert topmost([]) == []


def test_somebody_without_groups(client: Client, world: World) -> None:
    world.viewer.memberships.all().delete()
    client.force_login(world.viewer)
    body = client.get("/").content.decode()
    assert node_counts(body) == {}
    assert "No devices yet" in body


def outline(nodes: list[Node]) -> list[tuple[str, int, int]]:
    """Of each node in its order: name, devices, and how deep it stands."""
    told, depth = [], 0
    for step in group_tree.walk_steps(nodes):
        if step.kind == "begin":
            told.append((step.node.group.name, step.node.count, depth))
        depth += {"begin": 1, "end": -1}.get(step.kind, 0)
    assert depth == 0
    return told


def test_the_outline_is_opened_to_the_current_group(world: World) -> None:
    both = builders.make_user("both@kanarra.example", world.tekton, Role.VIEWER)
    both.memberships.create(group=world.region, role=Role.VIEWER)
    user = User.objects.get(pk=both.pk)
    assert outline(group_tree.build_outline(user)) == [("Los Angeles", 1, 0), ("Tekton Health", 1, 0)]
    opened = group_tree.build_outline(user, world.anaheim)
    assert outline(opened) == [
        ("Los Angeles", 1, 0),
        ("Kaiser Permanente Anaheim", 1, 1),
        ("Tekton Health", 1, 0),
    ]
    assert [(node.open, node.current, node.lazy) for node in (*opened, *opened[0].children)] == [
        (True, False, False),
        (False, False, True),
        (True, True, False),
    ]


def test_archived_groups_and_retired_devices_are_in_no_count(world: World) -> None:
    viewer = User.objects.get(pk=world.viewer.pk)
    builders.make_group(world.sadler, "Gone")
    Group.objects.filter(name="Gone").update(archived_at=timezone.now())
    Device.objects.filter(pk=world.placed.pk).update(retired_at=timezone.now())
    assert outline(group_tree.build_outline(viewer)) == [("Sadler-Isberg", 0, 0), ("Los Angeles", 0, 1)]
    assert [node.group.name for node in group_tree.fetch_children(viewer, world.sadler).children] == ["Los Angeles"]


def test_other_peoples_devices_are_counted_for_admins_alone(world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(person=world.viewer)
    for who, count in (("viewer", 1), ("technician", 0), ("admin", 1), ("owner", 1)):
        node = group_tree.fetch_children(User.objects.get(pk=getattr(world, who).pk), world.region)
        assert (node.count, [child.count for child in node.children]) == (count, [count]), who


def test_what_needs_attention_is_counted_along_its_path(world: World) -> None:
    viewer = User.objects.get(pk=world.viewer.pk)
    world.placed.refresh_from_db()
    for cause in ("silent", "fault"):  # of one device
        facts = {"organisation": world.kanarra, "assignment_id": world.placed.assignment_id}
        Attention.objects.create(device=world.placed, cause=cause, **facts)
    (top,) = group_tree.build_outline(viewer, world.anaheim)
    assert (top.needing, top.children[0].needing, top.children[0].children[0].needing) == (1, 1, 1)
    (plain,) = group_tree.build_outline(viewer, needing=False)
    assert plain.needing == 0
    assert group_tree.fetch_children(viewer, world.region).needing == 1
    assert group_tree.fetch_children(viewer, world.region, needing=False).needing == 0


def test_children_stand_by_name_whatever_their_case(world: World) -> None:
    for name in ("beta", "Alpha", "Gamma", "alpha 2"):
        builders.make_group(world.tekton, name)
    node = group_tree.fetch_children(User.objects.get(pk=world.sibling.pk), world.tekton)
    assert [child.group.name for child in node.children] == ["Alpha", "alpha 2", "beta", "Boise", "Gamma"]
    assert (node.more, node.lazy) == (0, False)


def test_a_trail_names_what_somebody_sees_above_a_group(world: World) -> None:
    def trail(who: str, group: Group) -> str:
        return group_tree.list_trails(User.objects.get(pk=getattr(world, who).pk), [group])[group.path]

    assert trail("owner", world.anaheim) == trail("viewer", world.anaheim) == "Sadler-Isberg › Los Angeles"
    assert trail("viewer", world.region) == "Sadler-Isberg"
    assert trail("owner", world.sadler) == trail("sibling", world.anaheim) == trail("stranger", world.boise) == ""
    assert group_tree.list_trails(world.owner, []) == {}
