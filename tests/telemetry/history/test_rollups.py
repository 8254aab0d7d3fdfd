"""What a bucket of time comes to is the same whether it was summed at once or from parts, and whether it was kept."""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.history import rollups
from telemetry.history.rollups import FEW, Bucket, Sums, join_buckets, join_sums, sum_numbers, sum_reports

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = sys.float_info.max
Report = tuple[int, dict[str, Any]]


def make(*reports: Report) -> Bucket:
    bucket = sum_reports(reports)
    assert bucket is not None
    return bucket


def test_numbers_come_to_their_mean_ends_and_last() -> None:
    assert sum_numbers([3.0, -1.0, 7.0, 5.0, 2.0]) == Sums(3.2, -1.0, 7.0, 2.0, 5)


@pytest.mark.parametrize(("count", "held"), [(1, True), (FEW, True), (FEW + 1, False)])
def test_few_numbers_are_held_as_they_are(count: int, held: bool) -> None:
    numbers = [float(n) for n in range(count)]
    assert sum_numbers(numbers).numbers == (numbers if held else [])


@pytest.mark.parametrize(
    ("numbers", "mean"),
    [
        ([MOST, MOST], MOST),
        ([-MOST, -MOST, -MOST], -MOST),
        ([MOST, -MOST], 0.0),
        ([5e-324, 5e-324], 5e-324),
        ([1e16, 1.0, -1e16], 1 / 3),
        ([0.1] * 10, 0.1),
    ],
)
def test_a_mean_holds_whatever_the_size(numbers: Sequence[float], mean: float) -> None:
    assert rollups.compute_mean(numbers) == mean
    parts = [sum_numbers(numbers[:1]), sum_numbers(numbers[1:])]
    assert join_sums(parts).mean == pytest.approx(mean, rel=1e-9)


def test_a_bucket_joined_of_great_numbers_has_a_finite_mean() -> None:
    great = sum_numbers([MOST] * (FEW + 1))
    joined = join_sums([great, great, sum_numbers([0.0])])
    assert math.isfinite(joined.mean)
    assert (joined.low, joined.high, joined.last, joined.reports) == (0.0, MOST, 0.0, 11)


def test_numbers_and_states_are_told_apart_by_what_they_are_not_by_name() -> None:
    bucket = make((1, {"a": 1, "b": "on"}), (2, {"a": 2.5, "b": True}), (3, {"a": "off", "b": 7}))
    assert bucket.sums["a"][1] == Sums(1.75, 1.0, 2.5, 2.5, 2, [1.0, 2.5])
    assert bucket.sums["b"][1] == Sums(7.0, 7.0, 7.0, 7.0, 1, [7.0])
    assert [run.state for run in bucket.states["a"][1].runs] == ["off"]
    assert [run.state for run in bucket.states["b"][1].runs] == ["on", "true"]


def test_attributes_that_come_together_have_one_timing() -> None:
    bucket = make((1, {"a": 1, "b": 1, "s": "on"}), (2, {"a": 1, "b": 1, "s": "on", "c": 1}))
    assert len(bucket.timings) == 2
    timing = bucket.sums["a"][0]
    assert bucket.sums["b"][0] == bucket.states["s"][0] == timing != bucket.sums["c"][0]
    assert (bucket.timings[timing].reports, bucket.timings[bucket.sums["c"][0]].reports) == (2, 1)


@pytest.mark.parametrize("reports", [[], [(1, {})], [(1, {"a": None}), (2, {"a": [1]})]])
def test_of_neither_numbers_nor_states_there_is_no_bucket(reports: list[Report]) -> None:
    assert sum_reports(reports) is None


numbers = st.floats(-1e12, 1e12) | st.integers(-(2**53), 2**53)
values = st.dictionaries(
    st.sampled_from(["rpm", "load", "state"]), numbers | st.booleans() | st.text(max_size=3), min_size=1
)
reports = st.lists(values, min_size=1, max_size=60)


def cut(told: list[Report], cuts: set[int]) -> list[Bucket]:
    bounds = [0, *sorted(each for each in cuts if each < len(told)), len(told)]
    return [make(*told[start:end]) for start, end in pairwise(bounds)]


def plain(bucket: Bucket) -> dict[str, object]:
    """What it says of each attribute, means roundly."""
    sums = {
        name: (bucket.timings[timing].reports, float(f"{of.mean:.6g}"), of[1:5])
        for name, (timing, of) in bucket.sums.items()
    }
    states = {name: (bucket.timings[timing], of) for name, (timing, of) in bucket.states.items()}
    return {"sums": sums, "states": states}


@given(reports, st.sets(st.integers(1, 59), max_size=4))
def test_parts_come_to_what_the_whole_does(told: list[dict[str, Any]], cuts: set[int]) -> None:
    rows = [(1000 * n, data) for n, data in enumerate(told)]
    joined, whole = join_buckets(cut(rows, cuts)), make(*rows)
    assert joined.states.keys() == whole.states.keys()
    assert joined.sums.keys() == whole.sums.keys()
    for name, (timing, of) in whole.sums.items():
        other_timing, other = joined.sums[name]
        assert joined.timings[other_timing] == whole.timings[timing]
        assert (other.low, other.high, other.last, other.reports) == (of.low, of.high, of.last, of.reports)
        assert other.mean == pytest.approx(of.mean, rel=1e-9, abs=1e-3)
    for name, (_, runs_of) in whole.states.items():
        assert not runs_of.whole or joined.states[name][1] == runs_of


@given(reports)
def test_what_is_written_is_read_again(told: list[dict[str, Any]]) -> None:
    bucket = make(*((1_790_000_000_000 + 1000 * n, data) for n, data in enumerate(told)))
    [again] = rollups.read_all([rollups.write(bucket)])
    assert again.timings == bucket.timings
    assert plain(again) == plain(bucket)


def test_only_the_attributes_that_are_asked_for_are_read() -> None:
    text = rollups.write(make((1, {"rpm": 1, "load": 2, "state": "on"})))
    [found] = rollups.read_all([text], {"load", "state", "other"})
    assert (list(found.sums), list(found.states)) == (["load"], ["state"])
    assert rollups.read_all([]) == []
