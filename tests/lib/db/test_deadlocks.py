"""Who lost against another transaction tries again; who failed by itself is told at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError

from lib.db import deadlocks


class Lost(Exception):
    """Stand for a driver's error with its code."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def failing(times: int, cause: Exception | None) -> tuple[Any, list[int]]:
    """Return what fails so often before it is done, and its tries."""
    tries: list[int] = []

    def act() -> str:
        tries.append(len(tries))
        if len(tries) <= times:
            raise OperationalError("ended") from cause
        return "done"

    return act, tries


@pytest.mark.parametrize(
    "cause", [Lost("40P01"), None, ValueError("database is locked")], ids=["lost", "none", "sqlite"]
)
@pytest.mark.parametrize("times", [0, 1, 2])
def test_the_loser_tries_again(times: int, cause: Exception | None) -> None:
    act, tries = failing(times, cause)
    assert deadlocks.try_again(act) == "done"
    assert len(tries) == times + 1


def test_who_loses_each_time_is_told() -> None:
    act, tries = failing(9, Lost("40P01"))
    with pytest.raises(OperationalError):
        deadlocks.try_again(act)
    assert len(tries) == deadlocks.TRIES


@pytest.mark.parametrize("code", ["55P03", "57014", "08006"], ids=["waited for a lock", "cancelled", "no connection"])
def test_whatever_else_the_database_says_is_not_tried_again(code: str) -> None:
    act, tries = failing(1, Lost(code))
    with pytest.raises(OperationalError):
        deadlocks.try_again(act)
    assert len(tries) == 1


def test_another_error_is_nobodys_deadlock() -> None:
    def act() -> None:
        tries.append(1)
        raise ValueError("wrong")

    tries: list[int] = []
    with pytest.raises(ValueError, match="wrong"):
        deadlocks.try_again(act)
    assert tries == [1]
