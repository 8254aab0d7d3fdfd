"""The rows of an import, as often as they are wanted: a file's, or as many as are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from devices.imports import refusals, spreadsheets
from devices.imports.corrections import Corrections
from devices.imports.csv_reader import Bad
from devices.imports.other_tables import Tables
from devices.imports.table import open_table, read_records
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from devices.imports.corrections import Correct
    from devices.imports.table import Table
    from devices.models import Import

    Row = tuple[int, int, list[str] | Bad]  # its number in the file, its place among the devices, its cells

LEAST, MOST = 500, 5_000  # rows in a batch, which is a fiftieth of them where that lies between
HEAVIEST = 8 << 20  # characters in a batch
CELL = 64  # what a cell takes besides
AT_ONCE = 1 << 15  # characters that are looked through at once


def read_rows(importing: Import) -> Iterator[Row]:
    """Yield the rows below the header without empty ones, of which there may be as many again as devices. Raises
    Refusal."""
    if importing.file is None and not importing.columns:
        return ((number, number, []) for number in range(1, importing.total + 1))
    correct = Corrections.from_json(importing.corrections).build() if importing.corrections else None
    return _read_file_rows(open_table(importing), importing.header_row, correct, Tables(importing))


def _read_file_rows(table: Table, header_row: int, correct: Correct | None, tables: Tables) -> Iterator[Row]:
    count, most, after, is_watching = 0, settings.IMPORT_MAX_ROWS, header_row + 1, False
    for number, cells in read_records(table):
        if number <= header_row:
            continue
        if number - header_row - count > most + 1:
            raise Refusal(refusals.TOO_MANY_EMPTY_ROWS, most=f"{most:,}", row=f"{number:,}")
        if isinstance(cells, list) and not (cells and cells[0].strip()) and not "".join(cells).strip():
            continue
        found = correct(number, cells) if correct else cells
        if number != after and count:  # an empty row stands between it and the last one
            tables.gap()
            is_watching = True
        after = number + 1
        if found is None:
            continue
        if is_watching:
            found = tables.judge(number, found)
            is_watching = tables.is_watching
        count += 1
        yield number, count, found


class Batch(list["Row"]):
    """Hold rows. The text of their cells is looked through many at once, in a third of the time."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        super().__init__()
        self._texts: list[str] = []  # that were not looked at yet
        self._length = 0  # of these
        self._is_plain = True
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> int:
        """Return how much the row weighs, in characters."""
        self.append(row)
        cells = row[2]
        if not isinstance(cells, list):
            return 0
        text = "\t".join(cells)
        self._texts.append(text)
        self._length += len(text)
        if self._length > AT_ONCE:
            self._look()
        return len(text) + (CELL - 1) * len(cells)

    @property
    def is_plain(self) -> bool:
        """Return whether surely no cell has a formula, or lost something."""
        self._look()
        return self._is_plain

    def _look(self) -> None:
        if self._is_plain:
            text = "\t".join(self._texts)
            is_suspect = '="' in text or "\t=" in text or "\0" in text or spreadsheets.may_be_damaged(text)
            self._is_plain = text.isascii() and not is_suspect
        self._texts, self._length = [], 0


def batch_rows(rows: Iterable[Row], total: int = 100_000) -> Iterator[Batch]:
    """Yield batches of a fiftieth of `total`, between LEAST and MOST rows, or fewer where rows are long."""
    size, weight = min(max(total // 50, LEAST), MOST), 0
    batch = Batch()
    for row in rows:
        weight += batch.add(row)
        if len(batch) == size or weight > HEAVIEST:
            yield batch
            batch, weight = Batch(), 0
    if batch:
        yield batch
