"""The only writer of event rows: what each kind tells, and of whose history it is.

An act leaves the same event whichever way it was done. Whoever reads a device's history is never shown `data`: it may
name groups of several tenants.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from devices.models import Device, Event
from lib.db import bulk_sql, copy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tenants.models import User

Kind = Event.Kind


class Undeclared(ValueError):
    """An event would tell something else than its kind does."""


class Keys(NamedTuple):
    """Names of an event's data, each with the type of its value."""

    required: Mapping[str, type] = {}
    optional: Mapping[str, type] = {}


class Fact(NamedTuple):
    """One event about a device of one batch; its keys, and what it tells."""

    kind: Event.Kind
    organisation: int
    device: int
    assignment: int | None
    data: Mapping[str, object] = {}


IN_BULK = {"action": str}
"""The key of the bulk action that did it."""

DATA: dict[Event.Kind, Keys] = {
    Kind.REGISTERED: Keys(optional={"access_key": str}),  # made together with it
    Kind.ACTIVATED: Keys(),
    Kind.OPENED_AGAIN: Keys(optional=IN_BULK),
    Kind.WINDOW_OPENED: Keys(),
    Kind.PRESSED: Keys(),
    Kind.WINDOW_CANCELLED: Keys(),
    Kind.PROVISIONED: Keys(optional=IN_BULK),
    Kind.RELEASED: Keys(optional=IN_BULK),
    Kind.MOVED: Keys({"from": int, "to": int}, IN_BULK),  # groups
    Kind.CHANGED: Keys({"fields": list}, IN_BULK),
    Kind.LOCKED: Keys(optional=IN_BULK),
    Kind.UNLOCKED: Keys(optional=IN_BULK),
    Kind.CREDENTIAL_ISSUED: Keys({"access_key": str}),
    Kind.CREDENTIAL_REVOKED: Keys({"access_key": str, "reason": str}, IN_BULK),
    Kind.CREDENTIAL_ROTATED: Keys({"access_key": str, "instead_of": list}, IN_BULK),
    Kind.CONNECTED: Keys(),
    Kind.DISCONNECTED: Keys(),
    Kind.LIMITED: Keys({"seconds": float}),
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
}

OF_NO_DEVICE = frozenset(list(Kind)[list(Kind).index(Kind.RECIPE_CHANGED) :])

# Neither the tenant that may lose the device nor the next one sees that somebody was about to register it.
OF_NO_TENANT = {Kind.REGISTERED, Kind.WINDOW_OPENED, Kind.PRESSED, Kind.WINDOW_CANCELLED}

_COLUMNS = ("organisation_id", "device_id", "assignment_id", "by_id", "kind", "data")


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
    organisation, whose key is given. Raises Undeclared."""
    _check(kind, data)
    if (device is None) is (organisation is None) or (device is None) is not (kind in OF_NO_DEVICE):
        raise Undeclared(f"{kind} is about a device, or about an organisation.")
    return Event.objects.create(
        organisation_id=device.organisation_id if device else organisation or 0,
        device=device,
        assignment_id=device.assignment_id if device and kind not in OF_NO_TENANT else None,
        by_id=_key(by),
        kind=kind,
        data=data,
    )


def record_many(kind: Event.Kind, /, *, devices: Collection[int], by: User | int | None = None, **data: object) -> None:
    """Write the same of each device, by primary key, in the assignment that it has at this moment; one statement.
    Raises Undeclared."""
    _check(kind, data)
    if kind in OF_NO_DEVICE or kind in OF_NO_TENANT:
        raise Undeclared(f"{kind} is not told of many devices.")
    each = {"organisation_id": "organisation", "device_id": "pk", "assignment_id": "assignment"}
    same = {"by_id": _key(by), "kind": kind.value, "data": json.dumps(data)}
    bulk_sql.insert(Event, Device.objects.filter(pk__among=devices), each=each, same=same)


def record_each(facts: Iterable[Fact], *, by: User | int | None = None) -> None:
    """Write facts that tell each something else: one COPY, during which they must not ask the database for anything.
    Raises Undeclared."""
    who = _key(by)
    copy.write(Event, _COLUMNS, (_row(fact, who) for fact in facts))


def _row(fact: Fact, by: int | None) -> tuple[Any, ...]:
    kind, organisation, device, assignment, data = fact
    _check(kind, data)
    if kind in OF_NO_DEVICE:
        raise Undeclared(f"{kind} is about no device.")
    text = json.dumps(data) if data else "{}"
    return organisation, device, None if kind in OF_NO_TENANT else assignment, by, kind.value, text


def _check(kind: Event.Kind, data: Mapping[str, object]) -> None:
    required, optional = DATA[kind]
    for name, value in data.items():
        type_ = required.get(name) or optional.get(name)
        if type_ is None or not isinstance(value, type_):
            raise Undeclared(f"{kind} tells nothing like {name}={value!r}.")
    if missing := required.keys() - data.keys():
        raise Undeclared(f"{kind} misses {', '.join(sorted(missing))}.")


def _key(by: User | int | None) -> int | None:
    return by if by is None or isinstance(by, int) else by.pk
