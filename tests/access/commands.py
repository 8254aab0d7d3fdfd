"""Commands to a device: whoever sees it sees them; who may send one, its recipe says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.commands import operations as commands
from devices.models import Device, RecipeVersion
from devices.recipes import command_lines
from tests.access import MEMBERS, Row, placed
from tests.builders import make_device

if TYPE_CHECKING:
    from tests.conftest import World


def declared(world: World) -> dict[str, object]:
    lines = command_lines.clean_lines([{"name": "start"}])
    RecipeVersion.objects.filter(pk=world.version.pk).update(commands=lines)
    return placed(world)


def named(world: World) -> dict[str, object]:
    return declared(world) | {"name": "start"}


def sent(world: World) -> dict[str, object]:
    declared(world)
    made = make_device(world.version, group=world.anaheim, by=world.owner)
    device = Device.objects.select_related("version", "group").get(pk=made.pk)
    return {
        "serial": device.serial,
        "key": commands.send(device=device, name="start", payload=None, by=world.owner).key,
    }


READ = (401, 200, 200, 200, 200, 404, 404)
ROWS: dict[str, Row] = {
    "devices:commands": Row(MEMBERS, kwargs=declared),
    "devices:command": Row((302, 404, 200, 200, 200, 404, 404), kwargs=named),
    "devices:api-commands": Row(READ, kwargs=declared),
    "devices:api-commands post": Row(
        (401, 400, 201, 201, 201, 404, 404), "post", kwargs=declared, data=lambda world: {"name": "start"}
    ),
    "devices:api-command": Row(READ, kwargs=sent),
    "devices:api-offered-commands": Row(READ, kwargs=declared),
}
