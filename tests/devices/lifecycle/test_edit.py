"""An admin's edit of one device, and the menu that leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.lifecycle import assignments, edits
from devices.models import BulkAction, Device, Event
from devices.refusals import DEVICE_CHANGED
from tests.devices.doing import act
from tests.refused import refused

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

GOOD = {"name": "  Roof   unit ", "description": "Behind the chimney", "tags": "site: roof\n\nfloor : 2: east\n"}


def test_what_is_written_is_kept_with_an_event(client: Client, world: World) -> None:
    client.force_login(world.admin)
    url = f"/devices/{world.placed.serial}/edit/"
    for _ in range(2):  # the second time nothing changes
        assert client.post(url, GOOD)["Location"] == world.placed.get_absolute_url()
    world.placed.refresh_from_db()
    assert world.placed.name == "Roof unit"
    assert world.placed.tags == {"site": "roof", "floor": "2: east"}
    event = Event.objects.get(kind="changed")
    assert (event.by, event.data["fields"]) == (world.admin, ["description", "name", "tags"])
    assert b"floor: 2: east" in client.get(url).content


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": "a\x07b"}, {"name": "x" * 121}, {"tags": "no colon"}, {"tags": "a: 1\na: 2"},
     {"tags": "1;: x"}, {"tags": ": x"}, {"tags": "\n".join(f"k{n}: x" for n in range(51))},
     {"description": "x" * 501}],
)  # fmt: skip
def test_what_can_not_be_kept_comes_back_with_its_reason(client: Client, world: World, wrong: dict[str, str]) -> None:
    client.force_login(world.admin)
    answer = client.post(f"/devices/{world.placed.serial}/edit/", GOOD | wrong)
    assert (answer.status_code, b"field-error" in answer.content) == (422, True)
    assert not Event.objects.filter(kind="changed").exists()


@pytest.mark.parametrize("who", ["technician", "viewer", "sibling", "stranger"])
def test_nobody_else_edits_it(client: Client, world: World, who: str) -> None:
    client.force_login(getattr(world, who))
    assert client.post(f"/devices/{world.placed.serial}/edit/", GOOD).status_code == 404
    assert not Device.objects.filter(name="Roof unit").exists()


def test_nothing_is_written_on_a_device_that_moved_on(world: World) -> None:
    stale = Device.objects.get(pk=world.placed.pk)
    assignments.assign(device=world.placed, group=world.boise, name="Theirs", model=None, by=world.owner)
    with refused(DEVICE_CHANGED):
        edits.change_device(device=stale, name="Mine", description="", tags={}, by=world.admin)
    assert not Device.objects.filter(name="Mine").exists()


def test_what_an_action_tagged_can_be_edited_and_what_it_tagged_meanwhile_is_not_lost(world: World) -> None:
    """However the database spells the tags."""
    chosen = Device.objects.filter(pk=world.placed.pk)
    act(BulkAction.Kind.TAG, world.owner, chosen, tag="site", value="Zürich Süd")
    read = chosen.get()
    assert edits.change_device(device=read, name="Roof unit", tags={**read.tags, "floor": "2"}, by=world.admin)
    stale = chosen.get()
    act(BulkAction.Kind.TAG, world.owner, chosen, tag="line", value="7")
    with refused(DEVICE_CHANGED):
        edits.change_device(device=stale, name="Mine", tags={}, by=world.admin)
    assert chosen.get().tags == {"site": "Zürich Süd", "floor": "2", "line": "7"}


@pytest.mark.parametrize(("who", "offered"), [("admin", True), ("owner", True), ("technician", False)])
def test_the_menu_is_for_admins(client: Client, world: World, who: str, offered: bool) -> None:
    client.force_login(getattr(world, who))
    assert (b"Edit name and tags" in client.get(world.placed.get_absolute_url()).content) is offered
