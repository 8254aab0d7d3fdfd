"""Which gateways may speak for which devices: docs/decisions/0040.

Whoever has a tie made or ended is an admin of both. Both are held first, in one order; the tie's row is locked last.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from devices import batches, events, refusals
from devices.events import Fact
from devices.models import Device, Event, Tie
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from devices.models import TieQuerySet
    from tenants.models import User

    Told = dict[int, tuple[User | None, dict[str, object]]]
    """Who did it, and what is told of it, by the primary key of the device."""

    Place = tuple[int, int | None, int | None]
    """An organisation, a group of it, and whose within that."""

MOST_DEVICES, MOST_GATEWAYS = 500, 10
"""For which a gateway speaks, and through which a device does."""


class Ends(NamedTuple):
    """Say why a tie ended with its device, and with its gateway."""

    of_device: str
    of_gateway: str


PLACED = Ends("it left its place", "the gateway left its place")
RETIRED = Ends("it was retired", "the gateway was retired")
REMOVED = Ends("it was removed", "the gateway was removed")


class Pair(NamedTuple):
    """Name a device, and a gateway that may speak for it, or shall."""

    device: Device
    gateway: Device


class Outcome(NamedTuple):
    """Hold which ties were made, and why others were not; those that stood already are in neither."""

    made: list[Pair]
    refused: dict[Pair, Refusal]


def tie(*, device: Device, gateway: Device, by: User) -> bool:
    """Let the gateway speak for the device, from where both are now; return whether this call made the tie.

    Raises Refusal where they are not in one place, moved since they were read, or have as many ties as they may.
    """
    pair = Pair(device, gateway)
    made, refused = tie_all([pair], by=by)
    if pair in refused:
        raise refused[pair]
    return bool(made)


def tie_all(pairs: Collection[Pair], *, by: User | None, **facts: object) -> Outcome:
    """Do what `tie` does for many, in as many statements as for one; the facts go into the events.

    Raises Refusal where one of them is retired.
    """
    refused = {pair: obstacle for pair in pairs if (obstacle := find_obstacle(*pair))}
    wanted = [pair for pair in dict.fromkeys(pairs) if pair not in refused]
    with transaction.atomic():
        held = set(batches.hold_as_read({end for pair in wanted for end in pair}))
        made: list[Pair] = []
        standing = _list_standing(wanted)
        of_device, of_gateway = (Counter(tied[end] for tied in standing) for end in (0, 1))
        for pair in wanted:
            keys = device, gateway = pair.device.pk, pair.gateway.pk
            if not held.issuperset(pair):
                refused[pair] = Refusal(refusals.DEVICE_MOVED)
            elif keys in standing:
                continue
            elif of_gateway[gateway] >= MOST_DEVICES or of_device[device] >= MOST_GATEWAYS:
                refused[pair] = refuse_more()
            else:
                made.append(pair)
                standing.add(keys)
                of_device[device] += 1
                of_gateway[gateway] += 1
        _write(made, by, facts)
    return Outcome(made, refused)


def find_obstacle(device: Device, gateway: Device) -> Refusal | None:
    """Return why the two can't be tied, as they were read, whatever ties they have."""
    if device.pk == gateway.pk:
        return Refusal(refusals.TIE_TO_ITSELF, field="gateway")
    if get_place(device) != get_place(gateway):
        return Refusal(refusals.TIE_ACROSS_GROUPS, field="gateway")
    return None


def get_place(device: Device) -> Place:
    """Return where it is: both ends of a tie are in one."""
    return device.organisation_id, device.group_id, device.person_id


def refuse_more() -> Refusal:
    return Refusal(refusals.TIES_TOO_MANY, field="gateway", most=MOST_DEVICES, gateways=MOST_GATEWAYS)


def _list_standing(pairs: Collection[Pair]) -> set[tuple[int, int]]:
    """Return the ties of these devices, and of these gateways, by primary keys."""
    devices, gateways = ({pair[end].pk for pair in pairs} for end in (0, 1))
    own = Tie.objects.standing().filter(Q(device__among=devices) | Q(gateway__among=gateways))
    return set(own.values_list("device_id", "gateway_id"))


def _write(made: Sequence[Pair], by: User | None, facts: Mapping[str, object]) -> None:
    if not made:
        return
    keys = {(device.pk, gateway.pk) for device, gateway in made}
    # Those that hold no more, and that a former release did not end.
    ends = {"device__among": {device for device, _ in keys}, "gateway__among": {gateway for _, gateway in keys}}
    open_ = Tie.objects.open().filter(**ends).values_list("pk", "device_id", "gateway_id")
    if stale := [pk for pk, *ends_ in open_ if tuple(ends_) in keys]:
        Tie.objects.filter(pk__among=stale).update(ended_at=Now())
    Tie.objects.bulk_create(
        Tie(
            device=device,
            gateway=gateway,
            assignment_id=device.assignment_id,
            gateway_assignment_id=gateway.assignment_id,
        )
        for device, gateway in made
    )
    told = (Fact.about(device, Event.Kind.TIED, {"gateway": gateway.serial, **facts}) for device, gateway in made)
    events.record_each(told, by=by)
    batches.announce({end for pair in made for end in pair})


def untie(*, device: Device, gateway: Device, by: User) -> bool:
    """End the tie; return whether this call did. The gateway's connection ends within the broker's time, and may come
    back for what it may still do."""
    return bool(untie_all([Pair(device, gateway)], by=by))


def untie_all(pairs: Collection[Pair], *, by: User | None, **facts: object) -> set[tuple[int, int]]:
    """Do what `untie` does for many; return those that ended, by primary keys. The facts go into the events."""
    wanted = {(device.pk, gateway.pk) for device, gateway in pairs}
    with transaction.atomic():
        rows = Tie.objects.standing().filter(device__among={device for device, _ in wanted})
        found = rows.values_list("pk", "device_id", "gateway_id")
        ending = {pk: device for pk, device, gateway in found if (device, gateway) in wanted}
        if not ending:
            return set()
        told: Told = {device: (by, dict(facts)) for device in ending.values()}
        ended = _end(Tie.objects.standing().filter(pk__among=ending), told)
    return {(tie.device_id, tie.gateway_id) for tie in ended}


def list_gateways(devices: Collection[int]) -> dict[int, list[int]]:
    """Return, by device, the gateways that may speak for it now, by primary keys in order."""
    found: dict[int, list[int]] = {}
    ties = Tie.objects.standing().filter(device__among=devices).order_by("gateway_id")
    for device, gateway in ties.values_list("device_id", "gateway_id"):
        found.setdefault(device, []).append(gateway)
    return found


def list_spoken_for(gateways: Collection[int]) -> dict[int, set[int]]:
    """Return, by gateway, the devices for which it may speak now, by primary keys."""
    found: dict[int, set[int]] = {}
    ties = Tie.objects.standing().filter(gateway__among=gateways)
    for gateway, device in ties.values_list("gateway_id", "device_id"):
        found.setdefault(gateway, set()).add(device)
    return found


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
        return len(_end(Tie.objects.open().filter(pk__among=found), told))


def _end(ties: TieQuerySet, told: Told) -> list[Tie]:
    """End those that still are so when their turn comes, each told of its device (by primary key) once, by whoever ends
    it; return them."""
    rows = list(ties.select_for_update(of=("self",), no_key=True).order_by("pk"))
    Tie.objects.filter(pk__among=[row.pk for row in rows]).update(ended_at=Now())
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
    return rows


def _tell(device: Device, ended: Tie, data: dict[str, object]) -> Fact:
    group = device.group_id if ended.assignment_id and ended.assignment_id == device.assignment_id else None
    assignment = ended.assignment_id if group else None
    return Fact(Event.Kind.UNTIED, device.organisation_id, device.pk, assignment, data, group)
