"""From when to when a device was connected, for somebody who sees it: as far as it was theirs, or they managed it.

A stretch knows no assignment: it is shown as far as it lies in one that its reader may know of. So whoever gets a
device learns nothing of before, and a connection that outlasts the handover is everybody's for their own time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import OuterRef, Q, Subquery

from devices.models import Assignment, ConnectedStretch, Device
from lib.db.clock import read_now
from lib.paging import Order
from tenants.models import Role, User, under

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from tenants.access import Viewer

NEWEST_FIRST = Order((("number", int),), newest_first=True)
RANGES = {"24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
DEFAULT = "7d"
LISTED = 20
WIDTH, LEAST = 1000.0, 2.0  # of the strip, and of what is short on it


class Period(NamedTuple):
    """Hold a time of which somebody may know; without an end it is so now, without a start it was so ever."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Told:
    """Tell of a stretch, as far as the reader may know of it: `ended_at` and what comes of it are not told where it
    ended later, `flaps` and `away` are None where it began before."""

    started_at: datetime
    ended_at: datetime | None
    reason: str
    flaps: int | None
    away: timedelta | None
    by_broker: bool
    until: datetime  # its end, or now
    goes_on: bool  # ended, to the reader, by nothing but that the device is not theirs any more

    @property
    def words(self) -> str:
        return str(ConnectedStretch.Reason(self.reason).label) if self.reason else ""

    @property
    def lasted(self) -> timedelta:
        return self.until - self.started_at


class Bar(NamedTuple):
    x: float
    width: float
    flapping: bool


class Row(NamedTuple):
    told: Told
    pause: timedelta | None  # after it, until it came again or until now


@dataclass(frozen=True)
class Strip:
    start: datetime
    end: datetime
    known: float  # from where on something is known
    bars: list[Bar]
    share: int | None  # percent of that, in which it was connected; None where nothing is known

    width = WIDTH


def find_periods(user: Viewer, device: Device) -> list[Period]:
    """Return the times of the device of which somebody may know who sees it, in order: its present assignment, and
    those in groups that they manage; all of it for an admin of the whole organisation."""
    if not isinstance(user, User) or user.organisation_id != device.organisation_id:
        return []
    if user.owns_organisation:
        return [Period(None, None)]
    theirs = Q(pk=device.assignment_id) | under(user.reach(Role.ADMIN), "group__path")
    rows = Assignment.objects.filter(theirs, device=device).order_by("opened_at", "pk")
    joined: list[Period] = []
    for start, end in rows.values_list("opened_at", "closed_at"):
        if joined and joined[-1].end is not None and joined[-1].end >= start:
            joined[-1] = Period(joined[-1].start, end)
        else:
            joined.append(Period(start, end))
    return joined


def find_last_keys(devices: Collection[int]) -> dict[int, int | None]:
    """Return which of the devices there are, each with the primary key of its last stretch, if it has one."""
    own = ConnectedStretch.objects.filter(device=OuterRef("pk")).order_by("-number").values("pk")[:1]
    return dict(Device.objects.filter(pk__in=devices).order_by().values_list("pk", Subquery(own)))


def select_stretches(device: Device, periods: Iterable[Period]) -> QuerySet[ConnectedStretch]:
    """Return the stretches of which some part lies in the periods."""
    within = Q(pk__in=[])
    for period in periods:
        after = Q() if period.start is None else Q(ended_at=None) | Q(ended_at__gt=period.start)
        before = Q() if period.end is None else Q(started_at__lt=period.end)
        within |= (after & before) or Q(pk__isnull=False)
    return ConnectedStretch.objects.filter(within, device=device)


def tell(stretch: ConnectedStretch, periods: Sequence[Period], now: datetime) -> Told:
    """Return the newest part of the stretch that lies in one of the periods; it was selected by these."""
    period = next(each for each in reversed(periods) if _overlaps(stretch, each))
    starts_within = period.start is None or stretch.started_at >= period.start
    ends_within = stretch.ended_at is not None and (period.end is None or stretch.ended_at <= period.end)
    goes_on = not ends_within and period.end is not None
    return Told(
        stretch.started_at if starts_within or period.start is None else period.start,
        stretch.ended_at if ends_within else period.end,
        stretch.reason if ends_within or (stretch.flaps and starts_within and not goes_on) else "",
        stretch.flaps if starts_within and not goes_on else None,
        stretch.away if starts_within and not goes_on else None,
        stretch.by_broker,
        (stretch.ended_at if ends_within else period.end) or now,
        goes_on,
    )


def _overlaps(stretch: ConnectedStretch, period: Period) -> bool:
    after = period.start is None or stretch.ended_at is None or stretch.ended_at > period.start
    return after and (period.end is None or stretch.started_at < period.end)


def build_context(user: Viewer, device: Device, asked: str) -> dict[str, object]:
    """Return the context of `_connections.html`: three queries."""
    now, periods = read_now(), find_periods(user, device)
    told = [tell(row, periods, now) for row in NEWEST_FIRST.sort(select_stretches(device, periods))]
    name = asked if asked in RANGES else DEFAULT
    return {
        "device": device,
        "ranges": list(RANGES),
        "range": name,
        "strip": draw_strip(told, now - RANGES[name], now),
        "rows": _list_rows(told[:LISTED], now),
        "more": len(told) - LISTED,
        "by_broker": any(each.by_broker for each in told[:LISTED]),
    }


def _list_rows(told: Sequence[Told], now: datetime) -> list[Row]:
    following = [now, *(each.started_at for each in told)]
    return [
        Row(each, max(later - each.until, timedelta()) if each.ended_at and not each.goes_on else None)
        for each, later in zip(told, following, strict=False)
    ]


def draw_strip(told: Sequence[Told], start: datetime, end: datetime) -> Strip:
    """Draw what is known of the time between; the stretches come newest first."""
    span = (end - start) / timedelta(seconds=1)
    shown = [(max(each.started_at, start), min(each.until, end), each) for each in told if each.until > start]

    def place(at: datetime) -> float:
        return round((at - start) / timedelta(seconds=1) / span * WIDTH, 1)

    widths = [max(round(place(b) - place(a), 1), LEAST) for a, b, _ in shown]
    bars = [
        Bar(min(place(a), WIDTH - width), width, bool(each.flaps))
        for width, (a, _, each) in zip(widths, shown, strict=True)
    ]
    if not told:
        return Strip(start, end, WIDTH, [], None)
    known = max(told[-1].started_at, start)
    connected = sum((b - a - min(each.away or timedelta(), b - a) for a, b, each in shown), timedelta())
    share = round(100 * connected / (end - known)) if end > known else None
    return Strip(start, end, place(known), bars, share)
