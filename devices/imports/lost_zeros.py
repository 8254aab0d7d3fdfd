"""Serials of digits whose zeros at the front a spreadsheet dropped: which device has them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from django.db.models.functions import Length

from devices.imports.odd_serials import NAMED
from devices.imports.spreadsheets import DIGITS
from lib.parsing import is_whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devices.models import DeviceQuerySet


def ask(there: Sequence[str]) -> str:
    """Ask whether the only device that has them is meant; "" where there are none, or several."""
    return f"A spreadsheet drops zeros at the front: is it {there[0]}? Correct the cell." if len(there) == 1 else ""


class LostZeros:
    """Find serials among those of some devices: two queries for all rows of a batch."""

    def __init__(self, devices: DeviceQuerySet) -> None:
        self._devices = devices

    def find(self, keys: Iterable[str]) -> dict[str, list[str]]:
        """Return the serials that are a folded one with zeros before it, of those that have such."""
        digits = [key for key in keys if len(key) <= DIGITS and is_whole_number(key)]
        longer = {key: [key.zfill(length) for length in self._lengths if length > len(key)] for key in digits}
        wanted = {full for each in longer.values() for full in each}
        if not wanted:
            return {}
        there = dict(self._devices.filter(serial_key__in=wanted).values_list("serial_key", "serial"))
        found = {key: [there[full] for full in each if full in there] for key, each in longer.items()}
        return {key: serials for key, serials in found.items() if serials}

    @cached_property
    def _lengths(self) -> list[int]:
        """Return how long the folded serials are that begin with a zero."""
        starting = self._devices.filter(serial_key__startswith="0").order_by()
        return sorted(starting.values_list(Length("serial_key"), flat=True).distinct())


class LostZerosCounter:
    """Count the new serials of a check whose digits a device that is there has with zeros before them."""

    def __init__(self, devices: DeviceQuerySet) -> None:
        self._zeros = LostZeros(devices)
        self._rows: list[int] = []
        self._number = 0
        self._first = ("", "")

    def add(self, serials: Sequence[tuple[int, str, str]]) -> None:
        """Count more of them: row, serial and the folded one."""
        found = self._zeros.find(key for _, _, key in serials)
        for row, serial, key in serials if found else ():
            if key in found:
                self._first = self._first if self._number else (serial, found[key][0])
                self._number += 1
                self._rows += [row][: NAMED - len(self._rows)]

    def describe(self) -> dict[str, object] | None:
        """Return for JSON how many there are, and the first; None if there is none."""
        if not self._number:
            return None
        sample, there = self._first
        return {"rows": self._number, "first_rows": self._rows, "sample": sample, "there": there}
