"""IDs by which devices go at some doors, compared as they are written: `ab-1`, `AB1` and `ABI` are three devices.

Serials compare look-alikes as one, so an ID is kept beside a serial: the ID itself where the recipe's format takes it
and nobody has it, else one of the format's own.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from devices.identity import serials
from devices.lifecycle import registration
from devices.models import Device
from devices.recipes.organisation_format import format_of
from lib.refusals import Refusal
from provisioning.doors import refusals

if TYPE_CHECKING:
    from devices.models import RecipeVersion
    from provisioning.models import Door

SHAPE = re.compile(r"[0-9A-Za-z\-_.]{4,90}", re.ASCII)
MADE = 12  # characters of a serial where the format leaves that open
ATTEMPTS = 20


def check_id(text: object) -> str:
    """Return the ID. Raises Refusal for what can't be one."""
    if not isinstance(text, str) or not SHAPE.fullmatch(text):
        raise Refusal(refusals.DOOR_ID_UNFIT, field="id")
    return text


def find_own(organisation: int, own_id: str) -> Device | None:
    """Return the organisation's device that goes by this very ID."""
    found: Device | None = Device.objects.filter(organisation=organisation, own_id=own_id).first() if own_id else None
    return found


def find_claimed(door: Door, own_id: str) -> Device | None:
    """Return the device that is meant by an ID, whether it goes by it already or was added under it."""
    return find_own(door.organisation_id, own_id) or (find_listed(door, own_id) if own_id else None)


def find_listed(door: Door, own_id: str) -> Device | None:
    """Return the device that was added before under this serial, as far as no other one goes by it already."""
    key = serials.fold(own_id)
    keys = [key, *serials.write_otherwise(key)] if key else []
    own = Device.objects.filter(organisation=door.organisation_id, own_id="", serial_key__in=keys)
    found: Device | None = own.select_related("version").first()
    return found


def is_serial(version: RecipeVersion, own_id: str) -> bool:
    """Decide whether the ID itself may be the serial of the device that goes by it, if nobody has that."""
    fitting = format_of(version)
    try:
        serial = registration.read_serial(own_id, fitting)
    except ValidationError:
        return False
    return serial == own_id and bool(serials.canonical(serial)) and fitting.problem(serial) is None


def write_serial(door: Door, version: RecipeVersion) -> str:
    """Return a free serial for a device that goes by an ID which is none. Raises Refusal where the format has none."""
    fitting = format_of(version)
    room = serials.MAX_LENGTH - len(serials.canonical(fitting.prefix))
    making = fitting if fitting.can_generate else replace(fitting, length=min(MADE, room))
    for _ in range(ATTEMPTS):
        serial = making.generate(secrets.token_bytes(32))
        if serials.fold(serial) not in serials.RESERVED and _is_free(door, serial):
            return serial
    raise Refusal(refusals.DOOR_IDENTITY_UNFIT)


def write_own_id(device: Device, own_id: str) -> None:
    """Let the device go by the ID from now on. Raises Refusal where another one does, or it goes by one already."""
    try:
        with transaction.atomic():
            won = Device.objects.filter(pk=device.pk, own_id="").update(own_id=own_id)
    except IntegrityError:
        won = 0
    if won != 1:
        raise Refusal(refusals.DOOR_REGISTERED)
    device.own_id = own_id


def _is_free(door: Door, serial: str) -> bool:
    key = serials.fold(serial)
    keys = [key, *serials.write_otherwise(key)]
    return not Device.objects.filter(organisation=door.organisation_id, serial_key__in=keys).exists()
