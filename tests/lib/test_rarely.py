"""What happens again and again is told the first, the tenth, the hundredth time."""

from __future__ import annotations

from lib import rarely
from lib.rarely import Rarely


def test_powers_of_ten_are_told_with_which_time_it_is() -> None:
    told = Rarely()
    assert [times for _ in range(1_200) if (times := told.count("key"))] == [1, 10, 100, 1_000]


def test_each_key_has_its_own_times() -> None:
    told = Rarely()
    assert [told.count(key) for key in ("a", "a", "b", ("a", 1))] == [1, 0, 1, 1]


def test_keys_of_strangers_are_forgotten_before_they_fill_the_memory() -> None:
    told = Rarely()
    for number in range(rarely.MOST + 1):
        told.count(number)
    assert told.count(0) == 1  # all were forgotten
    assert told.count(0) == 0
