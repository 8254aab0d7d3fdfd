"""Gaps found in stretches that were summed before are those of all reports."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.history import gaps, timing

lengths = st.lists(
    st.sampled_from([1_000, 15_000, 20_001, 60_000, 61_000, 130_000, 3_600_000]) | st.integers(1, 500_000), max_size=150
)


@settings(deadline=None, max_examples=300)
@given(pauses=lengths, cuts=st.sets(st.integers(1, 150), max_size=12), nested=st.integers(0, 12))
def test_however_it_is_cut_its_gaps_are_the_same(pauses: list[int], cuts: set[int], nested: int) -> None:
    times = [1_000]
    for pause in pauses:
        times.append(times[-1] + pause)
    bounds = [0, *(cut for cut in sorted(cuts) if cut < len(times)), len(times)]
    parts = [timing.time_reports(times[start:end]) for start, end in pairwise(bounds)]
    whole = timing.join([timing.join(parts[: nested + 1]), *parts[nested + 1 :]])
    expected = gaps.list_pauses(times)
    assert timing.find_gaps(whole) == gaps.find_gaps(expected)
    assert timing.find_longest_pause(whole) == gaps.find_longest(expected[-gaps.AROUND :])
    assert (whole.first, whole.last, whole.reports) == (times[0], times[-1], len(times))
    assert len(whole.head) + len(whole.tail) <= 2 * timing.KEPT
    assert bisect_left(times, whole.last) == len(times) - 1


def test_a_device_that_is_always_in_trouble_fills_no_roll_up() -> None:
    times = [at for n in range(2_000) for at in (n * 60_000, n * 60_000 + 1_000, n * 60_000 + 2_000)]
    assert len(timing.time_reports(times).found) <= gaps.MOST
