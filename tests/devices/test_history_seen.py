"""Of what a device's history holds everybody sees their own part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.models import BulkAction, Event
from tenants.models import Role
from tests import builders
from tests.devices.api import Program
from tests.devices.scene import MOVES

if TYPE_CHECKING:
    from tests.devices.scene import Scene

Kind = BulkAction.Kind


@pytest.mark.parametrize("door", MOVES)
def test_a_move_names_its_groups_for_the_log_alone(scene: Scene, door: str) -> None:
    """Nobody who sees the device is shown where it was before, nor what happened there."""
    world = scene.world
    world.anaheim.name = "Canary ward"
    world.anaheim.save()
    MOVES[door](scene)
    (moved,) = Event.objects.filter(device=scene.device, kind="moved")
    assert (moved.data["from"], moved.data["to"]) == (world.anaheim.pk, world.boise.pk)
    tekton = builders.make_user("admin@tekton.example", world.tekton, Role.ADMIN)
    theirs = Program(tekton)
    (shown,) = theirs.get(f"devices/{scene.device.serial}/events/").json()["results"]
    assert (shown["kind"], set(shown)) == ("moved", {"id", "kind", "at", "by"})
    for page in ("", "events/"):
        html = theirs.client.get(f"/devices/{scene.device.serial}/{page}")
        assert html.status_code == 200
        assert "Canary" not in html.content.decode()
    assert Program(world.admin).get(f"devices/{scene.device.serial}/events/").status_code == 404


def test_who_gets_it_back_sees_its_own_part(scene: Scene) -> None:
    scene.undo(Kind.MOVE, group=scene.world.boise.pk)
    mine = Program(scene.world.admin).get(f"devices/{scene.device.serial}/events/").json()["results"]
    assert [row["kind"] for row in mine] == ["moved", "provisioned"]
