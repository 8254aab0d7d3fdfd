"""Content: files at a door of activation. An admin leaves them there; devices that came by the door download them,
whole or by ranges, under the names that they have."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import models, transaction
from django.db.models.functions import Now, Substr

from devices.mqtt.limits import Debts, Pace
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.activate.data import TOO_FAST_SECONDS
from provisioning.doors.operations import record_change
from provisioning.models import Door, DoorContent, DoorRegistration

if TYPE_CHECKING:
    from devices.models import Device
    from provisioning.models import DoorContentQuerySet
    from tenants.models import User

LARGEST = 2_000_000  # bytes
MOST = 20  # of a door
NAME = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{0,119}", re.ASCII)
"""No comma, line or path is in a name: devices read them in lists, and keep files under them."""
TYPE = re.compile(r"[0-9A-Za-z!#$&^_.+-]{1,40}/[0-9A-Za-z!#$&^_.+-]{1,39}", re.ASCII)
USUAL_TYPE = "application/octet-stream"
_RANGE = re.compile(r"bytes=(\d{0,12})-(\d{0,12})", re.ASCII)

debts = Debts()


class Range(NamedTuple):
    """Hold which bytes are asked for: from the first to before `end`."""

    begin: int
    end: int


def upload(*, door: Door, name: str, data: bytes, content_type: str, meta: str, by: User) -> DoorContent:
    """Keep a file, in the place of one with its name. Raises Refusal."""
    fields: dict[str, Any] = {"content_type": content_type, "meta": meta, "data": data, "size": len(data), "by": by}
    with transaction.atomic():
        held = Door.objects.select_for_update(no_key=True, of=("self",)).get(pk=door.pk)
        if held.ended_at:
            raise Refusal(refusals.DOOR_ENDED_ALREADY)
        if DoorContent.objects.of(door).exclude(name=name).count() >= MOST:
            raise Refusal(refusals.CONTENT_TOO_MANY, field="name", most=MOST)
        content, _ = DoorContent.objects.update_or_create(
            door=door, name=name, defaults={**fields, "updated_at": Now()}
        )
        record_change(door, by, f"content {name} uploaded ({len(data):,} bytes)")
    content.refresh_from_db(fields=["updated_at"])
    return content


def delete(*, content: DoorContent, by: User) -> bool:
    """Delete a file; return whether this call did."""
    with transaction.atomic():
        if not DoorContent.objects.filter(pk=content.pk).delete()[0]:
            return False
        record_change(content.door, by, f"content {content.name} deleted")
    return True


def find_for(device: Device, vendor: str, model: str) -> DoorContentQuerySet:
    """Return what the device may download: that of the door by which it came. Raises Refusal where it says
    another vendor or model than the door's, and where it asks too often."""
    if debts.add(device.device_id, time.monotonic()) is Pace.BEYOND:
        raise Refusal(refusals.DATA_TOO_FAST, retry_seconds=TOO_FAST_SECONDS)
    row = DoorRegistration.objects.filter(device=device).select_related("door").first()
    if row is None or row.door.kind != Door.Kind.ACTIVATE:
        return DoorContent.objects.none()
    for said, own in ((vendor, row.door.settings.get("vendor")), (model, row.door.settings.get("model"))):
        if said and own and said != own:
            raise Refusal(refusals.CONTENT_OTHER_VENDOR)
    return DoorContent.objects.of(row.door)


def find_named(contents: DoorContentQuerySet, name: str) -> DoorContent:
    """Return the file of this name. Raises Refusal."""
    content = contents.filter(name=name).first() if NAME.fullmatch(name) else None
    if content is None:
        raise Refusal(refusals.CONTENT_UNKNOWN)
    return content


def read_range(header: str, size: int) -> Range | None:
    """Return what a `Range` header asks of so many bytes; None for none, and for one that is not understood, which
    asks for everything (RFC 9110, 14.2). Raises Refusal for one that lies behind the end."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        begin, end = max(size - int(match[2]), 0), size
    else:
        begin, end = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < begin:
            return None
    if begin >= size or begin >= end:
        raise Refusal(refusals.CONTENT_RANGE, size=size)
    return Range(begin, end)


def read_bytes(content: DoorContent, part: Range) -> bytes:
    """Return a part of the file. Raises Refusal where it was deleted, or replaced by one of another size, meanwhile."""
    of_it = Substr("data", part.begin + 1, part.end - part.begin, output_field=models.BinaryField())
    rows = DoorContent.objects.filter(pk=content.pk, size=content.size)
    found: Any = rows.values_list(of_it, flat=True).first()
    if found is None:
        raise Refusal(refusals.CONTENT_UNKNOWN)
    return bytes(found)
