"""What strangers do is counted at once and written later, in one statement, however many they are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError

from lib import late_counts
from lib.late_counts import LateCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Written = list[list[tuple[str, int]]]


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    started: list[Callable[[], None]] = []

    def start(_: float, do: Callable[[], None]) -> object:
        started.append(do)
        return object()

    monkeypatch.setattr(late_counts, "start_timer", start)
    monkeypatch.setattr(late_counts, "close_old_connections", lambda: None)
    return started


def make_counts(fail: bool = False) -> tuple[LateCounts[str], Written]:
    written: Written = []

    def write(things: Iterable[tuple[str, int]]) -> None:
        if fail:
            raise DatabaseError("no room")
        written.append([*things])

    return LateCounts(write, of="knocks"), written


@pytest.mark.usefixtures("timers")
def test_the_last_of_a_key_is_written_with_how_often_it_came() -> None:
    counts, written = make_counts()
    for key, thing in (("a", "first"), ("b", "other"), ("a", "second"), ("a", "third")):
        counts.note(key, lambda thing=thing: thing)  # type: ignore[misc]
    counts.count()
    assert written == [[("third", 3), ("other", 1)]]
    counts.count()
    assert len(written) == 1  # nothing came: nothing is written


def test_one_timer_runs_until_it_has_written(timers: list[Any]) -> None:
    counts, written = make_counts()
    for _ in range(3):
        counts.note("a", lambda: "a")
    assert len(timers) == 1
    timers[0]()
    assert written == [[("a", 3)]]
    counts.note("a", lambda: "a")
    assert len(timers) == 2


@pytest.mark.usefixtures("timers")
def test_beyond_the_bound_new_keys_are_left_out_and_known_ones_still_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_counts, "MOST", 2)
    counts, written = make_counts()
    for key in ("a", "b", "c", "a"):
        counts.note(key, lambda key=key: key)  # type: ignore[misc]
    counts.count()
    assert written == [[("a", 2), ("b", 1)]]


def test_a_database_that_does_not_answer_is_told_and_ends_nothing(
    timers: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    counts, _ = make_counts(fail=True)
    counts.note("a", lambda: "a")
    with caplog.at_level(logging.WARNING):
        timers[0]()
    assert "knocks are not counted: no room" in caplog.text
    counts.note("a", lambda: "a")
    assert len(timers) == 2
