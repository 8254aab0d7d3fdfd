"""Another table below the devices': it begins after an empty row, with a header of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from devices.imports.columns import find_spelling
from devices.imports.csv_reader import Bad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devices.models import Import

FIRST = 3  # rows below an empty one among which the header is looked for
_HEADING = re.compile(r"[^\W\d_][^\W\d_ .()/#-]*(?:[ .()/#-]+[^\W\d_]+)*[.)#]?")
_CAPITALISED = re.compile(r"[A-ZÄÖÜÉÀÈ][^\W\d_]*[a-zß-ÿ]\b.*")
# As other tables name their columns, where a capital letter does not tell.
_WORDS = (
    "part, part no, part no., part number, qty, quantity, item, items, price, amount, count, unit, artikel, menge, "
    "preis, anzahl, material, teil, pièce, quantité, prix, cantidad, precio"
)
_USUAL = frozenset(_WORDS.split(", "))


class Tables:
    """Watch the rows below an empty one of an import's file."""

    def __init__(self, importing: Import) -> None:
        self._header = [name.casefold() for name in importing.header]
        self._serial_at = importing.columns.index("serial") if "serial" in importing.columns else 0
        self._left = 0  # rows that may be a header
        self._began = 0
        self.is_watching = False  # rows have to be judged

    def gap(self) -> None:
        """Take note of an empty row."""
        self._left, self.is_watching = FIRST, True

    def judge(self, number: int, cells: list[str] | Bad) -> list[str] | Bad:
        """Return the row, or that it is another table's."""
        judged = self._judge(number, cells)
        self.is_watching = bool(self._left or self._began)
        return judged

    def _judge(self, number: int, cells: list[str] | Bad) -> list[str] | Bad:
        self._left = max(self._left - 1, 0)
        if isinstance(cells, Bad):
            return cells
        filled = [cell.strip() for cell in cells if cell.strip()]
        if [cell.casefold() for cell in filled] == [name for name in self._header if name][: len(filled)]:
            self._began = 0  # the same table goes on
        elif self._began:
            words = f"This row belongs to another table, which begins in row {self._began}: give it a file of its own."
            return Bad(None, words)
        elif self._is_header(cells, filled):
            self._began, self._left = number, 0
            return Bad(None, "This row names the columns of another table, which belongs to a file of its own.")
        return cells

    def _is_header(self, cells: Sequence[str], filled: Sequence[str]) -> bool:
        """Decide whether a row names columns: several words without a digit, one in the serials' column."""
        serial = cells[self._serial_at].strip() if self._serial_at < len(cells) else ""
        if len(filled) < 2 or not all(len(cell) <= 40 and _HEADING.fullmatch(cell) for cell in filled):
            return False
        known = any(cell.casefold() in _USUAL or find_spelling(cell) for cell in filled)
        return bool(serial) and (known or _CAPITALISED.fullmatch(serial) is not None)
