"""Who is silent: who said nothing for three of its own intervals, by the database's clock.

A device's interval is that which three of four of its last pauses between two reports do not exceed.
"""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from devices.attention import operations as attention
from devices.attention.operations import Finding
from devices.connections import presence
from devices.models import Attention, Connection
from devices.mqtt import heartbeat
from lib import live
from lib.db.clock import read_now
from telemetry.history.reports import read_last_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import QuerySet

INTERVALS = 3
PAUSES, FEWEST = 16, 3  # looked at; below which it has no interval of its own
SHORTEST = timedelta(minutes=1)
UNKNOWN = timedelta(days=1)
"""For how long a device may be silent at least; and one that has hardly said anything yet."""
FRESH = timedelta(hours=1)  # after which a device's interval is looked up anew
CHUNK = 1_000
ROUNDS = 20  # of a chunk each, in one call
SETTLING = timedelta(minutes=3)
"""For how long the site must have heard devices again before silence is theirs."""

_SINCE = "attention:hears-since"
_TIMES = {
    "postgresql": (
        "json_agg(extract(epoch FROM at))",
        "SELECT value::bigint AS id FROM json_array_elements_text(%s::json)",
    ),
    "sqlite": ("json_group_array((julianday(at) - 2440587.5) * 86400.0)", "SELECT value AS id FROM json_each(%s)"),
}


def watch() -> None:
    """Find who fell silent, while the site hears devices, and has for some minutes: else the silence is its own."""
    attention.end_former()
    if _has_heard_for_long():
        find_silent()


def find_silent() -> None:
    """Look up the intervals of those who need it; record whoever is silent, and wake who looks at them."""
    _look_up_intervals(_find_overdue().filter(Q(patience_at=None) | Q(patience_at__lt=F("reported_at"))))
    _look_up_intervals(
        Connection.objects.filter(
            Q(patience_at=None) | (Q(patience_at__lt=Now() - FRESH) & Q(patience_at__lt=F("reported_at"))),
            reported_at__isnull=False,
        )
    )
    for _ in range(ROUNDS):
        if _record_silent() < CHUNK:
            break


def _has_heard_for_long() -> bool:
    if not heartbeat.hears(heartbeat.read()):
        cache.delete(_SINCE)
        return False
    now = read_now()
    since = cache.get(_SINCE)
    cache.set(_SINCE, since or now, SETTLING.total_seconds())
    return since is not None and now - since >= SETTLING


def _find_overdue() -> QuerySet[Connection]:
    """Return the connections of devices in use that are silent for too long, and of which that is not recorded yet."""
    known = Attention.objects.filter(
        device=OuterRef("device"),
        assignment=OuterRef("device__assignment"),
        cause=Attention.Cause.SILENT,
        ended_at=None,
    )
    unknown = Q(patience=None, reported_at__lt=Now() - UNKNOWN, device__assignment__opened_at__lt=Now() - UNKNOWN)
    own = Q(patience__isnull=False, reported_at__lt=Now() - F("patience"))
    placed_before = Q(device__assignment__opened_at__lt=Now() - F("patience"))
    return Connection.objects.filter(
        ~Exists(known), unknown | (own & placed_before), device__retired_at=None, device__locked_at=None
    )


def _record_silent() -> int:
    """Record a chunk; return how many there were. Whoever stores a report meanwhile is let by, or waits and ends it."""
    with transaction.atomic():
        rows = _find_overdue().filter(patience_at__gte=F("reported_at")).select_related("device")
        held = list(rows.select_for_update(skip_locked=True, no_key=True, of=("self",)).order_by("pk")[:CHUNK])
        devices = [row.device for row in held]
        attention.begin([Finding(device, Attention.Cause.SILENT) for device in devices])
        topics = presence.list_topics(devices)
        transaction.on_commit(lambda: live.announce(topics))
    return len(held)


def _look_up_intervals(rows: QuerySet[Connection]) -> None:
    for _ in range(ROUNDS):
        found = list(rows.values_list("pk", flat=True).order_by("pk")[:CHUNK])
        with transaction.atomic():
            _write_patience(found)
        if len(found) < CHUNK:
            return


def _write_patience(devices: Sequence[int]) -> None:
    patience = {device: compute_patience(times) for device, times in _read_times(devices)}
    rows = Connection.objects.select_for_update(no_key=True).filter(pk__in=patience).order_by("pk")
    clock: dict[str, Any] = {"now": Now()}
    changed: Any = list(rows.annotate(**clock).only("pk"))
    for row in changed:
        row.patience, row.patience_at = patience[row.pk], row.now
    Connection.objects.bulk_update(changed, ["patience", "patience_at"])


def compute_patience(times: Iterable[float]) -> timedelta | None:
    """Return for how long it may be silent who reported at these times (seconds); None where they are too few."""
    lengths = sorted(after - before for before, after in pairwise(sorted(times)))
    if len(lengths) < FEWEST:
        return None
    usual = timedelta(seconds=lengths[(3 * len(lengths) - 1) // 4])
    return max(SHORTEST, INTERVALS * usual)


def _read_times(devices: Sequence[int]) -> list[tuple[int, list[float]]]:
    """Return when each device reported last, in seconds since the epoch."""
    gather, wanted = _TIMES[connection.vendor]
    statement = (
        f"SELECT wanted.id, (SELECT {gather} FROM (SELECT at FROM telemetry_report "  # noqa: S608 (of ours)
        f"WHERE device_id = wanted.id ORDER BY at DESC LIMIT {PAUSES + 1}) AS last) FROM ({wanted}) AS wanted"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(list(devices))])
        found = [(device, _parse(times)) for device, times in cursor.fetchall()]
    return [(device, _add_packed(device, times)) for device, times in found]


def _add_packed(device: int, times: list[float]) -> list[float]:
    """Return them with those of packed days, where those that lie are too few."""
    if len(times) > PAUSES:
        return times
    return sorted({*times, *read_last_times(device, PAUSES + 1)})[-PAUSES - 1 :]


def _parse(times: Any) -> list[float]:
    return [float(each) for each in (json.loads(times) if isinstance(times, str) else times or [])]
