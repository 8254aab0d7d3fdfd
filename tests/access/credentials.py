"""A device's credentials, its lock and its activation: for the admins of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.credentials import operations as credentials
from devices.models import Credential
from tests.access import ADMINS, Row, everybody, placed

if TYPE_CHECKING:
    from tests.conftest import World


def one(world: World) -> dict[str, object]:
    issued = credentials.issue_credential(device=world.placed, by=None)
    return placed(world) | {"pk": Credential.objects.get(access_key=issued.access_key).pk}


DONE = (302, 404, 404, 302, 302, 404, 404)

ROWS: dict[str, Row] = {
    "devices:credentials": Row(ADMINS, kwargs=placed),
    "devices:credential-issue": Row(ADMINS, "post", kwargs=placed),
    "devices:credential-rotate": Row(ADMINS, "post", kwargs=placed, data=lambda world: {"ends": "first-use"}),
    "devices:presence-secret-make": Row(ADMINS, "post", kwargs=placed, data=lambda world: {"method": "claim-code"}),
    "devices:credential-revoke": Row(DONE, "post", kwargs=one),
    "devices:credential-revoke-all": Row(DONE, "post", kwargs=placed),
    "devices:lock": Row(DONE, "post", kwargs=placed),
    "devices:unlock": Row(DONE, "post", kwargs=placed),
    "devices:emqx-connect": Row(everybody(404), "post"),
    "devices:emqx-may": Row(everybody(404), "post"),
    "devices:mosquitto-connect": Row(everybody(404), "post"),
    "devices:mosquitto-may": Row(everybody(404), "post"),
    "devices:open-again": Row((302, 404, 404, 409, 409, 404, 404), "post", kwargs=placed),
}
