"""The only writer of event rows: what each kind tells, and of whose history it is.

An act leaves the same event whichever way it was done. Whoever reads a device's history is never shown `data`: it may
name groups of several tenants.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quote
from typing import TYPE_CHECKING, Any, NamedTuple

from devices.models import Device, Event
from lib.db import bulk_sql, copy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from tenants.models import User

Kind = Event.Kind


class Keys(NamedTuple):
    """Name an event's data, each with the type of its value."""

    required: Mapping[str, type] = {}
    optional: Mapping[str, type] = {}


class Fact(NamedTuple):
    """Tell one event about a device of one batch, or about none of them (None); its keys, and what it tells."""

    kind: Event.Kind
    organisation: int
    device: int | None
    assignment: int | None
    data: Mapping[str, object] = {}
    group: int | None = None  # of the assignment
    former_group: int | None = None  # that it left

    @classmethod
    def about(cls, device: Device, kind: Event.Kind, data: Mapping[str, object]) -> Fact:
        """Return what is told of the device, in the assignment that it was read with."""
        return cls(kind, device.organisation_id, device.pk, device.assignment_id, data, device.group_id)


IN_BULK = {"action": str}
"""The key of the bulk action that did it."""

OF_WINDOW = {"window": str}
"""The key of the window."""

OF_OPERATION = {"door": str, "name": str, "operation": str, "identity": str}
"""The door's key and name, the operation's key, and the ID by which the device goes."""

OF_ATTENTION = {"cause": str, "attribute": str}
"""One of `Attention.Cause`, and the attribute's name; empty where the device is silent."""

DATA: dict[Event.Kind, Keys] = {
    Kind.REGISTERED: Keys(optional={"access_key": str, "door": str}),  # made together with it; by which it came
    Kind.ACTIVATED: Keys(),
    Kind.OPENED_AGAIN: Keys(optional={**IN_BULK, "door": str}),  # at which it may have another credential
    Kind.WINDOW_OPENED: Keys(optional=OF_WINDOW),
    Kind.PRESSED: Keys(optional=OF_WINDOW),
    Kind.PRESENCE_PROVEN: Keys({"method": str}, OF_WINDOW),
    Kind.WINDOW_CANCELLED: Keys(optional=OF_WINDOW),
    Kind.PROVISIONED: Keys(optional={"person": int, **IN_BULK}),  # whose it is within the group
    Kind.RELEASED: Keys(optional=IN_BULK),
    Kind.MOVED: Keys({"from": int, "to": int}, {"person": int, **IN_BULK}),  # groups, and whose it is there
    Kind.ASSIGNED: Keys({"person": int}, IN_BULK),  # within the group in which it was
    Kind.UNASSIGNED: Keys({"person": int}, {"reason": str, **IN_BULK}),  # whose it was
    Kind.CHANGED: Keys({"fields": list}, {"version": int, **IN_BULK}),  # the number of the recipe's version
    Kind.LOCKED: Keys(optional={**IN_BULK, "door": str}),  # where each device of it is activated by hand
    Kind.UNLOCKED: Keys(optional=IN_BULK),
    Kind.RETIRED: Keys(optional=IN_BULK),
    Kind.BROUGHT_BACK: Keys(optional=IN_BULK),
    Kind.SERIAL_FREED: Keys(optional=IN_BULK),
    Kind.DEVICE_REMOVED: Keys({"serial": str, "device_id": str, "name": str}, {"import": str, **IN_BULK}),
    Kind.CREDENTIAL_ISSUED: Keys({"access_key": str}, {"door": str}),
    Kind.CREDENTIAL_REVOKED: Keys({"access_key": str, "reason": str}, {**IN_BULK, "door": str}),
    Kind.CREDENTIAL_ROTATED: Keys({"access_key": str, "instead_of": list}, {**IN_BULK, "door": str}),
    Kind.PRESENCE_SECRET_MADE: Keys({"method": str}),
    Kind.TIED: Keys({"gateway": str}, IN_BULK),  # its serial
    Kind.UNTIED: Keys({"gateway": str}, {"reason": str, **IN_BULK}),
    Kind.CONNECTED: Keys(),
    Kind.DISCONNECTED: Keys(),
    Kind.COMMAND_SENT: Keys({"command": str, "name": str}, IN_BULK),  # its key
    Kind.COMMAND_ENDED: Keys({"command": str, "name": str, "state": str}, {"reason": str}),
    Kind.IDENTIFIED: Keys(OF_WINDOW),
    Kind.LIMITED: Keys({"seconds": float}),
    Kind.NEEDS_ATTENTION: Keys(OF_ATTENTION),
    Kind.FINE_AGAIN: Keys(OF_ATTENTION),
    Kind.ACKNOWLEDGED: Keys(OF_ATTENTION),
    Kind.RECIPE_CHANGED: Keys({"recipe": int, "name": str}, {"version": int, "changed": list, "from": str, "act": str}),
    Kind.MODEL_CHANGED: Keys({"model": int, "name": str, "act": str}, {"to": str}),
    Kind.IMPORT_STARTED: Keys({"import": str}),
    Kind.IMPORT_ENDED: Keys({"import": str, "state": str, "made": int, "refused": int}),
    Kind.ACTION_STARTED: Keys({"action": str, "kind": str, "total": int}),
    Kind.ACTION_ENDED: Keys({"action": str, "kind": str, "total": int, "state": str}),
    Kind.RESULT_TAKEN: Keys({"of": str}),
    Kind.RESULT_REFUSED: Keys({"of": str}),
    Kind.LABELS_PRINTED: Keys({"count": int, "of": str}),
    Kind.EXPORTED: Keys({"devices": int}, {"query": str, "left_out": int, "ticked": bool}),
    Kind.DOOR_CHANGED: Keys({"door": str, "name": str, "act": str}),
    Kind.OPERATION_APPROVED: Keys(OF_OPERATION),
    Kind.OPERATION_CANCELLED: Keys(OF_OPERATION),
    Kind.ATTENTION_TOLD: Keys({"count": int, "rows": list}),  # keys of Attention, the first of them
    Kind.HOOK_CHANGED: Keys({"hook": str, "name": str, "act": str}, {"serial": str}),  # of whose call it is
}

OF_NO_DEVICE = frozenset(list(Kind)[list(Kind).index(Kind.RECIPE_CHANGED) :])

# Neither the tenant that may lose the device nor the next one sees that somebody was about to register it.
OF_NO_TENANT = {
    *(Kind.REGISTERED, Kind.WINDOW_OPENED, Kind.PRESSED, Kind.PRESENCE_PROVEN, Kind.WINDOW_CANCELLED),
    Kind.IDENTIFIED,
}

_COLUMNS = (
    *("organisation_id", "device_id", "assignment_id", "group_id", "former_group_id"),
    *("by_id", "kind", "data"),
)


def record(
    kind: Event.Kind,
    /,
    *,
    device: Device | None = None,
    organisation: int | None = None,
    by: User | int | None = None,
    **data: object,
) -> Event:
    """Write that something happened to the device, in the assignment that it was read with, or else to the
    organisation, whose key is given. Raises ValueError."""
    _check(kind, data)
    placed = device if device and kind not in OF_NO_TENANT else None
    if (device is None) is (organisation is None) or (device is None) is not (kind in OF_NO_DEVICE):
        raise ValueError(f"{kind} is about a device, or about an organisation.")
    return Event.objects.create(
        organisation_id=device.organisation_id if device else organisation or 0,
        device=device,
        assignment_id=placed.assignment_id if placed else None,
        group_id=placed.group_id if placed else None,
        by_id=_get_key(by),
        kind=kind,
        data=data,
    )


def record_many(kind: Event.Kind, /, *, devices: Collection[int], by: User | int | None = None, **data: object) -> None:
    """Write the same of each device, by primary key, in the assignment that it has at this moment; one statement.
    Raises ValueError."""
    _check(kind, data)
    if kind in OF_NO_DEVICE or kind in OF_NO_TENANT:
        raise ValueError(f"{kind} is not told of many devices.")
    if not devices:
        return
    each = {
        "organisation_id": "organisation",
        "device_id": "pk",
        "assignment_id": "assignment",
        "group_id": "group",
    }
    same = {"by_id": _get_key(by), "kind": kind.value, "data": json.dumps(data)}
    bulk_sql.insert(Event, Device.objects.filter(pk__among=devices), each=each, same=same)


def record_each(facts: Iterable[Fact], *, by: User | int | None = None) -> None:
    """Write facts that tell each something else: one COPY, during which they must not ask the database for anything.
    Raises ValueError."""
    who = _get_key(by)
    copy.write(Event, _COLUMNS, _build_rows(facts, who))


def _build_rows(facts: Iterable[Fact], by: int | None) -> Iterator[tuple[Any, ...]]:
    told: Event.Kind | None = None
    name, is_tenants, is_of_device = "", True, True
    begin: dict[str, str] = {}
    for kind, organisation, device, assignment, data, group, former in facts:
        if kind is not told:  # mostly it is: a member's value and hash take as long as all the rest
            told, name, is_tenants, is_of_device = kind, kind.value, kind not in OF_NO_TENANT, kind not in OF_NO_DEVICE
            required, optional = DATA[kind]
            begin = _list_single_texts(required, optional)
        text = ""
        if len(data) == 1:  # as of all the devices of a file: a text alone is checked and written at once
            ((key, value),) = data.items()
            if key in begin and type(value) is str:
                text = f"{begin[key]}{quote(value)}}}"
        if not text:
            _check_data(kind, required, optional, data)
            text = json.dumps(data) if data else "{}"
        if (device is not None) is not is_of_device:
            raise ValueError(f"{kind} is about a device, or about an organisation.")
        if (assignment is None) is not (group is None):
            raise ValueError(f"{kind} misses the group of its assignment.")
        place = (assignment, group, former) if is_tenants else (None, None, None)
        yield organisation, device, *place, by, name, text


def _list_single_texts(required: Mapping[str, type], optional: Mapping[str, type]) -> dict[str, str]:
    """Return the keys that may be all that is told, if their value is a text: key -> how the JSON begins."""
    every = {**optional, **required}
    return {key: f"{{{quote(key)}: " for key, type_ in every.items() if type_ is str and required.keys() <= {key}}


def _check(kind: Event.Kind, data: Mapping[str, object]) -> None:
    required, optional = DATA[kind]
    _check_data(kind, required, optional, data)


def _check_data(
    kind: Event.Kind, required: Mapping[str, type], optional: Mapping[str, type], data: Mapping[str, object]
) -> None:
    for name, value in data.items():
        type_ = required.get(name) or optional.get(name)
        if type_ is None or not isinstance(value, type_):
            raise ValueError(f"{kind} tells nothing like {name}={value!r}.")
    if required and (missing := required.keys() - data.keys()):
        raise ValueError(f"{kind} misses {', '.join(sorted(missing))}.")


def _get_key(by: User | int | None) -> int | None:
    return by if by is None or isinstance(by, int) else by.pk
