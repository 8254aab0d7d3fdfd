"""When something was reported, in short: enough to find, of many stretches in a row, the gaps that all their reports
have."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from telemetry.history import gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetry.history.gaps import Gap

KEPT = 2 * gaps.AROUND  # pauses at each end: the outer ones are yet to be judged, the others judge them


class Timing(NamedTuple):
    """Hold the times of some reports, in milliseconds since the epoch.

    `head` has the lengths of all pauses, or of the first KEPT. Then `tail` has those of the last KEPT, and `found` the
    gaps among the rest and the inner half of both.
    """

    first: int
    last: int
    reports: int
    head: list[int]
    tail: list[int]
    found: list[Gap]


def time_reports(times: Sequence[int]) -> Timing:
    """Return the timing of at least one report; the times rise."""
    lengths = [after - before for before, after in pairwise(times)]
    return _cut(times[0], times[-1], len(times), lengths)


def _cut(first: int, last: int, reports: int, lengths: list[int]) -> Timing:
    if len(lengths) <= 2 * KEPT:
        return Timing(first, last, reports, lengths, [], [])
    found = _judge(lengths, first, gaps.AROUND, len(lengths) - gaps.AROUND)
    return Timing(first, last, reports, lengths[:KEPT], lengths[-KEPT:], _keep_longest(found))


def join(timings: Sequence[Timing]) -> Timing:
    """Return the timing of several, at least one, that follow each other."""
    head: list[int] = []
    run: list[int] = []  # pauses without a hole
    begin, last, found = timings[0].first, None, []
    for timing in timings:
        if last is not None:
            run.append(timing.first - last)
        run.extend(timing.head)
        last = timing.last
        if timing.tail:
            head = head or run[:KEPT]
            found += _judge(run, begin, gaps.AROUND, len(run) - gaps.AROUND)
            found += timing.found
            run = list(timing.tail)
            begin = last - sum(run)
    first, last, reports = timings[0].first, timings[-1].last, sum(timing.reports for timing in timings)
    if not head:
        return _cut(first, last, reports, run)
    found += _judge(run, begin, gaps.AROUND, len(run) - gaps.AROUND)
    return Timing(first, last, reports, head, run[-KEPT:], _keep_longest(found))


def list_times(timing: Timing) -> list[int]:
    """Return the times themselves, of few."""
    return list(accumulate(timing.head, initial=timing.first))


def find_gaps(timing: Timing) -> list[Gap]:
    """Return those of all its reports, in the order of time."""
    head, tail = timing.head, timing.tail
    if not tail:
        return _judge(head, timing.first, 0, len(head))
    begun = _judge(head, timing.first, 0, gaps.AROUND)
    return [*begun, *timing.found, *_judge(tail, timing.last - sum(tail), KEPT - gaps.AROUND, KEPT)]


def find_longest_pause(timing: Timing) -> int:
    """Return the milliseconds after the last report from which on its silence is a gap."""
    return gaps.find_longest_length((timing.tail or timing.head)[-gaps.AROUND :])


def _judge(lengths: Sequence[int], begin: int, start: int, end: int) -> list[Gap]:
    """Return which of the pauses from `start` to before `end` are gaps; the first of all began at `begin`."""
    if start >= end:
        return []
    # A bound for all at once: among fewer, what stands at this place is longer.
    fewest = min(min(n, gaps.AROUND) + min(len(lengths) - 1 - n, gaps.AROUND) for n in (start, end - 1))
    least = max(gaps.LEAST_MS, 2 * sorted(lengths)[fewest // 2]) if fewest else gaps.LEAST_MS
    if max(lengths[start:end]) <= least:
        return []
    ends = list(accumulate(lengths, initial=begin))
    return [
        (ends[n], ends[n + 1])
        for n in range(start, end)
        if lengths[n] > least
        and lengths[n]
        > gaps.find_longest_length([*lengths[max(0, n - gaps.AROUND) : n], *lengths[n + 1 : n + 1 + gaps.AROUND]])
    ]


def _keep_longest(found: list[Gap]) -> list[Gap]:
    if len(found) <= gaps.MOST:
        return found
    return sorted(sorted(found, key=lambda gap: gap[0] - gap[1])[: gaps.MOST])
