"""Where nothing was reported: pauses between two reports that are longer than those around them, the same ones in every
range."""

from __future__ import annotations

from bisect import bisect_left
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import F, Window
from django.db.models.functions import Lag

from telemetry.ingest.times import count_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from django.db.models import QuerySet

    from telemetry.models import Report

    Gap = tuple[int, int]

LEAST_MS = 20_000  # shorter pauses are none
AROUND = 8  # pauses before and after one, by which it is judged
MOST = 600  # pauses inside of buckets that are looked at, the longest


class Pause(NamedTuple):
    """Hold from when to when (milliseconds since the epoch) nothing was reported. One that is `usual` stands for
    several of a bucket, and only says how long they are."""

    start: int
    end: int
    usual: bool = False


class Bucket(NamedTuple):
    first: int  # milliseconds since the epoch, of its reports
    last: int
    reports: int


def find_gaps(pauses: Sequence[Pause]) -> list[Gap]:
    return [
        (pause.start, pause.end)
        for n, pause in enumerate(pauses)
        if not pause.usual
        and pause.end - pause.start > LEAST_MS
        and pause.end - pause.start > find_longest([*pauses[max(0, n - AROUND) : n], *pauses[n + 1 : n + 1 + AROUND]])
    ]


def find_longest(around: Iterable[Pause]) -> int:
    """Return the milliseconds up to which a pause among these is none to speak of: twice the usual one; where half of
    them are slow, as where a device begins to report more often, that of the slow ones."""
    return find_longest_length([pause.end - pause.start for pause in around])


def find_longest_length(around: Sequence[int]) -> int:
    """Return the same of pauses of these lengths."""
    return max(LEAST_MS, 2 * sorted(around)[len(around) // 2]) if around else LEAST_MS


def list_pauses(times: Iterable[int]) -> list[Pause]:
    return [Pause(*pair) for pair in pairwise(times)]


def list_pauses_of_buckets(buckets: Sequence[Bucket], longest: Sequence[Gap]) -> list[Pause]:
    """Return those between buckets, the `longest` inside of them, and of the rest the usual ones."""
    starts = [start for start, _ in longest]
    pauses: list[Pause] = []
    for n, bucket in enumerate(buckets):
        if n:
            pauses.append(Pause(buckets[n - 1].last, bucket.first))
        at = range(bisect_left(starts, bucket.first), bisect_left(starts, bucket.last))
        inside = [Pause(*longest[each]) for each in at if longest[each][1] <= bucket.last]
        pauses.extend(_fill(bucket, inside))
        pauses.extend(inside)
    return pauses


def _fill(bucket: Bucket, inside: Sequence[Pause]) -> Iterator[Pause]:
    number = bucket.reports - 1 - len(inside)
    if number > 0:
        rest = bucket.last - bucket.first - sum(pause.end - pause.start for pause in inside)
        usual = Pause(bucket.first, bucket.first + max(0, rest // number), usual=True)
        yield from [usual] * min(number, AROUND)


def read_longest(within: QuerySet[Report]) -> list[Gap]:
    """Return the longest pauses between reports of these, in the order of time."""
    told = within.order_by().values("at").annotate(before=Window(Lag("at"), order_by="at"))
    long = told.annotate(pause=F("at") - F("before")).filter(pause__gt=timedelta(milliseconds=LEAST_MS))
    rows: list[Any] = list(long.order_by("-pause").values_list("before", "at")[:MOST])
    return sorted((count_milliseconds(before), count_milliseconds(at)) for before, at in rows)
