"""Doors: what devices call, and the pages and endpoints of the organisation's admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.models import Door, DoorContent
from tests.access import OWNER, OWNERS, Row, everybody
from tests.access import api as of_api
from tests.provisioning.doors.makers import Sdk, make_jwt_door, make_provisioning_token

if TYPE_CHECKING:
    from tests.conftest import World


def jwt_door(world: World) -> Door:
    """The world's one: a test may ask every row in turn, and a door's name is given once."""
    return Door.objects.filter(kind=Door.Kind.JWT).first() or make_jwt_door(world.version)


def door(world: World) -> dict[str, object]:
    return {"key": jwt_door(world).key}


def door_key(world: World) -> dict[str, object]:
    made = jwt_door(world)
    return {"key": made.key, "pk": made.keys.get().pk}


def profile_door(world: World) -> dict[str, object]:
    made, _ = Door.objects.get_or_create(
        organisation=world.kanarra, kind=Door.Kind.PROFILE, name="Trackers", recipe=world.version.recipe
    )
    return {"key": made.key}


def activate_door(world: World) -> dict[str, object]:
    made, _ = Door.objects.get_or_create(
        organisation=world.kanarra, kind=Door.Kind.ACTIVATE, name="Line 1", recipe=world.version.recipe
    )
    return {"key": made.key}


def door_content(world: World) -> dict[str, object]:
    shown = activate_door(world)
    door = Door.objects.get(kind=Door.Kind.ACTIVATE, organisation=world.kanarra)
    made, _ = DoorContent.objects.get_or_create(door=door, name="fw.bin", content_type="text/plain", size=1, data=b"x")
    return {**shown, "pk": made.pk}


def approval_door(world: World) -> dict[str, object]:
    made, _ = Door.objects.get_or_create(
        organisation=world.kanarra, kind=Door.Kind.APPROVAL, name="Field", recipe=world.version.recipe
    )
    return {"key": made.key}


def waiting_device(world: World) -> dict[str, str]:
    return {"serial": world.waiting.serial}


def waiting_operation(world: World) -> dict[str, object]:
    approval_door(world)
    door = Door.objects.get(kind=Door.Kind.APPROVAL)
    return {"key": Sdk(make_provisioning_token(door)).init("dev-0001").json()["provisioningOperationId"]}


def jwt(world: World) -> dict[str, object]:
    return {"kind": "jwt"}


#                anonymous viewer technician admin owner sibling stranger
REGISTRARS = (302, 404, 200, 200, 200, 200, 404)  # whoever registers devices in the organisation
POSTED = (302, 404, 404, 404, 302, 404, 404)
WRONG = (302, 404, 404, 404, 422, 404, 404)
WRONG_OWN = (302, 404, 404, 404, 422, 404, 422)

ROWS: dict[str, Row] = {
    "provisioning:door-jwt": Row(everybody(403), "post"),
    "provisioning:door-profile": Row(everybody(400), "post"),
    "provisioning:door-activate": Row(everybody(403), "post"),
    "device-download": Row(everybody(401)),
    "device-timestamp": Row(everybody(200)),
    "device-alias": Row(everybody(401)),
    "device-alias-api": Row(everybody(401), "post"),
    "device-record": Row(everybody(401), "post"),
    "device-record-api": Row(everybody(401), "post"),
    "provisioning:door-oauth-device": Row(everybody(401), "post"),
    "provisioning:door-oauth-token": Row(everybody(401), "post"),
    "provisioning:door-approval-init": Row(everybody(401), "post"),
    "provisioning:door-approval-complete": Row(everybody(401), "put"),
    "provisioning:door-approval-register": Row(everybody(401), "put"),
    "provisioning:door-approval-refresh": Row(everybody(401), "put"),
    "provisioning:doors": Row(OWNERS),
    "provisioning:door-new": Row(OWNERS, kwargs=jwt),
    "provisioning:door-create": Row(WRONG_OWN, "post", kwargs=jwt),
    "provisioning:door": Row(OWNER, kwargs=door),
    "provisioning:door-log": Row(OWNER, kwargs=door),
    "provisioning:door-log-stream": Row(OWNER, kwargs=door),
    "provisioning:door-edit": Row(OWNER, kwargs=door),
    "provisioning:door-change": Row(WRONG, "post", kwargs=door),
    "provisioning:door-end": Row(POSTED, "post", kwargs=door),
    "provisioning:door-key-end": Row(POSTED, "post", kwargs=door_key),
    "provisioning:door-jwt-keys": Row(WRONG, "post", kwargs=door),
    "provisioning:door-jwt-secret": Row(OWNER, "post", kwargs=door),
    "provisioning:door-profile-token": Row(OWNER, "post", kwargs=profile_door),
    "provisioning:door-activate-again": Row(WRONG, "post", kwargs=activate_door),
    "provisioning:api-door-open-again": Row((401, 404, 404, 404, 400, 404, 404), "post", kwargs=activate_door),
    "provisioning:door-content": Row(WRONG, "post", kwargs=activate_door),
    "provisioning:door-content-delete": Row(POSTED, "post", kwargs=door_content),
    "provisioning:api-door-content": Row(of_api.OWNER, kwargs=activate_door),
    "provisioning:api-door-content post": Row((401, 404, 404, 404, 415, 404, 404), "post", kwargs=activate_door),
    "provisioning:api-door-content-one": Row(of_api.OWNER, kwargs=door_content),
    "provisioning:api-door-content-one delete": Row(of_api.OWNER_DONE, "delete", kwargs=door_content),
    "provisioning:door-approval-token": Row(OWNER, "post", kwargs=approval_door),
    "provisioning:door-approval-revoke": Row(POSTED, "post", kwargs=approval_door, data=waiting_device),
    "provisioning:approvals": Row((302, 404, 200, 200, 200, 200, 200)),
    "provisioning:approvals-stream": Row((302, 404, 200, 200, 200, 200, 200)),
    "provisioning:approval": Row(REGISTRARS, kwargs=waiting_operation),
    "provisioning:approval-stream": Row(REGISTRARS, kwargs=waiting_operation),
    "provisioning:approve": Row((302, 404, 422, 302, 302, 422, 404), "post", kwargs=waiting_operation),
    "provisioning:approval-cancel": Row((302, 404, 302, 302, 302, 302, 404), "post", kwargs=waiting_operation),
    "provisioning:api-approvals": Row((401, 404, 200, 200, 200, 200, 200)),
    "provisioning:api-approval": Row((401, 404, 200, 200, 200, 200, 404), kwargs=waiting_operation),
    "provisioning:api-approve": Row((401, 404, 409, 200, 200, 409, 404), "post", kwargs=waiting_operation),
    "provisioning:api-approval-cancel": Row((401, 404, 200, 200, 200, 200, 404), "post", kwargs=waiting_operation),
    "provisioning:api-doors": Row(of_api.OWNERS),
    "provisioning:api-doors post": Row((401, 404, 404, 404, 400, 404, 400), "post"),
    "provisioning:api-door": Row(of_api.OWNER, kwargs=door),
    "provisioning:api-door patch": Row(of_api.OWNER, "patch", kwargs=door, data=lambda world: {"name": "Line 2"}),
    "provisioning:api-door-end": Row(of_api.OWNER, "post", kwargs=door),
    "provisioning:api-door-devices": Row(of_api.OWNER, kwargs=door),
    "provisioning:api-door-refusals": Row(of_api.OWNER, kwargs=door),
    "provisioning:api-door-keys": Row(of_api.OWNER, kwargs=door),
    "provisioning:api-door-keys post": Row((401, 404, 404, 404, 400, 404, 404), "post", kwargs=door),
    "provisioning:api-door-tokens": Row((401, 404, 404, 404, 201, 404, 404), "post", kwargs=profile_door),
    "provisioning:api-door-revoke": Row(of_api.OWNER_DONE, "post", kwargs=approval_door, data=waiting_device),
    "provisioning:api-door-key-end": Row(of_api.OWNER_DONE, "post", kwargs=door_key),
}
