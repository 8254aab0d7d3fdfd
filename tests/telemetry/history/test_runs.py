"""Runs of states: which values are states, how reports become runs, and when runs are too many to hold."""

from __future__ import annotations

import json
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.history import runs
from telemetry.history.runs import LENGTH, MOST_RUNS, MOST_STATES, Run, Runs, join_runs, make_runs

Told = list[tuple[int, str]]


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("running", "running"),
        ("", ""),
        (True, "true"),
        (False, "false"),
        ("x" * LENGTH, "x" * LENGTH),
        ("x" * 200, "x" * (LENGTH + 1)),
        (1, None),
        (0.0, None),
        (None, None),
        (["running"], None),
    ],
)
def test_texts_and_truths_are_states(value: object, state: str | None) -> None:
    assert runs.find_state(value) == state


def test_reports_of_one_state_that_follow_each_other_are_a_run() -> None:
    told = [(1, "on"), (2, "on"), (5, "off"), (9, "on")]
    assert make_runs(told) == Runs(True, [Run("on", 1, 2, 2), Run("off", 5, 5, 1), Run("on", 9, 9, 1)])


def test_of_more_runs_than_are_held_one_of_each_state_is() -> None:
    told = [(at, "on" if at % 2 else "off") for at in range(MOST_RUNS + 1)]
    assert make_runs(told[:-1]).whole
    assert make_runs(told) == Runs(False, [Run("off", 0, MOST_RUNS, 25), Run("on", 1, MOST_RUNS - 1, 24)])


@pytest.mark.parametrize(("states", "kept"), [(MOST_STATES, MOST_STATES), (MOST_STATES + 1, 0)])
def test_of_more_states_than_states_are_there_is_none(states: int, kept: int) -> None:
    told = [(at, f"s{at % states}") for at in range(3 * states)]
    found = make_runs(told)
    assert (found.whole, len(found.runs)) == (False, kept)


def test_few_runs_of_many_states_are_held_whole() -> None:
    assert make_runs([(at, f"s{at}") for at in range(MOST_STATES + 1)]).whole


def test_runs_on_both_sides_of_a_cut_are_one() -> None:
    parts = [make_runs([(1, "on"), (2, "off")]), make_runs([(3, "off"), (4, "on")])]
    assert join_runs(parts) == make_runs([(1, "on"), (2, "off"), (3, "off"), (4, "on")])


def test_what_was_cut_once_is_not_whole_again() -> None:
    many = make_runs([(at, "on" if at % 2 else "off") for at in range(MOST_RUNS + 1)])
    joined = join_runs([many, make_runs([(100, "on"), (101, "fault")])])
    assert joined == Runs(False, [Run("off", 0, 48, 25), Run("on", 1, 100, 25), Run("fault", 101, 101, 1)])


def test_where_a_part_had_too_many_states_the_whole_has_none() -> None:
    texts = make_runs([(at, f"line {at}") for at in range(MOST_RUNS + 1)])
    assert texts == Runs(False, [])
    assert join_runs([make_runs([(-1, "on")]), texts]) == Runs(False, [])


told_states = st.lists(st.sampled_from(["on", "off", "fault"]), min_size=1, max_size=120)


@given(told_states, st.sets(st.integers(1, 119), max_size=6))
def test_however_it_is_cut_the_runs_are_those_of_all_reports(states: list[str], cuts: set[int]) -> None:
    told = [(10 * n, state) for n, state in enumerate(states)]
    bounds = [0, *sorted(cut for cut in cuts if cut < len(told)), len(told)]
    joined = join_runs([make_runs(told[start:end]) for start, end in pairwise(bounds)])
    whole = make_runs(told)
    assert sum(run.reports for run in joined.runs) == len(told)
    assert {run.state for run in joined.runs} == set(states)
    if joined.whole:
        assert joined == whole
        assert len(joined.runs) == len(list(groupby(states)))
    else:
        found = {run.state: (run.first, run.last, run.reports) for run in joined.runs}
        for state in set(states):
            times = [at for at, each in told if each == state]
            assert found[state] == (times[0], times[-1], len(times))


@given(told_states, st.integers(0, 10**13))
def test_what_is_written_is_read_again(states: list[str], since: int) -> None:
    made = make_runs((since + 1000 * n, state) for n, state in enumerate(states))
    whole, written = json.loads(json.dumps(runs.write(made, since)))
    assert runs.read(whole, written, since) == made
    assert written[0][1] == 0
