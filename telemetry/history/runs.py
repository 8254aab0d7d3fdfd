"""Which states were reported in a bucket of time, and from when to when: enough to draw them without their reports."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_STATES = 24  # of one attribute: what says more is a text and no state
MOST_RUNS = 48  # of a bucket
LENGTH = 60  # of a state that is shown
TRUTHS = {True: "true", False: "false"}


class Run(NamedTuple):
    """Hold reports of one state that follow each other."""

    state: str  # as `find_state` gives it
    first: int  # milliseconds since the epoch
    last: int
    reports: int


class Runs(NamedTuple):
    """Hold those of a bucket; one of each state where they are too many to hold (not `whole`), and none where the
    states are."""

    whole: bool
    runs: list[Run]


def find_state(value: Any) -> str | None:
    """Return the state that a text or a truth is, as long as it may be; None for anything else."""
    if type(value) is str:
        return value[: LENGTH + 1]
    return TRUTHS[value] if type(value) is bool else None


def make_runs(told: Iterable[tuple[int, str]]) -> Runs:
    """Return the runs of reports, each its milliseconds since the epoch and its state, in the order of time."""
    runs = []
    for state, of in groupby(told, key=itemgetter(1)):
        times = [at for at, _ in of]
        runs.append(Run(state, times[0], times[-1], len(times)))
    return _cut(runs)


def join_runs(parts: Sequence[Runs]) -> Runs:
    """Return those of several, at least one, that follow each other."""
    if not all(part.runs for part in parts):
        return Runs(False, [])
    runs = _join([run for part in parts for run in part.runs])
    return _cut(runs, whole=all(part.whole for part in parts))


def _join(runs: Iterable[Run]) -> list[Run]:
    """Join those of one state that follow each other."""
    joined: list[Run] = []
    for run in runs:
        if joined and joined[-1].state == run.state:
            joined[-1] = joined[-1]._replace(last=run.last, reports=joined[-1].reports + run.reports)
        else:
            joined.append(run)
    return joined


def _cut(runs: list[Run], *, whole: bool = True) -> Runs:
    if whole and len(runs) <= MOST_RUNS:
        return Runs(True, runs)
    states: dict[str, Run] = {}
    for run in runs:
        known = states.get(run.state)
        states[run.state] = (
            run
            if known is None
            else run._replace(first=known.first, last=max(known.last, run.last), reports=known.reports + run.reports)
        )
    found = sorted(states.values(), key=itemgetter(1, 0))
    return Runs(False, found if len(found) <= MOST_STATES else [])


def write(runs: Runs, since: int) -> list[Any]:
    """Return them as JSON takes them, times counted from `since`."""
    return [int(runs.whole), [[run.state, run.first - since, run.last - since, run.reports] for run in runs.runs]]


def read(whole: int, runs: list[Any], since: int) -> Runs:
    return Runs(bool(whole), [Run(state, first + since, last + since, of) for state, first, last, of in runs])
