"""Keeping roll-ups: by one worker at a time, in pieces that each are one transaction and can be done again.

What was stored is summed once the hour is over. Whatever is stored later was noted by who stored it
(`telemetry.ingest.late`), and its hour is summed anew. What was stored before there were roll-ups is summed backwards.
Then days that are old enough are packed, with their sums (`telemetry.history.packer`): what comes late for these, too.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from devices.models import Device
from telemetry.history import packer, rollups
from telemetry.history.rollups import DAY, HOUR
from telemetry.ingest.times import EPOCH, count_milliseconds
from telemetry.models import NO_TENURE, LateReport, PackedDay, Report, RollUp, RollUpMark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

log = logging.getLogger(__name__)

ONLY = 1  # the mark's primary key
LAG = 120  # seconds after which an hour is summed: most of what comes late has come
DEVICES = 100  # of a piece
NOTES = 1_000  # of late reports that are looked at at once
LEASE = timedelta(seconds=60)
PATIENCE = 10.0  # seconds for transactions that were there before
SLICE = 50.0  # seconds of work until the next one is asked for
CHUNK = 2_000  # reports that are held at once
ARE_DONE = """
SELECT pg_snapshot_xmax(now)::text::bigint >= %s AND NOT EXISTS (
    SELECT FROM pg_snapshot_xip(now) AS writing
    WHERE writing::text::bigint < %s AND NOT EXISTS (
        SELECT FROM pg_locks JOIN pg_stat_activity AS others USING (pid) JOIN pg_database ON pg_database.oid = datid
        WHERE locktype = 'transactionid' AND granted AND mode = 'ExclusiveLock' AND transactionid = writing::xid
            AND pg_database.datname <> current_database()
    )
)
FROM pg_current_snapshot() AS now
"""
"""Whether transactions with a lesser number are done: a snapshot has those of the whole server, and one that holds the
lock of its number in another database writes nothing here."""
UPGRADE = timedelta(days=1)  # in which the former release, which knows nothing of packed days, may still run


class Lost(Exception):
    """Stop: another worker has taken over."""


@dataclass
class Lease:
    """Hold the right to write roll-ups."""

    token: uuid.UUID

    def keep(self) -> None:
        """Keep it, and whoever else would take it waiting until the transaction ends. Raises Lost where it is lost."""
        if _own(self).update(held_until=Now() + LEASE) != 1:
            raise Lost


def roll(seconds: float = SLICE) -> bool:
    """Sum what is to be summed, for so many seconds; return whether all is done. Safe to repeat, and to be killed."""
    lease = claim()
    if lease is None:
        return False
    ends = time.monotonic() + seconds
    try:
        return _roll(lease, ends)
    except Lost:
        return False
    finally:
        _own(lease).update(worker=None, held_until=None)


def claim() -> Lease | None:
    """Take the lease, if nobody has it."""
    lease = Lease(uuid.uuid4())
    hour = _find_last_hour()
    RollUpMark.objects.get_or_create(pk=ONLY, defaults={"since": hour, "rolled": hour, "until": hour})
    free = RollUpMark.objects.filter(Q(worker=None) | Q(held_until__lte=Now()), pk=ONLY)
    return lease if free.update(worker=lease.token, held_until=Now() + LEASE) == 1 else None


def recount(start: int, end: int, devices: Sequence[int] | None = None) -> bool:
    """Sum anew what was summed of whole days from `start` to `end`, in seconds since the epoch; of these devices, or
    all. Return whether it was done: not while another worker has the lease."""
    lease = claim()
    if lease is None:
        return False
    try:
        mark = RollUpMark.objects.get(pk=ONLY)
        oldest = min(_find_oldest() or end, _find_oldest_packed() or end)
        for day in range(max(start, oldest) // DAY * DAY, min(end, mark.rolled), DAY):
            for some in _list_devices() if devices is None else [devices]:
                within = max(day, mark.since), min(day + DAY, mark.rolled)
                if day < mark.packed:
                    pack_anew(lease, some, day)
                sum_anew(lease, some, within[0], max(within), closed=mark.rolled)
    except Lost:
        return False
    else:
        return True
    finally:
        _own(lease).update(worker=None, held_until=None)


def _own(lease: Lease) -> Any:
    return RollUpMark.objects.filter(pk=ONLY, worker=lease.token)


def _find_last_hour() -> int:
    """Return the end of the last hour that is over, by the database's clock, in seconds since the epoch."""
    now = timezone.now()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            now = cursor.fetchone()[0]
    return (int(now.timestamp()) - LAG) // HOUR * HOUR


def _roll(lease: Lease, ends: float) -> bool:
    if not move_mark(lease):
        return False
    for piece in _list_work(lease):
        piece()
        if time.monotonic() > ends:
            return False
    return True


def move_mark(lease: Lease) -> bool:
    """Have all that is stored from now on for hours that are over noted as late, and wait for whoever began to store
    before, at most PATIENCE; return whether they are done. Nobody waits for this."""
    _own(lease).filter(until__lt=(hour := _find_last_hour())).update(until=hour)
    if connection.vendor != "postgresql":
        return True  # whoever writes is alone
    with connection.cursor() as cursor:
        # Whoever had read the former mark had written before, so that its transaction has a lesser number.
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        number = cursor.fetchone()[0]
        began = time.monotonic()
        while True:
            cursor.execute(ARE_DONE, [number, number])
            if cursor.fetchone()[0]:
                return True
            if time.monotonic() - began > PATIENCE:
                log.warning("roll-ups wait: a transaction has been writing for more than %.0f seconds", PATIENCE)
                return False
            time.sleep(0.05)


def _list_work(lease: Lease) -> Iterator[Any]:
    """Yield, a piece at a time, what is to be done: what is late, what is new, then what is old."""
    yield from _list_late(lease)
    mark = RollUpMark.objects.get(pk=ONLY)
    while mark.rolled < mark.until:
        end = min(mark.until, mark.rolled // DAY * DAY + DAY)
        yield from _list_pieces(lease, mark.rolled, end, closed=end)
        _move(lease, rolled=end)
        mark.rolled = end
    oldest = _find_oldest() if mark.since else None
    while oldest is not None and oldest < mark.since:
        start = (mark.since - 1) // DAY * DAY
        yield from _list_pieces(lease, start, mark.since, closed=mark.rolled)
        _move(lease, since=start)
        mark.since = start
    _move(lease, since=0)  # what is stored yet of older times is late
    yield from _list_packing(lease)


def _list_packing(lease: Lease) -> Iterator[Any]:
    """Yield pieces of what is to be packed, day by day."""
    _own(lease).filter(packing_from=None).update(packing_from=Now() + UPGRADE)
    mark = RollUpMark.objects.filter(packing_from__lte=Now(), pk=ONLY).first()
    if mark is None or not settings.PACK_AFTER_DAYS:
        return
    until = (mark.rolled - settings.PACK_AFTER_DAYS * DAY) // DAY * DAY
    if until <= mark.packed:
        return
    oldest = _find_oldest() if not mark.packed else None
    begin = mark.packed or (until if oldest is None else oldest // DAY * DAY)
    for day in range(begin, until, DAY):
        for devices in _list_devices():
            for some in packer.list_pieces(devices, day // DAY):
                yield lambda some=some, day=day: pack(lease, some, day)
        _move(lease, packed=day + DAY)
    _move(lease, packed=until)


def pack(lease: Lease, devices: Sequence[int], day: int, *, notes: Sequence[int] = ()) -> None:
    """Pack a day that starts then, and delete the notes, which were read before."""
    prepared = packer.prepare(devices, day // DAY)
    with transaction.atomic():
        lease.keep()
        there = _hold(devices)
        LateReport.objects.filter(pk__in=notes).delete()
        packer.pack(there, day // DAY, prepared)


def pack_anew(lease: Lease, devices: Sequence[int], day: int) -> None:
    """Pack, with its sums, what is packed of a day, and what lies beside it."""
    packed = PackedDay.objects.filter(device__in=devices, day=day // DAY).values_list("device_id", flat=True)
    for some in {*packed}, *packer.list_pieces([each for each in devices if each not in packed], day // DAY):
        if some:
            pack(lease, sorted(some), day)


def _move(lease: Lease, **mark: int) -> None:
    if _own(lease).update(**mark) != 1:
        raise Lost


def _find_oldest() -> int | None:
    """Return when the oldest report is from, in seconds since the epoch. Each device is asked for its own: one look at
    an index."""
    oldest = None
    for devices in _list_devices():
        ids = Device.objects.filter(pk__in=devices).order_by()
        first = Report.objects.filter(device=OuterRef("pk")).order_by("at").values("at")[:1]
        for (at,) in ids.annotate(first=Subquery(first)).values_list("first"):
            if at is not None and (oldest is None or at < oldest):
                oldest = at
    return None if oldest is None else int(oldest.timestamp())


def _find_oldest_packed() -> int | None:
    """Return when the first packed day begins, in seconds since the epoch."""
    found: list[Any] = []
    for devices in _list_devices():
        found += PackedDay.objects.filter(device__in=devices).aggregate(first=Min("day")).values()
    return min((day for day in found if day is not None), default=0) * DAY or None


def _list_devices() -> Iterator[list[int]]:
    last = 0
    while devices := list(Device.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:DEVICES]):
        yield devices
        last = devices[-1]


def _list_pieces(lease: Lease, start: int, end: int, *, closed: int) -> Iterator[Any]:
    for devices in _list_devices():
        yield lambda devices=devices: sum_anew(lease, devices, start, end, closed=closed)


def sum_anew(
    lease: Lease, devices: Sequence[int], start: int, end: int, *, closed: int, notes: Sequence[int] = ()
) -> None:
    """Sum the hours from `start` to `end` anew, and the days of theirs that have ended by `closed`; and delete the
    notes, which were read before: what is noted after that has its own."""
    made = list(_sum_hours(devices, start, end))
    with transaction.atomic():
        lease.keep()
        there = _hold(devices)
        LateReport.objects.filter(pk__in=notes).delete()
        _replace(devices, HOUR, start, end, [row for row in made if row.device_id in there])
        for day in range(start // DAY * DAY, end, DAY):
            if day + DAY <= closed:
                _write_day(devices, day)


def _hold(devices: Sequence[int]) -> set[int]:
    """Return which of them exist, and keep them from being removed until the transaction ends; from nothing else."""
    if connection.vendor != "postgresql":
        return set(Device.objects.filter(pk__in=devices).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        of = "SELECT id FROM devices_device WHERE id = ANY (%s) ORDER BY id FOR KEY SHARE"
        cursor.execute(of, [list(devices)])
        return {pk for (pk,) in cursor.fetchall()}


def _sum_hours(devices: Sequence[int], start: int, end: int) -> Iterator[RollUp]:
    for (device, hour), reports in groupby(_read_reports(devices, start, end), key=itemgetter(0, 1)):
        tenures = defaultdict(list)
        for _, _, tenure, at, data in reports:
            tenures[tenure].append((at, data))
        for tenure, of in tenures.items():
            if bucket := rollups.sum_reports(of):
                text = rollups.write(bucket)
                yield RollUp(device_id=device, tenure=tenure, seconds=HOUR, start=hour, data=text)


def _read_reports(devices: Sequence[int], start: int, end: int) -> Iterator[tuple[int, int, int, int, Any]]:
    """Yield (device, hour, tenure, milliseconds since the epoch, values), in the order of devices and times."""
    if start >= end:
        return
    within = Report.objects.filter(device__in=devices, at__gte=make_time(start), at__lt=make_time(end))
    rows = within.order_by("device", "at").values_list("device_id", "assignment_id", "at", "data")
    for device, assignment, at, data in rows.iterator(CHUNK):
        ms = count_milliseconds(at)
        yield device, ms // (HOUR * 1000) * HOUR, assignment or NO_TENURE, ms, data


def _write_day(devices: Sequence[int], day: int) -> None:
    hours = RollUp.objects.filter(device__in=devices, seconds=HOUR, start__gte=day, start__lt=day + DAY)
    rows = hours.order_by("device", "tenure", "start").values_list("device_id", "tenure", "data")
    made = []
    for (device, tenure), of in groupby(rows, key=itemgetter(0, 1)):
        bucket = rollups.join_buckets(rollups.read_all(data for _, _, data in of))
        made.append(RollUp(device_id=device, tenure=tenure, seconds=DAY, start=day, data=rollups.write(bucket)))
    _replace(devices, DAY, day, day + DAY, made)


def _replace(devices: Sequence[int], seconds: int, start: int, end: int, made: Iterable[RollUp]) -> None:
    RollUp.objects.filter(device__in=devices, seconds=seconds, start__gte=start, start__lt=end).delete()
    RollUp.objects.bulk_create(made, batch_size=500)


def make_time(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def _list_late(lease: Lease) -> Iterator[Any]:
    """Yield pieces until there are no notes but those that came meanwhile."""
    last = LateReport.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    while rows := list(LateReport.objects.filter(pk__lte=last).order_by("pk")[:NOTES]):
        yield lambda rows=rows: _sum_late(lease, rows)


def _sum_late(lease: Lease, rows: Sequence[LateReport]) -> None:
    """Sum the hours of the notes anew; not those that are to be summed yet, for which no roll-up stands."""
    mark = RollUpMark.objects.get(pk=ONLY)
    notes: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        notes[row.device_id][row.hour].append(row.pk)
    for device, hours in notes.items():
        for start, end in _join_hours(hours):
            of = [pk for hour in range(start, end, HOUR) for pk in hours[hour]]
            within = max(start, mark.since), min(end, mark.rolled)
            if start < mark.packed and _packs(device, start // DAY):
                pack(lease, [device], start // DAY * DAY, notes=of)
            else:
                sum_anew(lease, [device], within[0], max(within), closed=mark.rolled, notes=of)


def _packs(device: int, day: int) -> bool:
    """Decide whether what lies of a packed day is packed too, and summed with it: all but what is too much to be."""
    packed = PackedDay.objects.filter(device=device, day=day)
    return packed.exists() or any(packer.list_pieces([device], day))


def _join_hours(hours: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the stretches, each within a day."""
    start = end = None
    for hour in sorted(hours):
        if hour != end or hour % DAY == 0:
            if start is not None and end is not None:
                yield start, end
            start = hour
        end = hour + HOUR
    if start is not None and end is not None:
        yield start, end
