"""When devices were last heard, and whether the broker saw them leave: one hot row each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.db.models import OuterRef, Subquery

from devices import events
from devices.models import Connection, Device, Event
from lib import columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

GRACE = timedelta(seconds=10)
CHANGES = (Event.Kind.CONNECTED, Event.Kind.DISCONNECTED)


def record_seen(heard: Mapping[int, datetime], *, reported: bool = False) -> None:
    """Record when each device, by primary key, was heard last, and whether it `reported` then; one statement."""
    if not heard:
        return
    rows, fields = sorted(heard.items()), ["last_seen_at", *(["reported_at"] if reported else [])]
    if connection.vendor == "postgresql":
        _upsert_seen(rows, fields)
    else:
        made = [Connection(device_id=pk, **dict.fromkeys(fields, at)) for pk, at in rows]
        Connection.objects.bulk_create(made, update_conflicts=True, unique_fields=["device"], update_fields=fields)


def _upsert_seen(rows: Sequence[tuple[int, datetime]], fields: Sequence[str]) -> None:
    """Write what `bulk_create` would, for a fraction of its work: this is done for every report."""
    devices = columns.encode_numbers(pk for pk, _ in rows)
    times = columns.encode_numbers(columns.count_microseconds(at) for _, at in rows)
    names, again = ", ".join(fields), ", ".join(f"{field} = excluded.{field}" for field in fields)
    same = ", ".join(["timestamptz 'epoch' + us * interval '1 microsecond'"] * len(fields))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO devices_connection (device_id, {names}) SELECT device_id, {same}"  # noqa: S608 (of ours)
            " FROM ROWS FROM (unnest(%s::bigint[]), unnest(%s::bigint[])) AS row (device_id, us)"
            f" ON CONFLICT (device_id) DO UPDATE SET {again}",
            [devices, times],
        )


def record_left(devices: Iterable[int], at: datetime) -> None:
    """Record that the broker saw these devices' connections end."""
    Connection.objects.filter(device__in=devices).update(disconnected_at=at)


def list_topics(devices: Iterable[Device]) -> list[str]:
    """Return the live topics whose streams show these devices' state."""
    return [f"device:{device.device_id}" for device in devices]


def record_change(kind: Event.Kind, devices: Iterable[int]) -> None:
    """Record one event each, in the devices' current assignments."""
    events.record_many(kind, devices=list(devices))


class PresenceTracker:
    """Track who is connected, for a broker that tells us: hot rows at once, events when a change lasts.

    A device that comes and goes in a storm has an event in ten seconds at most, not one for each connection.
    """

    def __init__(self, now: datetime) -> None:
        last = Event.objects.filter(device=OuterRef("pk"), kind__in=CHANGES).order_by("-id").values("kind")[:1]
        heard = Device.objects.exclude(connection=None).annotate(last=Subquery(last))
        self._told = set(heard.filter(last=Event.Kind.CONNECTED).values_list("pk", flat=True))
        self._gone = dict.fromkeys(self._told, now)
        self._present: dict[int, str] = {}
        self._refreshed = self._now = now

    def update(self, present: dict[int, str], now: datetime) -> set[str]:
        """Take primary key -> device ID of who is connected; return the IDs that came or left since the last call."""
        came, gone = present.keys() - self._present.keys(), self._present.keys() - present.keys()
        self._follow_clock(now)
        due = now - self._refreshed >= timedelta(seconds=settings.ONLINE_SECONDS / 3)
        if heard := present.keys() if due else came:
            record_seen(dict.fromkeys(heard, now))
        if gone:
            record_left(gone, now)
        changed = {(present | self._present)[pk] for pk in came | gone}
        self._present = present
        self._refreshed = now if due else self._refreshed
        self._gone.update(dict.fromkeys(gone, now))
        self._record_changes(now)
        return changed

    def _follow_clock(self, now: datetime) -> None:
        """Follow the clock: when it was put back, so are the times that are compared with it."""
        if (back := self._now - now) > timedelta():
            self._refreshed -= back
            self._gone = {pk: at - back for pk, at in self._gone.items()}
        self._now = now

    def _record_changes(self, now: datetime) -> None:
        self._gone = {pk: at for pk, at in self._gone.items() if pk not in self._present}
        lost = {pk for pk, at in self._gone.items() if now - at >= GRACE}
        if new := self._present.keys() - self._told:
            record_change(Event.Kind.CONNECTED, new)
        if missing := lost & self._told:
            record_change(Event.Kind.DISCONNECTED, missing)
        self._told = (self._told | new) - lost
        self._gone = {pk: at for pk, at in self._gone.items() if pk not in lost}
