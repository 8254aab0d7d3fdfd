"""In which row a key came first, of a million keys."""

from __future__ import annotations

from array import array

BITS = (1 << 64) - 1
FULLEST = 0.6


class FirstSeen:
    """Remember the row of each key in a hash table with open addressing in two arrays: 12 bytes a slot, where a dict
    takes a hundred.

    Keys stand by 64 bits of their keyed hash: two alike once in ten million files of a million rows.
    """

    def __init__(self, expected: int = 0) -> None:
        self._make(max(1024, int(expected / FULLEST)))

    def find_first(self, key: str, row: int) -> int:
        """Return the row in which the key was first; this one, if it is new."""
        if self._free == 0:
            self._grow()
        code, keys, mask = hash(key) & BITS or 1, self._keys, self._mask
        at = code & mask
        while (found := keys[at]) != code:
            if found == 0:
                keys[at], self._rows[at] = code, row
                self._free -= 1
                return row
            at = (at + 1) & mask
        return self._rows[at]

    def _make(self, slots: int) -> None:
        size = 1 << (slots - 1).bit_length()
        self._mask, self._free = size - 1, int(size * FULLEST)
        self._keys = array("Q", [0]) * size
        self._rows = array("I", [0]) * size

    def _grow(self) -> None:
        former, rows = self._keys, self._rows
        self._make(2 * len(former))
        keys, mask = self._keys, self._mask
        for code, row in zip(former, rows, strict=True):
            if code:
                at = code & mask
                while keys[at]:
                    at = (at + 1) & mask
                keys[at], self._rows[at] = code, row
                self._free -= 1
