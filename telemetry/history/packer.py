"""Packing what devices reported in days that are over: a row a device, assignment and day instead of its reports.

A piece is one transaction: it takes the reports, and what it took is what it packs, with what was packed before. So who
reads reports first and packed days after sees each once, and whoever stores more meanwhile is only held up where it
stores the same moment. What is stored later for such a day is noted as late, and packed like this again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Count, F, Func, IntegerField, Sum

from telemetry.history import packed_sums
from telemetry.history.rollups import DAY
from telemetry.ingest import day_format, upserts
from telemetry.ingest.day_format import DAY_US
from telemetry.ingest.times import EPOCH
from telemetry.models import NO_TENURE, PackedDay, Report, RollUp

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from telemetry.ingest.day_format import Reports
    from telemetry.ingest.upserts import LyingRow

    PackedRow = tuple[int, bytes]

PIECE = 5_000  # reports that a transaction takes, at most, or those of one device
MOST_REPORTS, MOST_BYTES = 250_000, 64 << 20  # of a device and a day: more stay as they are


class Kept(NamedTuple):
    tenure: int
    timed: bool
    data: dict[str, Any]


class Size(Func):
    """Compute how many bytes a report's values take as they are read: long texts are stored compressed."""

    output_field = IntegerField()
    template = (
        "CASE WHEN pg_column_compression(%(expressions)s) IS NULL THEN pg_column_size(%(expressions)s) "
        "ELSE octet_length((%(expressions)s)::text) END"
    )

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="LENGTH(%(expressions)s)", **context)


def find_ends(day: int) -> tuple[datetime, datetime]:
    """Return when a day since the epoch begins, and ends."""
    return EPOCH + timedelta(days=day), EPOCH + timedelta(days=day + 1)


def list_pieces(devices: Sequence[int], day: int) -> Iterator[list[int]]:
    """Yield which of the devices are packed at once: those that have reports of that day which are not too many."""
    start, end = find_ends(day)
    within = Report.objects.filter(device__in=devices, at__gte=start, at__lt=end).order_by().values("device")
    told = within.annotate(reports=Count("*"), size=Sum(Size(F("data")))).order_by("device")
    piece: list[int] = []
    room = PIECE
    rows: Any = told.values_list("device", "reports", "size")
    for device, reports, size in rows:
        if reports > MOST_REPORTS or size > MOST_BYTES:
            continue
        if piece and reports > room:
            yield piece
            piece, room = [], PIECE
        piece.append(device)
        room -= reports
    if piece:
        yield piece


class Prepared(NamedTuple):
    """Hold, of each device, what was read of a day, and the rows that are made of it."""

    lying: dict[int, list[LyingRow]]
    packed: dict[int, list[PackedRow]]
    rows: dict[int, list[PackedDay]]


def prepare(devices: Collection[int], day: int) -> Prepared:
    """Return what will be packed of that day since the epoch, if nothing comes meanwhile: all that takes long."""
    lying = _divide(upserts.read_lying(sorted(devices), *find_ends(day)))
    packed = _read_packed(devices, day)
    found = lying.keys() | packed.keys()
    return Prepared(lying, packed, {each: _build(each, day, packed[each], lying[each]) for each in found})


def pack(devices: Collection[int], day: int, prepared: Prepared) -> None:
    """Pack what these devices, which are held, reported on that day since the epoch, in the caller's transaction."""
    lying = _divide(upserts.take_reports(sorted(devices), *find_ends(day)))
    packed = _read_packed(devices, day)
    made: list[PackedDay] = []
    for device in sorted(lying.keys() | packed.keys()):
        if lying[device] == prepared.lying[device] and packed[device] == prepared.packed[device]:
            made += prepared.rows[device]
        else:
            made += _build(device, day, packed[device], lying[device])
    replace(devices, day, made)
    RollUp.objects.filter(device__in=devices, start__gte=day * DAY, start__lt=(day + 1) * DAY).delete()


def _divide(rows: Iterable[LyingRow]) -> defaultdict[int, list[LyingRow]]:
    found: defaultdict[int, list[LyingRow]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return found


def _read_packed(devices: Collection[int], day: int) -> defaultdict[int, list[PackedRow]]:
    found: defaultdict[int, list[PackedRow]] = defaultdict(list)
    rows = PackedDay.objects.filter(device__in=devices, day=day).order_by("device", "tenure")
    for device, tenure, body in rows.values_list("device_id", "tenure", "body"):
        found[device].append((tenure, bytes(body)))
    return found


def replace(devices: Collection[int], day: int, made: Sequence[PackedDay]) -> None:
    PackedDay.objects.filter(device__in=devices, day=day).delete()
    PackedDay.objects.bulk_create(made, batch_size=100)


def _build(device: int, day: int, packed: Iterable[PackedRow], lying: Sequence[LyingRow]) -> list[PackedDay]:
    tenures: dict[int, Reports] = defaultdict(list)
    for at, (tenure, timed, data) in sorted(_merge(day, packed, lying).items()):
        tenures[tenure].append((at, timed, data))
    made = []
    for tenure, reports in tenures.items():
        body = day_format.encode(day * DAY_US, reports)
        sums, hours = packed_sums.write(packed_sums.read_columns(day, body, None), len(body))
        told = {"reports": len(reports), "body": body, "sums": sums, "hours": hours}
        made.append(PackedDay(device_id=device, tenure=tenure, day=day, **told))
    return made


def _merge(day: int, packed: Iterable[PackedRow], lying: Sequence[LyingRow]) -> dict[int, Kept]:
    """Return what is kept of each moment, merged as reports are (`telemetry.ingest.upserts.write_reports`)."""
    kept = {}
    for tenure, body in packed:
        for at, timed, data in day_format.decode(day * DAY_US, body):
            kept[at] = Kept(tenure, timed, data)
    values = json.loads(f"[{','.join(row[4] for row in lying)}]")  # at once: each by itself takes longer
    for (_, assignment, timed, at, _), data in zip(lying, values, strict=True):
        tenure, former = assignment or NO_TENURE, kept.get(at)
        if former is None:
            kept[at] = Kept(tenure, timed, data)
        elif tenure in (NO_TENURE, former.tenure):
            kept[at] = Kept(former.tenure, former.timed and timed, {**former.data, **data})
        else:
            kept[at] = Kept(tenure, former.timed and timed, data)
    return kept
