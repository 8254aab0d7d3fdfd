"""What is stored of reports in packed days, for who stores more of the same: what comes again changes nothing."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from lib import columns
from telemetry.ingest import day_format
from telemetry.ingest.day_format import DAY_US
from telemetry.models import PackedDay

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    Key = tuple[int, datetime]

LEAST_AGE = timedelta(hours=36)
"""Of what may be packed: days are, two days after their end by the database's clock, and no clock is that wrong."""


class Packed(NamedTuple):
    assignment: int | None
    data: dict[str, Any]


def read_packed(keys: Collection[Key]) -> dict[Key, Packed]:
    """Return what is packed of these (device, at)."""
    wanted: dict[tuple[int, int], dict[int, Key]] = defaultdict(dict)
    for key in keys:
        at = columns.count_microseconds(key[1])
        wanted[key[0], at // DAY_US][at] = key
    if not wanted:
        return {}
    devices, days = ({each[n] for each in wanted} for n in (0, 1))
    rows = PackedDay.objects.filter(device__in=devices, day__in=days)
    found = {}
    for device, tenure, day, body in rows.values_list("device_id", "tenure", "day", "body"):
        if moments := wanted.get((device, day)):
            for at, _, data in day_format.decode_some(day * DAY_US, bytes(body), moments.keys()):
                found[moments[at]] = Packed(tenure or None, data)
    return found
