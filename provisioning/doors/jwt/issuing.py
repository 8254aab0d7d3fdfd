"""The admin's side of a door of signed tokens: whose an issuer is, and which keys sign."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from lib.refusals import Refusal
from provisioning.doors import operations, refusals
from provisioning.doors.jwt import keys
from provisioning.models import Door, DoorKey, JwtIssuer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenants.models import User


def claim_issuer(door: Door) -> None:
    """Take the issuer's name for the door's organisation. Raises Refusal where another has it."""
    name = door.settings["issuer"]
    issuer, _ = JwtIssuer.objects.get_or_create(name=name, defaults={"organisation": door.organisation})
    if issuer.organisation_id != door.organisation_id:
        raise Refusal(refusals.DOOR_ISSUER_TAKEN, field="issuer")


def add_signing_keys(*, door: Door, given: Sequence[keys.Given], by: User) -> list[DoorKey]:
    """Let tokens count that these keys sign. Raises Refusal."""
    made = [DoorKey(name=each.name, algorithm=each.algorithm, material=keys.keep(each)) for each in given]
    if strange := next((key.algorithm for key in made if key.algorithm not in door.settings.get("algorithms", ())), ""):
        raise Refusal(refusals.DOOR_KEY_ALGORITHM, algorithm=strange)
    operations.add_keys(door=door, keys=made, by=by)
    return made


def make_shared_secret(*, door: Door, by: User) -> str:
    """Return a new secret for HS256, which is shown this once. Raises Refusal."""
    secret = secrets.token_urlsafe(32)
    add_signing_keys(door=door, given=[keys.read_secret(secret)], by=by)
    return secret
