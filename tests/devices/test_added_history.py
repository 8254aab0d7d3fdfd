"""A device that is added leaves the same history, by page, API or file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices import imports
from devices.models import Device, Event, Import, RecipeVersion

if TYPE_CHECKING:
    from tests.devices.scene import Door, Scene


def add_by_page(scene: Scene) -> None:
    recipe = scene.world.version.recipe_id
    scene.ok(
        scene.page.post("/devices/new/one/", {"recipe": recipe, "serial": "ADDED1", "group": scene.world.boise.pk})
    )


def add_by_api(scene: Scene) -> None:
    scene.ok(scene.api.post("devices/", {"recipe": scene.world.version.recipe_id, "serial": "ADDED1"}))
    scene.ok(scene.api.post("devices/ADDED1/assign/", {"group": scene.world.boise.pk}))


def add_by_csv(scene: Scene) -> None:
    world = scene.world
    text = b"Serial,Group\nADDED1,Tekton Health / Boise\n"
    importing = imports.upload(by=world.owner, version=world.version, name="one.csv", chunks=[text])
    given = {name: getattr(importing, name) for name in ("columns", "encoding", "delimiter")}
    given |= {"group": None, "all_or_nothing": False, "name_pattern": ""}
    assert imports.match(importing=importing, by=world.owner, **given)
    imports.work(importing.pk)
    assert imports.start(importing=Import.objects.get(), by=world.owner)
    imports.work(importing.pk)


@pytest.mark.parametrize("door", [add_by_page, add_by_api, add_by_csv])
@pytest.mark.parametrize(("kind", "data"), [("access-key", ["access_key"]), ("activation", [])])
def test_an_added_device_has_one_history(scene: Scene, door: Door, kind: str, data: list[str]) -> None:
    RecipeVersion.objects.update(identity={"kind": "opaque"}, credential_kind=kind)
    scene.world.version.refresh_from_db()
    door(scene)
    device = Device.objects.get(serial="ADDED1")
    rows = Event.objects.filter(device=device).order_by("pk")
    assert [(row.kind, sorted(row.data), row.assignment_id, row.by) for row in rows] == [
        ("registered", data, None, scene.world.owner),
        ("provisioned", [], device.assignment_id, scene.world.owner),
    ]
