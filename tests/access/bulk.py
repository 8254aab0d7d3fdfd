"""Selecting devices, and actions on many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.models import Device
from tests.access import ADMINS, ANY_ADMIN, Row, placed
from tests.access.imports import importing
from tests.devices.doing import act, started

if TYPE_CHECKING:
    from tests.conftest import World


def action(world: World) -> dict[str, object]:
    """The admin's own; the owner sees it too."""
    return {"key": act("lock", world.admin, Device.objects.filter(pk=world.placed.pk)).key}


def waiting(world: World) -> dict[str, object]:
    return {"key": started("lock", world.admin, Device.objects.filter(pk=world.placed.pk)).key}


def chosen(world: World) -> dict[str, str]:
    return {"serial": world.placed.serial}


POSTED = (302, 404, 404, 302, 302, 404, 404)

ROWS: dict[str, Row] = {
    "devices:import-change": Row((302, 404, 404, 404, 409, 404, 404), "post", kwargs=importing),
    "devices:manage": Row((302, 404, 404, 302, 302, 404, 302)),
    "devices:act": Row(ANY_ADMIN, "post", data=chosen),
    "devices:run": Row((302, 404, 404, 422, 422, 404, 422), "post", data=chosen),
    "devices:export": Row(ANY_ADMIN, "post", data=chosen),
    "devices:actions": Row(ANY_ADMIN),
    "devices:action": Row(ADMINS, kwargs=action),
    "devices:action-stream": Row(ADMINS, kwargs=action),
    "devices:action-cancel": Row(POSTED, "post", kwargs=waiting),
    "devices:action-undo": Row(POSTED, "post", kwargs=action),
    "devices:action-result": Row((302, 404, 404, 404, 404, 404, 404), "post", kwargs=action),
    "devices:edit": Row(ADMINS, kwargs=placed),
    "devices:person": Row(ADMINS, kwargs=placed),
}
