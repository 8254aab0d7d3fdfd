"""Doors of each kind, and how a device knocks at each with what counts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tests import certificates
from tests.provisioning.doors import test_certified as certified
from tests.provisioning.doors.makers import Sdk, make_approval_door, make_jwt_door, register
from tests.provisioning.doors.test_activate import make_door, send
from tests.provisioning.doors.test_device_grant import OauthClient
from tests.provisioning.doors.test_profile import ask as ask_profile
from tests.provisioning.doors.test_profile import make_profile_door

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.models import Door
    from tests.conftest import World

    Knock = Callable[[str], Any]


class Site(NamedTuple):
    """Hold a door, and how a device knocks there with what counts, for an identity."""

    world: World
    door: Door
    token: str
    knock: Knock


def knock_certified(world: World, identity: str, **extra: Any) -> Any:
    return certified.send(certificates.make(identity), certified.ACTIVATE, "", **extra)


def open_door(name: str, world: World) -> Site:
    token = ""
    if name == "jwt":
        door, knock = make_jwt_door(world.version), register
    elif name == "profile":
        door, token = make_profile_door(world.version)
        knock = partial(_ask_profile, token)
    elif name in ("approval", "oauth"):
        door, token = make_approval_door(world.version)
        knock = partial(_init if name == "approval" else _authorize, token)
    elif name == "activate":
        door, knock = make_door(world.version), partial(_activate)
    else:
        door = make_door(world.version, settings={"authentication": "certificate", "authorities": ""})
        knock = partial(knock_certified, world)
    return Site(world, door, token, knock)


def _ask_profile(token: str, identity: str) -> Any:
    return ask_profile(token, hardwareId=identity)


def _init(token: str, identity: str) -> Any:
    return Sdk(token).init(identity)


def _authorize(token: str, identity: str) -> Any:
    return OauthClient(token).authorize(device_id=identity)


def _activate(identity: str) -> Any:
    return send(f"id={identity}")
