"""Which gateways may speak for which devices: docs/decisions/0040.

Whoever has a tie made or ended is an admin of both. Both are held first, in one order; the tie's row is locked last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models.functions import Now

from devices import batches, events, refusals
from devices.events import Fact
from devices.models import Device, Event, Tie
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection

    from devices.models import TieQuerySet
    from tenants.models import User

    Told = dict[int, tuple[User | None, dict[str, object]]]
    """Who did it, and what is told of it, by the primary key of the device."""

MOST_DEVICES, MOST_GATEWAYS = 500, 10
"""For which a gateway speaks, and through which a device does."""


class Ends(NamedTuple):
    """Say why a tie ended with its device, and with its gateway."""

    of_device: str
    of_gateway: str


PLACED = Ends("it left its place", "the gateway left its place")
RETIRED = Ends("it was retired", "the gateway was retired")
REMOVED = Ends("it was removed", "the gateway was removed")


def tie(*, device: Device, gateway: Device, by: User) -> bool:
    """Let the gateway speak for the device, from where both are now; return whether this call made the tie.

    Raises Refusal where they are not in one place, moved since they were read, or have as many ties as they may.
    """
    if device.pk == gateway.pk:
        raise Refusal(refusals.TIE_TO_ITSELF, field="gateway")
    places = [(each.organisation_id, each.group_id, each.person_id) for each in (device, gateway)]
    if places[0] != places[1]:
        raise Refusal(refusals.TIE_ACROSS_GROUPS, field="gateway")
    with transaction.atomic():
        if len(batches.hold_as_read([device, gateway])) < 2:
            raise Refusal(refusals.DEVICE_MOVED)
        standing = Tie.objects.standing()
        if standing.filter(device=device, gateway=gateway).exists():
            return False
        if _is_full(standing.filter(gateway=gateway), MOST_DEVICES) or _is_full(
            standing.filter(device=device), MOST_GATEWAYS
        ):
            raise Refusal(refusals.TIES_TOO_MANY, field="gateway", most=MOST_DEVICES, gateways=MOST_GATEWAYS)
        # One that holds no more, and that a former release did not end.
        Tie.objects.open().filter(device=device, gateway=gateway).update(ended_at=Now())
        Tie.objects.create(
            device=device,
            gateway=gateway,
            assignment_id=device.assignment_id,
            gateway_assignment_id=gateway.assignment_id,
        )
        events.record(Event.Kind.TIED, device=device, by=by, gateway=gateway.serial)
        batches.announce([device, gateway])
    return True


def untie(*, device: Device, gateway: Device, by: User) -> bool:
    """End the tie; return whether this call did. The gateway's connection ends within the broker's time, and may come
    back for what it may still do."""
    with transaction.atomic():
        held = Tie.objects.standing().filter(device=device, gateway=gateway)
        return bool(_end(held, {device.pk: (by, {})}))


def end_ties(devices: Collection[int], *, by: User | None, why: Ends, **facts: object) -> int:
    """End every tie of these locked devices, by primary key, at either end; return how many that were.

    Called before they leave, so that the events are of the assignments in which the ties were. Of whom only the gateway
    leaves, nobody is told who did it: that may be another tenant's.
    """
    if not devices:
        return 0
    keys, (of_device, of_gateway) = set(devices), why
    with transaction.atomic(savepoint=False):
        found = dict(Tie.objects.open().touching(keys).values_list("pk", "device_id"))
        if not found:
            return 0
        told: Told = {
            device: (by, {"reason": of_device, **facts}) if device in keys else (None, {"reason": of_gateway})
            for device in found.values()
        }
        return _end(Tie.objects.open().filter(pk__in=found), told)


def _end(ties: TieQuerySet, told: Told) -> int:
    """End them, each told of its device (by primary key) once, by whoever ends it."""
    rows = list(ties.select_for_update(of=("self",), no_key=True).order_by("pk"))
    Tie.objects.filter(pk__in=[row.pk for row in rows]).update(ended_at=Now())
    ends = Device.objects.in_bulk({key for row in rows for key in (row.device_id, row.gateway_id)})
    for by in {who for who, _ in told.values()}:
        facts = [
            _tell(ends[row.device_id], row, {"gateway": ends[row.gateway_id].serial, **told[row.device_id][1]})
            for row in rows
            if told[row.device_id][0] == by
        ]
        events.record_each(facts, by=by)
    if rows:
        batches.announce(ends.values())
    return len(rows)


def _tell(device: Device, ended: Tie, data: dict[str, object]) -> Fact:
    group = device.group_id if ended.assignment_id and ended.assignment_id == device.assignment_id else None
    assignment = ended.assignment_id if group else None
    return Fact(Event.Kind.UNTIED, device.organisation_id, device.pk, assignment, data, group)


def _is_full(ties: TieQuerySet, most: int) -> bool:
    return ties.count() >= most
