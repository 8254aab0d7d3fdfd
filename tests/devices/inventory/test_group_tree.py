"""What the tree fetches when a group is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.inventory import group_tree
from tenants.tree import topmost
from tests import builders
from tests.devices.inventory.test_list import node_counts

if TYPE_CHECKING:
    from django.test import Client

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
