"""The door of a shared token: a profile's devices ask with it for all that their MQTT client needs, and ask again."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import transaction

from devices import tags
from devices.credentials import operations as credentials
from devices.credentials.tokens import make_token as make_device_token
from devices.lifecycle import locks
from devices.models import Device
from devices.recipes.organisation_format import format_of
from lib import names
from lib.prepared import prepared
from lib.refusals import Refusal
from provisioning.doors import operations, refusals
from provisioning.doors.registration import Registered, check_policy, counted_at, find_device, register_by_door
from provisioning.doors.renewal import renew_credential
from provisioning.models import Door, DoorKey, DoorRegistration, select_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import QuerySet

    from tenants.models import Organisation, User

    Make = Callable[[Device], credentials.Issued]

NAME_LENGTH, SHOWN = 50, 8  # characters


class Asked(NamedTuple):
    """Hold what a device says of itself beside the token; `hardware_id` is None for what is no text, `tags` for what is
    no list of texts."""

    hardware_id: str | None = ""
    name: str = ""
    tags: Sequence[str] | None = ()


def make_token(*, door: Door, by: User) -> tuple[DoorKey, str]:
    """Make one more token of the door, of which only the hash stays. Raises Refusal."""
    token = str(uuid4())
    prefix = token[:SHOWN]
    key = DoorKey(name=f"Token {prefix}…", secret_hash=_hash_token(token), prefix=prefix)
    operations.add_keys(door=door, keys=[key], by=by)
    return key, token


def find_key(token: str, organisation: Organisation | None) -> DoorKey:
    """Return the key that the token is. Raises Refusal."""
    found = select_key(Door.Kind.PROFILE, _hash_token(token)) if _is_token(token) else []
    if not found or (organisation is not None and found[0].door.organisation_id != organisation.pk):
        raise Refusal(refusals.DOOR_UNKNOWN)
    return found[0]


def hand_out(
    *, token: str, asked: Asked, address: str | None, organisation: Organisation | None
) -> tuple[Device, credentials.Issued]:
    """Let the device in, or renew the credential of one that came by this door. Raises Refusal, counted at the door."""
    key = find_key(token, organisation)
    door = key.get_door()
    with counted_at(door, identity=asked.hardware_id or ""):
        if asked.hardware_id and (device := _find_own(door, asked.hardware_id)):
            check_policy(door, asked.hardware_id, key=key, address=address, makes=False)
            return device, _renew(door, device)
        device, issued = _register(door, key, asked, address)
    assert issued is not None
    return device, issued


def hand_out_token(
    *, token: str, hardware_id: str | None, chooses: bool, address: str | None, organisation: Organisation | None
) -> str:
    """Let a device in by a token of its own, once; one that `chooses` its credential is refused. Raises Refusal,
    counted at the door."""
    key = find_key(token, organisation)
    door = key.get_door()
    with counted_at(door, identity=hardware_id or ""):
        if chooses:
            raise Refusal(refusals.DOOR_AUTHENTICATION, wanted="token that the site makes")
        _, issued = _register(door, key, Asked(hardware_id), address, make=make_device_token)
    assert issued is not None
    return issued.access_secret


def _register(
    door: Door, key: DoorKey, asked: Asked, address: str | None, make: Make = credentials.make_random
) -> Registered:
    check_policy(door, key=key, address=address)
    if asked.hardware_id is None:
        raise Refusal(refusals.DOOR_IDENTITY_UNFIT)
    identity = asked.hardware_id or _make_serial(door)
    name, own = _read_name(asked.name), _read_tags(door, asked.tags)
    asked_so: dict[str, Any] = {
        "identity": identity,
        "key": key,
        "address": address,
        "name": name,
        "tags": own,
        "make": make,
    }
    if door.settings.get("activates", True):
        return register_by_door(door=door, **asked_so)
    with transaction.atomic():
        registered = register_by_door(door=door, **asked_so)
        locks.lock_devices([registered.device], by=None, door=door.name)
    return registered


def _find_own(door: Door, hardware_id: str) -> Device | None:
    device = find_device(door, hardware_id)
    return device if device and _select_registrations(door.pk, device.pk) else None


@prepared
def _select_registrations(door: int, device: int) -> QuerySet[DoorRegistration, int]:
    return DoorRegistration.objects.filter(door=door, device=device).values_list("pk", flat=True)


def _renew(door: Door, device: Device) -> credentials.Issued:
    """Make a new credential; those of before work until it is used first."""
    if not door.settings.get("renews", True):
        raise Refusal(refusals.DOOR_REGISTERED)
    return renew_credential(door=door, device=device, too_soon=lambda _: Refusal(refusals.DOOR_REGISTERED))


def _make_serial(door: Door) -> str:
    """Return a serial for a device that says none. Raises Refusal where the door wants one."""
    fitting = format_of(door.recipe.current)
    if door.settings.get("hardware_id") or not fitting.can_generate:
        raise Refusal(refusals.DOOR_NO_IDENTITY)
    return fitting.generate(secrets.token_bytes(32))


def _read_name(name: str) -> str:
    if len(name) > NAME_LENGTH:
        raise Refusal(refusals.DOOR_NAME_UNFIT, most=NAME_LENGTH)
    return names.clean_one_line(name)


def _read_tags(door: Door, texts: Sequence[str] | None) -> dict[str, str]:
    """Return the door's tags with those that the device asks for on top: `name: value`, or a name alone. Raises
    Refusal."""
    if texts is None:
        raise Refusal(refusals.DOOR_TAGS_UNFIT)
    try:
        own = [tags.parse_entry(text) for text in texts]
        return tags.check({**door.settings.get("tags", {}), **{each.name: each.value or "" for each in own}})
    except ValidationError:
        raise Refusal(refusals.DOOR_TAGS_UNFIT) from None


def _is_token(token: str) -> bool:
    try:
        return len(token) <= 64 and bool(UUID(token))
    except ValueError:
        return False


def _hash_token(token: str) -> bytes:
    return hashlib.sha256(str(UUID(token)).encode()).digest()
