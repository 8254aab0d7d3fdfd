"""What of a device's messages was not kept, in words: why, how often, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.prepared import prepared
from telemetry.models import SAMPLES_LENGTH, Drop

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from devices.models import Device

Cause = Drop.Cause
EXAMPLE = '{"data": {"rpm": 1800}}'
NEXT_STEPS = {
    Cause.TOO_OLD: "Its time lies more than 30 days back. Set the device's clock, or let it leave the time out.",
    Cause.PAST_KEPT: "Its organisation keeps reports for less long: an admin can change that in the settings. Or its "
    "clock is behind: set it, or let it leave the time out.",
    Cause.AHEAD: "Its time lies more than a day ahead. Set the device's clock, or let it leave the time out.",
    Cause.BAD_TIME: "Let it send milliseconds since the epoch, or ISO 8601 such as 2026-01-31T12:00:00Z.",
    Cause.MISTYPED: "Let it send what its recipe declares, or give the attribute another type in the recipe.",
    Cause.UNKEPT: "NaN, infinite numbers, whole ones beyond 2^53, and texts with a NUL are not kept.",
    Cause.AS_TEXT: "Let it send numbers without quotes, or let its recipe read numbers written as text.",
    Cause.UNDECLARED: "Declare it in the recipe; or leave it, if nobody needs it.",
    Cause.BESIDE: "Let it send values under “data”, and their time as “time”: a time under another name is not read, "
    "and the report counts as of its arrival.",
    Cause.DOUBLED: "Of a name that stands twice in one object the last value counts. Let it send each once.",
    Cause.MALFORMED: f"A message is JSON in UTF-8: {EXAMPLE}. Look at what the device sends.",
    Cause.NO_DATA: f"Values stand in an object under “data”: {EXAMPLE}.",
    Cause.OVERSIZE: "A message has at most 256 KB. Let it send several.",
    Cause.BARRED: "An admin can unlock the device, open its activation again, or bring it back.",
    Cause.LIMITED: "Let it send more slowly: at most 2 messages a second for long.",
    Cause.OVERLOAD: "With QoS 1 the broker keeps a message until it is taken. Let it publish so.",
    Cause.RETAINED: "It is no new report, so nothing of it is used. Let it publish without the retain flag.",
    Cause.BEFORE: "What it reported for the time before belongs to nobody here, and is not shown. If this goes on, the "
    "device's clock is behind: set it, or let it leave the time out.",
    Cause.ANSWER: "Let it answer before the command expires, with its id and a status: docs/protocol.md, Commands.",
    Cause.FAILED: "The site's log says why. Tell whoever runs the site.",
}
VALUES = {Cause.MISTYPED, Cause.UNKEPT, Cause.AS_TEXT, Cause.UNDECLARED, Cause.BESIDE, Cause.DOUBLED, Cause.ANSWER}
"""Causes that are counted by values, the rest of whose message is kept."""
TIMES = {Cause.TOO_OLD, Cause.PAST_KEPT, Cause.AHEAD, Cause.BAD_TIME}
"""Causes whose samples are times: one is enough."""
MOST_SAMPLES = 5


@dataclass(frozen=True)
class Dropped:
    cause: str
    what: str
    next_step: str
    count: int
    counted: str  # what is: value or message
    first_at: datetime
    last_at: datetime
    sample: str
    samples: list[str]
    more: bool  # than the samples


def list_dropped(device: Device) -> tuple[list[Dropped], int]:
    """Return what was dropped in the current assignment, by cause, the last first; and the number of all, for the
    version of a page."""
    rows = _select_drops(device.pk)
    shown = [_describe_drop(row) for row in rows if row.assignment_id == device.assignment_id]
    return shown, sum(row.count for row in rows)


@prepared
def _select_drops(device: int) -> QuerySet[Drop]:
    return Drop.objects.filter(device=device).order_by("-last_at", "cause")


def _describe_drop(row: Drop) -> Dropped:
    cause = Cause(row.cause)
    samples, more = _list_samples(row.sample, 1 if cause in TIMES else MOST_SAMPLES)
    return Dropped(
        cause=row.cause,
        what=str(cause.label),
        next_step=NEXT_STEPS[cause],
        count=row.count,
        counted="value" if cause in VALUES else "message",
        first_at=row.first_at,
        last_at=row.last_at,
        sample=samples[0] if samples else "",
        samples=samples,
        more=more,
    )


def _list_samples(kept: str, most: int) -> tuple[list[str], bool]:
    """Return the samples, the newest first, and whether there were others."""
    cut = len(kept) >= SAMPLES_LENGTH
    lines = kept.split("\n")[: -1 if cut else None]
    samples = list(dict.fromkeys(filter(None, lines)))
    return samples[:most], cut or len(samples) > most
