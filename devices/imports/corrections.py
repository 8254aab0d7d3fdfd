"""What people correct in a file's rows without uploading it again: laid over the rows whenever they are read."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from django.core.exceptions import ValidationError

from lib.parsing import is_storable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from devices.imports.csv_reader import Bad

    Correct = Callable[[int, "list[str] | Bad"], "list[str] | Bad | None"]

OFFERED = 50  # rows that a page lets correct at once
MOST = 5_000  # corrections of a file
LONGEST = 1_000  # characters of a cell that is corrected
COLUMNS = 40  # of a row that is offered


@dataclass(frozen=True)
class Corrections:
    """Hold cells by row and column, texts of a column instead of others, and rows that are left out."""

    cells: dict[tuple[int, int], str] = field(default_factory=dict)
    texts: dict[tuple[int, str], str] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()

    @classmethod
    def from_json(cls, data: Any) -> Self:
        data = data or {}
        cells = {(row, at): text for row, at, text in data.get("cells", ())}
        texts = {(at, old): text for at, old, text in data.get("texts", ())}
        return cls(cells, texts, frozenset(data.get("dropped", ())))

    def as_json(self) -> dict[str, Any]:
        cells = [[row, at, text] for (row, at), text in self.cells.items()]
        texts = [[at, old, text] for (at, old), text in self.texts.items()]
        return {"cells": cells, "texts": texts, "dropped": sorted(self.dropped)}

    def merge(self, later: Corrections) -> Corrections:
        """Return these with later ones on top, whose texts are meant as these show them. Raises ValidationError of
        `corrections`."""
        instead = later._index_texts()
        cells = {(row, at): _replace(instead, at, text) for (row, at), text in self.cells.items()}
        texts = {(at, old): _replace(instead, at, text) for (at, old), text in self.texts.items()}
        merged = Corrections(cells | later.cells, texts | later.texts, self.dropped | later.dropped)
        if merged.number > MOST:
            raise _refuse(f"{merged.number:,} corrections are too many: at most {MOST:,}. Correct the file instead.")
        for text in (*later.cells.values(), *later.texts.values()):
            if len(text) > LONGEST or not is_storable(text):
                raise _refuse(f"“{text[:40]}”: A cell has at most {LONGEST:,} characters, none of them NUL.")
        return merged

    @property
    def number(self) -> int:
        return len(self.cells) + len(self.texts) + len(self.dropped)

    def build(self) -> Correct:
        """Return what gives a row as it was corrected; None if it is left out."""
        by_row: dict[int, dict[int, str]] = {}
        for (row, at), text in self.cells.items():
            by_row.setdefault(row, {})[at] = text
        dropped = self.dropped
        texts = self._index_texts()

        def correct(row: int, cells: list[str] | Bad) -> list[str] | Bad | None:
            if row in dropped:
                return None
            if not isinstance(cells, list):
                return cells
            if texts:
                cells = [_replace(texts, at, cell) for at, cell in enumerate(cells)]
            for at, text in by_row.get(row, {}).items():
                cells = [*cells, *[""] * (at + 1 - len(cells))]
                cells[at] = text
            return cells

        return correct

    def _index_texts(self) -> dict[tuple[int, str], str]:
        """Return what to write instead of a cell's text, by its column and the text as it is compared."""
        return {(at, unify_line_ends(old)): text for (at, old), text in self.texts.items()}


def is_offered(cells: Sequence[str]) -> bool:
    """Decide whether a row is small enough to be corrected on a page."""
    return len(cells) <= COLUMNS and all(len(cell) <= LONGEST for cell in cells)


def unify_line_ends(text: str) -> str:
    """Return the text as it is compared with one that a page sent, whose lines a browser ends with CR LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _replace(texts: Mapping[tuple[int, str], str], at: int, cell: str) -> str:
    return texts.get((at, unify_line_ends(cell.strip())), cell)


def mark_cell(text: str) -> str:
    """Return what tells whether a page sends a cell's text as it showed it; a browser keeps no line ends in a field."""
    flat = text.translate({ord("\r"): None, ord("\n"): None})
    return f"{zlib.crc32(flat.encode(errors='surrogatepass')):08x}"


def _refuse(cause: str) -> ValidationError:
    return ValidationError({"corrections": cause})
