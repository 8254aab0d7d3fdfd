from __future__ import annotations

import sys

from devices.imports.first_seen import FirstSeen


def test_the_first_row_of_each_key_whatever_was_expected() -> None:
    for expected in (0, 5_000):
        firsts = FirstSeen(expected)
        assert [firsts.find_first(f"S{row}", row) for row in range(2, 5_002)] == list(range(2, 5_002))
        assert [firsts.find_first(f"S{row}", row + 9_000) for row in range(2, 5_002)] == list(range(2, 5_002))


def test_a_million_keys_take_a_few_megabytes() -> None:
    firsts = FirstSeen(1_000_000)
    assert sys.getsizeof(firsts._keys) + sys.getsizeof(firsts._rows) < 28_000_000
