"""What a device's page shows of now: its connection and the latest values of its current assignment."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from devices.commands.listing import compute_mark as compute_commanded
from devices.commands.listing import find_recent, select_last_change
from devices.models import Attribute, Device
from devices.models.refused_attempt import compute_mark
from lib.prepared import Limit, prepared
from lib.refusals import Refusal
from telemetry.dashboard.dropped import list_dropped
from telemetry.history.latest import list_declared
from telemetry.history.reports import read_newest
from telemetry.ingest import gps
from telemetry.ingest.times import EPOCH
from telemetry.models import Drop, Report
from telemetry.refusals import ATTRIBUTE_UNKNOWN, STATE_UNKNOWN
from telemetry.templatetags.readings import words
from tenants.models import Group
from tenants.tree import ancestry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from devices.mqtt.messages import Value
    from tenants.access import Viewer

    Values = dict[str, tuple[Value, int]]
    Ahead = dict[str, tuple[int, int]]


STATES = {Attribute.Type.STRING, Attribute.Type.BOOLEAN}
MOST_TIMELINES = 20


@dataclass(frozen=True)
class Reading:
    attribute: Attribute
    value: Value
    at: datetime
    lead: timedelta | None = None  # by which this was ahead of our clock, when it arrived

    @property
    def arrived_at(self) -> datetime:
        return self.at - (self.lead or timedelta())

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)

    @property
    def position(self) -> str:
        """Return it in words, if it is a position; else nothing."""
        known = self.attribute.type == Attribute.Type.GPS and gps.is_kept(self.value)
        return gps.describe_position(str(self.value)) if known else ""

    @property
    def is_outside(self) -> bool:
        """Return whether it is outside the range that the recipe expects; it is stored all the same."""
        return self.attribute.is_outside(self.value)


def list_attributes(device: Device) -> list[Attribute]:
    return list_declared(device.version_id)


def build_live_context(device: Device, declared: list[Attribute]) -> dict[str, Any]:
    """Return the context of `_live.html`."""
    now = _read_now(device)
    readings = _build_readings(now.values, now.ahead, declared)
    last = max(readings, key=lambda reading: reading.arrived_at, default=None)
    dropped, lost = list_dropped(device) if now.lost else ([], 0)
    sent, commanded = find_recent(device) if now.commanded else ([], 0)
    return {
        "device": device,
        "numbers": [reading for reading in readings if reading.is_number],
        "places": [reading for reading in readings if reading.position],
        "states": [reading for reading in readings if not reading.is_number and not reading.position],
        "last_seen": device.last_seen_at,
        "ahead": last if last and last.lead else None,
        "limited": device.connection if device.shut_out else None,
        "dropped": dropped,
        "sent": sent,
        "version": build_version(
            device.assignment_id,
            device.status,
            now.values,
            [_count_dropped(device), lost, compute_mark(device.attempted_at), device.attention_mark, commanded],
        ),
    }


def _count_dropped(device: Device) -> int | None:
    return device.connection.dropped if device.shut_out else None


def list_readings(device: Device, declared: list[Attribute]) -> list[Reading]:
    """Return the latest value of each attribute that was reported in the current assignment."""
    now = _read_now(device)
    return _build_readings(now.values, now.ahead, declared)


def choose_numeric(device: Device, names: list[str]) -> list[str]:
    """Return the names, if each is a number that the device reports; all of them for none. Raises Refusal."""
    declared = [attribute.name for attribute in list_attributes(device) if attribute.type == Attribute.Type.NUMBER]
    if unknown := [name for name in names if name not in declared]:
        offered = f"It reports {', '.join(declared)}: ask for these." if declared else "It reports none."
        raise Refusal(ATTRIBUTE_UNKNOWN, field="attribute", name=unknown[0][:64], offered=offered)
    return list(dict.fromkeys(names)) or declared


def choose_states(device: Device, names: list[str]) -> list[Attribute]:
    """Return the attributes of these names, if each is a text, or on or off; of all that there are, for none, the
    first. Raises Refusal."""
    declared = {attribute.name: attribute for attribute in list_states(list_attributes(device))}
    if unknown := [name for name in names if name not in declared]:
        offered = f"It reports {', '.join(declared)}: ask for these." if declared else "It reports none."
        raise Refusal(STATE_UNKNOWN, field="attribute", name=unknown[0][:64], offered=offered)
    return [declared[name] for name in dict.fromkeys(names or declared)][:MOST_TIMELINES]


def list_states(declared: list[Attribute]) -> list[Attribute]:
    return [attribute for attribute in declared if attribute.type in STATES]


def list_recent_reports(device: Device, declared: list[Attribute], size: int) -> list[tuple[datetime, list[str]]]:
    """Return the newest reports, for those who can't see charts: times, and values in the order of `declared`, in
    words."""
    lying = list(_select_recent_reports(device.pk, device.assignment_id, Limit(size)))
    rows = read_newest(device, lying, size)
    return [(at, [words(data.get(attribute.name), attribute) for attribute in declared]) for at, data in rows]


@prepared
def _select_recent_reports(
    device: int, assignment: int | None, size: Limit
) -> QuerySet[Report, tuple[datetime, dict[str, Value]]]:
    return (
        Report.objects.of(Device(pk=device, assignment_id=assignment)).order_by("-at").values_list("at", "data")[:size]
    )


def list_path(user: Viewer, device: Device) -> list[Group]:
    """Return the device's group and those above it, as far as the user can see."""
    if device.group is None:
        return []
    return _select_groups(user, tuple(ancestry(device.group.path)))


@prepared
def _select_groups(user: Viewer, paths: tuple[str, ...]) -> QuerySet[Group]:
    found: QuerySet[Group] = Group.objects.visible_to(user).filter(path__in=paths)
    return found


class Now(NamedTuple):
    """Hold what there is of a device's current assignment, and whether it is worth to ask for drops and commands."""

    values: Values
    ahead: Ahead
    lost: int
    commanded: int


def _read_now(device: Device) -> Now:
    """Return it: one query."""
    ((assignment, data, ahead, lost, commanded),) = _select_now(device.pk) or [NOTHING]
    if assignment != device.assignment_id or data is None:
        data, ahead = {}, None
    return Now(data, ahead or {}, int(lost), compute_commanded(commanded))


NOTHING = (None, None, None, 0, None)


@prepared
def _select_now(device: int) -> QuerySet[Device, Any]:
    rows = Device.objects.filter(pk=device).annotate(lost=count_lost(), commanded=select_last_change())
    return rows.order_by().values_list("latest__assignment_id", "latest__data", "latest__ahead", "lost", "commanded")


def count_lost() -> Coalesce:
    """Return how much of a device's messages was not kept, as a column of devices."""
    drops = Drop.objects.filter(device=OuterRef("pk")).order_by().values("device")
    return Coalesce(Subquery(drops.annotate(lost=Sum("count")).values("lost")), 0)


def build_version(assignment: int | None, status: str, values: Values, dropped: Sequence[int | None]) -> str:
    """Name what the fragment shows: another name as soon as it would show something else.

    `dropped` are the messages of a device that is shut out, None for one that is not; all that was not kept; and the
    marks of when it was refused last (devices.models.refused_attempt.compute_mark), of what needs attention, and of
    when it was commanded last.
    """
    content = zlib.crc32(json.dumps([values, *dropped], sort_keys=True).encode())
    return f"{assignment or 0}-{status}-{content:08x}"


def _build_readings(values: Values, ahead: Ahead, declared: list[Attribute]) -> list[Reading]:
    return [
        _build_reading(attribute, *values[attribute.name], ahead.get(attribute.name, (0, 0)))
        for attribute in declared
        if attribute.name in values
    ]


def _build_reading(attribute: Attribute, value: Value, ms: int, ahead: tuple[int, int]) -> Reading:
    """Return it with the device's own time, if `ahead` (telemetry.models.Latest) is of this value."""
    arrived, own = ahead
    if arrived != ms:
        return Reading(attribute, value, EPOCH + timedelta(milliseconds=ms))
    return Reading(attribute, value, EPOCH + timedelta(milliseconds=own), timedelta(milliseconds=own - ms))
