"""The rows of a workbook's sheet, as a stream: what the sheet shows, with the numbers that it shows beside its rows."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, NamedTuple

from devices.imports import refusals
from devices.imports.cell_formats import GENERAL, mark, show_number, show_text
from devices.imports.csv_reader import MAX_CELLS, MAX_COLUMNS, ROW, Bad
from devices.imports.workbook import CHUNK, LOOK, Handler, Workbook, is_true, parse_stream, tell_damage, unescape
from lib import parsing
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devices.imports.workbook import Sheet
    from devices.models import File

MOST_MERGED = 20_000  # ranges of merged cells
LONGEST = 1 << 17  # characters of a cell that are collected
FORMULA = 80  # characters of a formula that are told
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_MERGED = re.compile(rb"mergeCell\s[^>]{0,80}?ref=[\"']([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})[\"']")
_HIDDEN_ROW = "This row is hidden in the sheet, by a filter perhaps. Show it, or remove it."
_NO_RESULT = (
    "This formula has no result in the file, or one that the file says to be out of date. Open it in a spreadsheet "
    "program, save it, and upload it."
)
_FAILED = "A formula of the spreadsheet failed here."
_TOO_LONG = "This cell is longer than 100 KB. Shorten it."


class Outline(NamedTuple):
    """Hold what a sheet says of itself before its rows: about how many there are, and ranges of hidden columns."""

    height: int
    hidden: list[tuple[int, int]]


class _Cell(NamedTuple):
    column: int
    kind: str
    style: int
    text: str
    formula: str | None  # where it has no result


class _Row:
    """Hold the cells of a row that have anything in them."""

    def __init__(self, number: int, is_hidden: bool) -> None:
        self.number, self.is_hidden = number, is_hidden
        self.cells: list[_Cell] = []
        self.width = 0


def list_sheets(file: File) -> list[Sheet]:
    """Return a workbook's sheets, in its order. Raises Refusal."""
    return Workbook(file).sheets


def read_records(file: File, sheet: str, *, beginning: bool = False) -> Iterator[tuple[int, list[str] | Bad]]:
    """Yield each row that has anything in it, with the sheet's own number; those of the first megabytes, or all. Raises
    Refusal."""
    book = Workbook(file, beginning=beginning)
    with tell_damage():
        yield from _Reader(book).read(book.find_sheet(sheet).part, LOOK if beginning else None)


def read_outline(file: File, sheet: str) -> Outline:
    """Return what the sheet says of itself. Raises Refusal."""
    book, rows = Workbook(file), _Rows()
    with tell_damage():
        for _ in parse_stream(book.archive, book.find_sheet(sheet).part, rows):
            if rows.number:
                break
    return Outline(rows.height, rows.hidden)


class _Rows(Handler):
    """Collect rows as they come, without looking at what their cells mean."""

    def __init__(self, *, has_results: bool = True) -> None:
        self.rows: list[_Row] = []
        self._has_results = has_results  # of formulas
        self.hidden: list[tuple[int, int]] = []
        self.height = self.number = 0
        self._row = _Row(0, False)
        self._column = self._style = self._length = self._phonetic = 0
        self._kind = "n"
        self._parts: list[str] = []
        self._formula: str | None = None
        self._has_value = self._is_value = self._is_formula = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            self._start_cell(attributes)
        elif name == "v" or (name == "t" and not self._phonetic):
            self._has_value = self._is_value = True
        elif name == "f":
            self._formula, self._is_formula = "", True
        elif name == "row":
            self._start_row(attributes)
        elif name == "rPh":
            self._phonetic += 1
        elif name == "col" and is_true(attributes.get("hidden")) and len(self.hidden) < MAX_CELLS:
            self.hidden.append((int(attributes["min"]), int(attributes["max"])))
        elif name == "dimension" and (match := re.search(r":[A-Z]+(\d{1,7})$", attributes.get("ref", ""))):
            self.height = int(match[1])

    def _start_row(self, attributes: Mapping[str, str]) -> None:
        number = read_number(attributes["r"]) if "r" in attributes else self.number + 1
        if number <= self.number:
            raise Refusal(refusals.WORKBOOK_DAMAGED, field="file")
        self.number, self._column = number, 0
        self._row = _Row(number, is_true(attributes.get("hidden")))

    def _start_cell(self, attributes: Mapping[str, str]) -> None:
        self._column += 1
        if (text := attributes.get("r")) is not None:
            match = _REFERENCE.fullmatch(text)
            if match is None or int(match[2]) != self.number:
                raise Refusal(refusals.WORKBOOK_DAMAGED, field="file")
            self._column = read_column(match[1])
        self._kind, self._style = attributes.get("t", "n"), int(attributes.get("s", "0"))
        self._parts, self._length, self._formula, self._has_value = [], 0, None, False

    def text(self, data: str) -> None:
        if self._is_value:
            self._length += len(data)
            if self._length <= LONGEST + CHUNK:
                self._parts.append(data)
        elif self._is_formula and self._formula is not None and len(self._formula) < FORMULA:
            self._formula += data[:FORMULA]

    def end(self, name: str) -> None:
        if name == "v" or name == "t":
            self._is_value = False
        elif name == "c":
            if self._has_value or self._formula is not None:
                self._end_cell()
        elif name == "row":
            if self._row.cells:
                self.rows.append(self._row)
        elif name == "f":
            self._is_formula = False
        elif name == "rPh":
            self._phonetic -= 1

    def _end_cell(self) -> None:
        text, formula = "".join(self._parts), None if self._has_value and self._has_results else self._formula
        if text or formula is not None:
            self._row.width = max(self._row.width, self._column)
            if len(self._row.cells) <= MAX_CELLS:
                self._row.cells.append(_Cell(self._column, self._kind, self._style, text, formula))


def read_column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def read_number(text: str) -> int:
    """Return the number of a row; 0 for what is none."""
    return parsing.parse_whole_number(text) if len(text) < 8 else 0


class _Reader:
    """Read the rows of one sheet."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._longest = csv.field_size_limit()
        self._merged: list[tuple[int, int, int]] = []  # first row, last row, column; the last one first
        self._open: dict[int, tuple[int, str]] = {}  # column -> the row to which its merged cell goes, and its text

    def read(self, part: str, most: int | None) -> Iterator[tuple[int, list[str] | Bad]]:
        self._merged, collected, read = self._find_merged(part), _Rows(has_results=self._book.has_results), 0
        for _ in parse_stream(self._book.archive, part, collected):
            rows, collected.rows = collected.rows, []
            for row in rows:
                cells = self._read_row(row)
                if isinstance(cells, Bad) or "".join(cells).strip():
                    yield row.number, cells
            read += CHUNK
            if most is not None and read > most:
                return

    def _find_merged(self, part: str) -> list[tuple[int, int, int]]:
        """Return the ranges that go on below their first row: the part has them behind all rows."""
        found: list[tuple[int, int, int]] = []
        with self._book.archive.open(part) as stream:
            rest = b""
            while data := stream.read(CHUNK):
                data, rest = rest + data, data[-200:]
                if b"mergeCell " not in data:
                    continue
                for letters, first, last in _MERGED.findall(data):
                    if last != first:
                        found.append((int(first), int(last), read_column(letters.decode())))
                if len(found) > MOST_MERGED:
                    raise Refusal(refusals.WORKBOOK_TOO_LARGE, field="file", most=f"{MOST_MERGED:,} merged cells")
        return sorted(set(found), reverse=True)

    def _read_row(self, row: _Row) -> list[str] | Bad:
        if row.width > MAX_CELLS:
            return Bad(None, f"This row has {row.width:,} cells. A table has {MAX_COLUMNS} columns at most.")
        cells, weight = [""] * row.width, 0
        for cell in row.cells:
            cells[cell.column - 1] = text = self._show(cell)
            weight += len(text)
            if weight > ROW:
                return Bad(None, f"This row is longer than {ROW:,} characters. Shorten it.")
        if self._merged or self._open:
            cells = self._fill_merged(row.number, cells)
        return Bad(None, _HIDDEN_ROW) if row.is_hidden and "".join(cells).strip() else cells

    def _show(self, cell: _Cell) -> str:
        if cell.formula is not None:
            return mark(f"={cell.formula}", _NO_RESULT)
        text = self._read_text(cell)
        return mark(text[:80], _TOO_LONG) if len(text) > self._longest else text

    def _read_text(self, cell: _Cell) -> str:
        _, kind, style, text, _ = cell
        code = self._book.formats[style] if style < len(self._book.formats) else GENERAL
        if kind == "n":
            return show_number(float(text), code, self._book.first_day) if text.strip() else ""
        if kind == "b":
            return "TRUE" if text.strip() == "1" else "FALSE"
        if kind == "e":
            return mark(text, _FAILED)
        text = self._book.texts[int(text)] if kind == "s" else unescape(text)
        return show_text(text, code) if "@" in code and code != "@" else text

    def _fill_merged(self, number: int, cells: list[str]) -> list[str]:
        """Return the row with what merged cells that began above show in it."""
        self._open = {column: kept for column, kept in self._open.items() if kept[0] >= number}
        while self._merged and self._merged[-1][0] <= number:
            first, last, column = self._merged.pop()
            text = cells[column - 1] if first == number and column <= len(cells) else ""
            self._open[column] = last, text
        if "".join(cells).strip():
            for column, (_, text) in self._open.items():
                if text:
                    cells += [""] * (column - len(cells))
                    cells[column - 1] = cells[column - 1] or text
        return cells
