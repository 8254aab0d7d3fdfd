"""Hooks: the pages and endpoints of the organisation's admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.lifecycle import assignments
from devices.models import Device
from provisioning.hooks import operations, planning
from provisioning.models import Hook, HookRun
from tests.access import OWNER, OWNERS, Row
from tests.access import api as of_api
from tests.access.doors import POSTED, WRONG, WRONG_OWN

if TYPE_CHECKING:
    from tests.conftest import World

URL = "https://join.example/hooks"


def make_hook(world: World) -> Hook:
    """The world's one: a test may ask every row in turn."""
    if made := Hook.objects.filter(organisation=world.kanarra, name="Join server").first():
        return made
    return operations.create_hook(organisation=world.kanarra, name="Join server", url=URL, by=world.owner)[0]


def hook(world: World) -> dict[str, object]:
    return {"key": make_hook(world).key}


def make_run(world: World) -> HookRun:
    """Of a device that was released after the hook was made."""
    make_hook(world)
    if not HookRun.objects.filter(organisation=world.kanarra).exists():
        assignments.release(device=Device.objects.get(pk=world.foreign.pk), by=world.owner)
        planning.plan_all()
    return HookRun.objects.filter(organisation=world.kanarra).latest("pk")


def run(world: World) -> dict[str, object]:
    return {"key": make_run(world).key}


def call(world: World) -> dict[str, object]:
    return {"key": make_run(world).key, "position": 1}


ROWS: dict[str, Row] = {
    "provisioning:hooks": Row(OWNERS),
    "provisioning:hook-new": Row(OWNERS),
    "provisioning:hook-create": Row(WRONG_OWN, "post"),
    "provisioning:hook-runs": Row(OWNERS),
    "provisioning:hook-run": Row(OWNER, kwargs=run),
    "provisioning:hook-run-call": Row(OWNER, kwargs=call),
    "provisioning:hook-call-repeat": Row(POSTED, "post", kwargs=call),
    "provisioning:hook-call-skip": Row(POSTED, "post", kwargs=call),
    "provisioning:hook": Row(OWNER, kwargs=hook),
    "provisioning:hook-edit": Row(OWNER, kwargs=hook),
    "provisioning:hook-change": Row(WRONG, "post", kwargs=hook),
    "provisioning:hook-secret": Row(OWNER, "post", kwargs=hook),
    "provisioning:hook-repeat": Row(POSTED, "post", kwargs=hook),
    "provisioning:hook-end": Row(POSTED, "post", kwargs=hook),
    "provisioning:api-hooks": Row(of_api.OWNERS),
    "provisioning:api-hooks post": Row((401, 404, 404, 404, 400, 404, 400), "post"),
    "provisioning:api-hook": Row(of_api.OWNER, kwargs=hook),
    "provisioning:api-hook patch": Row(of_api.OWNER, "patch", kwargs=hook, data=lambda world: {"name": "Join"}),
    "provisioning:api-hook-secret": Row((401, 404, 404, 404, 201, 404, 404), "post", kwargs=hook),
    "provisioning:api-hook-repeat": Row(of_api.OWNER, "post", kwargs=hook),
    "provisioning:api-hook-end": Row(of_api.OWNER, "post", kwargs=hook),
    "provisioning:api-hook-runs": Row(of_api.OWNERS),
    "provisioning:api-hook-run": Row(of_api.OWNER, kwargs=run),
    "provisioning:api-hook-call-repeat": Row(of_api.OWNER, "post", kwargs=call),
    "provisioning:api-hook-call-skip": Row(of_api.OWNER, "post", kwargs=call),
}
