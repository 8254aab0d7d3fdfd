"""Why rows don't fit, by cause: each once, with how many rows it has and what would mend them all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devices.identity.formats import Format, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devices.imports.row_parser import RowError

MOST = 100  # causes that are told apart
MOST_MEANT = 1_000  # cells of a cause of which it is kept what they may mean
_CELL = re.compile(r"“([^”]*)”: ")
_ROW = re.compile(r"\bin row \d+")
_WRITTEN = re.compile(r"\bis written “[^”]*” there")
_MEANT = re.compile(r"\bis it (?!one such as)(\S+)\?")
_STRANGE = re.compile(r"“.”(?= (?:can't stand|never stands))")
_NUMBERED = re.compile(r"([A-Za-z._:-]*)(\d+)")
HEX = re.compile(r"[0-9A-Fa-f]{4,}")
_REST = "Other causes, each in the list of rows."


@dataclass
class ProblemGroup:
    """Hold a cause; `shape` is that of the cells which have it, "" once two differ: GW and 11 digits. `meant`: what
    each of them should be, where its cause says so."""

    column: str
    cause: str
    rows: int = 0
    first_rows: list[int] = field(default_factory=list)
    shape: str | None = None
    sample: str = ""  # the first of the cells
    is_one: bool = True  # whether they are all the same
    meant: dict[str, str] = field(default_factory=dict)

    def add(self, row: int, cell: str, meant: str = "") -> None:
        if meant and not cell.endswith("…") and len(self.meant) < MOST_MEANT:
            self.meant.setdefault(cell, meant)
        self.is_one = self.is_one and cell == (self.sample if self.rows else cell)
        self.sample = self.sample if self.rows else cell
        self.rows += 1
        if len(self.first_rows) < 5:
            self.first_rows.append(row)
        shape = tell_shape(cell)
        self.shape = shape if self.shape in (None, shape) else ""

    def describe(self) -> dict[str, object]:
        alike = f"All {self.rows:,} are {self.shape}." if self.shape and self.rows > 1 else ""
        such = "" if len(self.meant) == 1 else "one such as "
        cause = _MEANT.sub(f"is it {such}{next(iter(self.meant.values()))}?", self.cause) if self.meant else self.cause
        told = {"column": self.column, "cause": cause, "rows": self.rows, "first_rows": self.first_rows}
        whole = "" if self.sample.endswith("…") else self.sample
        told |= {"meant": [{"text": text, "instead": instead} for text, instead in self.meant.items()]}
        return told | {"alike": alike, "sample": whole, "cell": whole if self.is_one else ""}


class ProblemGroups:
    """Count the problems of a check by cause."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], ProblemGroup] = {}

    def add(self, errors: Iterable[RowError]) -> None:
        for error in errors:
            cell = match[1] if (match := _CELL.match(error.cause)) else ""
            cause = _ROW.sub("in an earlier row", _STRANGE.sub("A character", _CELL.sub("", error.cause, count=1)))
            cause = _WRITTEN.sub("is written otherwise there", cause)
            meant = match[1] if (match := _MEANT.search(cause)) else ""
            cause = _MEANT.sub("is it …?", cause)
            key = (error.column, cause) if len(self._groups) < MOST else ("", _REST)
            if (error.column, cause) in self._groups:
                key = error.column, cause
            self._groups.setdefault(key, ProblemGroup(*key)).add(error.row, cell, meant)

    def describe(self) -> list[dict[str, object]]:
        """Return them for JSON, those with the most rows first."""
        return [group.describe() for group in sorted(self._groups.values(), key=lambda group: -group.rows)]


def find_format(cell: str) -> Format | None:
    """Return the format of serials of this shape; None where it says nothing."""
    match = _NUMBERED.fullmatch(cell)
    try:
        if match:
            return Format(Kind.BASE10, prefix=match[1], length=len(match[2]))
        return Format(Kind.BASE16, length=len(cell)) if HEX.fullmatch(cell) else None
    except ValueError:
        return None


def tell_shape(cell: str) -> str:
    """Say what a cell looks like: "GW" and 11 digits; 15 hexadecimal digits; "" where that says nothing."""
    if match := _NUMBERED.fullmatch(cell):
        digits = f"{len(match[2])} digits" if len(match[2]) > 1 else "one digit"
        return f"“{match[1]}” and {digits}" if match[1] else digits
    return f"{len(cell)} hexadecimal digits" if HEX.fullmatch(cell) else ""
