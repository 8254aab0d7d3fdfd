"""The people-facing API, its documentation, and the pages for its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.models import Role
from tenants.tokens import operations as tokens
from tests.access import OPEN, SIGNED_IN, Row, everybody, placed
from tests.access.main import blinking, window
from tests.access.people import invite

if TYPE_CHECKING:
    from tests.conftest import World


def sadler(world: World) -> dict[str, object]:
    return {"pk": world.sadler.pk}


def region(world: World) -> dict[str, object]:
    return {"pk": world.region.pk}


def recipe(world: World) -> dict[str, object]:
    return {"pk": world.version.recipe_id}


def token(world: World) -> dict[str, object]:
    made = tokens.create(by=world.technician, name="Script", group=world.anaheim, role=Role.VIEWER)
    return {"pk": made.token.pk}


def technician(world: World) -> dict[str, object]:
    return {"pk": world.technician.pk}


def membership(world: World) -> dict[str, object]:
    return {"pk": world.technician.pk, "membership": world.technician.memberships.get().pk}


def invitation(world: World) -> dict[str, object]:
    return {"pk": invite(world).pk}


ANYBODY = everybody(200, anonymous=401)
MEMBERS = (401, 200, 200, 200, 200, 404, 404)  # of the placed device's group
ADMINS = (401, 404, 404, 200, 200, 404, 404)  # of the placed device's group
REFUSED = (401, 404, 404, 400, 400, 404, 404)  # the same, with something to mend
OWNER = (401, 404, 404, 404, 200, 404, 404)  # of the organisation
OWNERS = (401, 404, 404, 404, 200, 404, 200)  # each of their own
ANY_ADMIN = (401, 404, 404, 200, 200, 404, 200)  # each of their own
DONE = (401, 404, 404, 204, 204, 404, 404)
OWNER_DONE = (401, 404, 404, 404, 204, 404, 404)
MY_WINDOW = (401, 404, 200, 404, 404, 404, 404)
TOLD = everybody(400, anonymous=401)  # about what was sent; nothing is done

ROWS: dict[str, Row] = {
    "api-schema": Row(OPEN),
    "api-schema-yaml": Row(OPEN),
    "api-docs": Row(OPEN),
    "tenants:tokens": Row(SIGNED_IN),
    "tenants:token-create": Row(everybody(422, anonymous=302), "post"),
    "tenants:token-revoke": Row((302, 404, 302, 302, 302, 404, 404), "post", kwargs=token),
    "tenants:api-me": Row(ANYBODY),
    "tenants:api-groups": Row(ANYBODY),
    "tenants:api-groups post": Row(TOLD, "post", data=lambda world: {"name": "New"}),
    "tenants:api-group": Row(MEMBERS, kwargs=sadler),
    "tenants:api-group patch": Row(ADMINS, "patch", kwargs=sadler, data=lambda world: {"name": "Sadler"}),
    "tenants:api-group delete": Row((401, 404, 404, 400, 400, 404, 404), "delete", kwargs=region),
    "tenants:api-group-move": Row(REFUSED, kwargs=region),
    "tenants:api-group-move post": Row(REFUSED, "post", kwargs=region),
    "tenants:api-group-archive": Row(REFUSED, "post", kwargs=region),
    "tenants:api-group-restore": Row(ADMINS, "post", kwargs=region),
    "tenants:api-people": Row(ANY_ADMIN),
    "tenants:api-person": Row(ADMINS, kwargs=technician),
    "tenants:api-person delete": Row(OWNER_DONE, "delete", kwargs=technician),
    "tenants:api-person-disable": Row(OWNER, "post", kwargs=technician),
    "tenants:api-person-enable": Row(OWNER, "post", kwargs=technician),
    "tenants:api-membership": Row(REFUSED, "patch", kwargs=membership),
    "tenants:api-membership delete": Row(DONE, "delete", kwargs=membership),
    "tenants:api-invitations": Row(ANY_ADMIN),
    "tenants:api-invitations post": Row((401, 404, 404, 400, 400, 404, 400), "post"),
    "tenants:api-invitation": Row(ADMINS, kwargs=invitation),
    "tenants:api-invitation delete": Row(DONE, "delete", kwargs=invitation),
    "tenants:api-invitation-again": Row((401, 404, 404, 201, 201, 404, 404), "post", kwargs=invitation),
    "tenants:api-settings": Row(OWNERS),
    "tenants:api-settings patch": Row(OWNERS, "patch", data=lambda world: {"colour": "#0f5cc0"}),
    "tenants:api-changes": Row(ANY_ADMIN),
    "provisioning:api-journal": Row(ANY_ADMIN),
    "provisioning:api-journal-day": Row(ANY_ADMIN),
    "tenants:api-tokens": Row(ANYBODY),
    "tenants:api-token": Row((401, 404, 200, 200, 200, 404, 404), kwargs=token),
    "tenants:api-token delete": Row((401, 404, 204, 204, 204, 404, 404), "delete", kwargs=token),
    "devices:api-devices": Row(ANYBODY),
    "devices:api-devices post": Row((401, 404, 404, 404, 400, 404, 400), "post"),
    "devices:api-device": Row(MEMBERS, kwargs=placed),
    "devices:api-device patch": Row(ADMINS, "patch", kwargs=placed, data=lambda world: {"name": "Renamed"}),
    "devices:api-device-assign": Row(REFUSED, "post", kwargs=placed),
    "devices:api-device-release": Row((401, 404, 404, 204, 204, 404, 404), "post", kwargs=placed),
    "devices:api-device-events": Row(MEMBERS, kwargs=placed),
    "devices:api-device-label": Row(MEMBERS, kwargs=placed),
    "devices:api-models": Row(ANYBODY),
    "devices:api-recipes": Row(OWNERS),
    "devices:api-recipe": Row(OWNER, kwargs=recipe),
    "devices:api-recipe-versions": Row(OWNER, kwargs=recipe),
    "telemetry:api-telemetry": Row(MEMBERS, kwargs=placed, data=lambda world: {"attribute": "rpm"}),
    "devices:api-connections": Row(MEMBERS, kwargs=placed),
    "telemetry:api-overview": Row((401, 200, 200, 200, 200, 404, 404), kwargs=lambda world: {"pk": world.sadler.pk}),
    "telemetry:api-latest": Row(MEMBERS, kwargs=placed),
    "telemetry:api-timeline": Row(MEMBERS, kwargs=placed),
    "telemetry:api-reports-csv": Row(MEMBERS, kwargs=placed),
    "telemetry:api-reports-parquet": Row(MEMBERS, kwargs=placed),
    "telemetry:api-dropped": Row(MEMBERS, kwargs=placed),
    "provisioning:api-windows": Row(
        (401, 404, 404, 404, 404, 404, 404), "post", data=lambda world: {"text": "NOSUCHDEVICE"}
    ),
    "provisioning:api-window": Row(MY_WINDOW, kwargs=window),
    "provisioning:api-prove": Row((401, 404, 400, 404, 404, 404, 404), "post", kwargs=window),
    "provisioning:api-complete": Row((401, 404, 400, 404, 404, 404, 404), "post", kwargs=window),
    "provisioning:api-identify": Row((401, 404, 204, 404, 404, 404, 404), "post", kwargs=blinking),
    "provisioning:api-cancel": Row(MY_WINDOW, "post", kwargs=window),
}
