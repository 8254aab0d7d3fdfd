"""The door of signed tokens: what is kept of it, and how a device comes in by it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db.models import TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from lib.prepared import prepared
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.jwt import tokens
from provisioning.doors.jwt.tokens import AtDoor, Keyed
from provisioning.doors.refused_attempts import note_refusal
from provisioning.doors.registration import Once, counted_at, find_device, register_by_door
from provisioning.models import Door, DoorKey, JwtIssuer

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from provisioning.doors.registration import Registered
    from tenants.models import Organisation

MOST_DOORS = 20  # of an issuer, the open ones first


def register(*, token: object, identity: str, address: str | None, organisation: Organisation | None) -> Registered:
    """Let in the device that shows the token. Raises Refusal, which is counted at the door that it came to."""
    read = tokens.read_token(token)
    doors = find_doors(read.issuer, organisation)
    if not doors:
        raise Refusal(refusals.DOOR_UNKNOWN)
    try:
        door, key, claims = tokens.check_token(read, doors)
    except AtDoor as refused:
        about = find_device(refused.door, identity)
        note_refusal(refused.refusal, door=refused.door, identity=identity, device=about)
        raise refused.refusal from None
    except Refusal as refusal:
        first = doors[0].door
        note_refusal(refusal, door=first, identity=identity, device=find_device(first, identity))
        raise
    once = Once(claims["jti"], _read_end(claims)) if door.settings.get("once") else None
    with counted_at(door, identity=identity):
        return register_by_door(door=door, key=key, identity=identity, address=address, once=once)


def refuse_nameless(*, token: object, organisation: Organisation | None) -> Refusal:
    """Return the refusal of a device that says no identity, counted at the door whose key signed its token, if one
    did."""
    refusal = Refusal(refusals.DOOR_NO_IDENTITY)
    with suppress(Refusal):
        read = tokens.read_token(token)
        try:
            door = tokens.check_token(read, find_doors(read.issuer, organisation)).door
        except AtDoor as refused:
            door = refused.door
        note_refusal(refusal, door=door)
    return refusal


def _read_end(claims: dict[str, Any]) -> datetime | None:
    """Return when the token expires, of claims that were checked; None for never, and for beyond the calendar."""
    try:
        return datetime.fromtimestamp(int(claims["exp"]), UTC) if "exp" in claims else None
    except (ValueError, OverflowError, OSError):
        return None


def find_doors(issuer: str, organisation: Organisation | None) -> list[Keyed]:
    """Return the doors that take the issuer's tokens, the newest first, each with its keys: of the one organisation
    whose the issuer is."""
    doors = _select_doors(issuer, organisation.pk if organisation else None)
    keys: dict[int, list[DoorKey]] = {}
    for key in _select_keys(tuple(door.pk for door in doors)):
        keys.setdefault(key.door_id, []).append(key)
    return [Keyed(door, keys.get(door.pk, [])) for door in doors]


@prepared
def _select_doors(issuer: str, organisation: int | None) -> QuerySet[Door]:
    owner = JwtIssuer.objects.filter(name=issuer)
    if organisation is not None:
        owner = owner.filter(organisation=organisation)
    doors = Door.objects.with_state().filter(organisation__in=owner.values("organisation"), kind=Door.Kind.JWT)
    own = doors.alias(issuer=Cast(KT("settings__issuer"), TextField())).filter(issuer=issuer)
    return own.select_related("recipe").order_by("-pk")[:MOST_DOORS]


@prepared
def _select_keys(doors: tuple[int, ...]) -> QuerySet[DoorKey]:
    return DoorKey.objects.with_state().filter(door__in=doors).order_by("-ended_at", "-pk")
