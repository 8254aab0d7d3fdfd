"""Gateways that speak for a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.ties import operations as ties
from tests.access import ADMINS, Row, placed
from tests.builders import make_device

if TYPE_CHECKING:
    from tests.conftest import World


def beside(world: World) -> dict[str, str]:
    return {"gateway": make_device(world.version, group=world.anaheim, by=world.owner).serial}


def tied(world: World) -> dict[str, object]:
    gateway = make_device(world.version, group=world.anaheim, by=world.owner)
    ties.tie(device=world.placed, gateway=gateway, by=world.owner)
    return placed(world) | {"gateway": gateway.serial}


READ = (401, 200, 200, 200, 200, 404, 404)
ROWS: dict[str, Row] = {
    "devices:gateways": Row(ADMINS, kwargs=placed),
    "devices:gateway-untie": Row((302, 404, 404, 302, 302, 404, 404), "post", kwargs=tied),
    "devices:api-gateways": Row(READ, kwargs=placed),
    "devices:api-gateways post": Row((401, 404, 404, 201, 201, 404, 404), "post", kwargs=placed, data=beside),
    "devices:api-gateway": Row(READ, kwargs=tied),
    "devices:api-gateway delete": Row((401, 404, 404, 204, 204, 404, 404), "delete", kwargs=tied),
    "devices:api-spoken-for": Row(READ, kwargs=placed),
}
