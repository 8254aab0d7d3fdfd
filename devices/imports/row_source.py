"""The rows of an import, as often as they are wanted: a file's, or as many as are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from devices.imports import refusals
from devices.imports.corrections import Corrections
from devices.imports.csv_reader import Bad
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


def read_rows(importing: Import) -> Iterator[Row]:
    """Yield the rows below the header without empty ones, of which there may be as many again as devices. Raises
    Refusal."""
    if importing.file is None and not importing.columns:
        return ((number, number, []) for number in range(1, importing.total + 1))
    correct = Corrections.from_json(importing.corrections).build() if importing.corrections else None
    return _read_file_rows(open_table(importing), importing.header_row, correct)


def _read_file_rows(table: Table, header_row: int, correct: Correct | None) -> Iterator[Row]:
    count, most = 0, settings.IMPORT_MAX_ROWS
    for number, cells in read_records(table):
        if number <= header_row:
            continue
        if number - header_row - count > most + 1:
            raise Refusal(refusals.TOO_MANY_EMPTY_ROWS, most=f"{most:,}", row=f"{number:,}")
        if isinstance(cells, list) and not (cells and cells[0].strip()) and not "".join(cells).strip():
            continue
        found = correct(number, cells) if correct else cells
        if found is None:
            continue
        count += 1
        yield number, count, found


def batch_rows(rows: Iterable[Row], total: int = 100_000) -> Iterator[list[Row]]:
    """Yield batches of a fiftieth of `total`, between LEAST and MOST rows, or fewer where rows are long."""
    size, weight = min(max(total // 50, LEAST), MOST), 0
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        cells = row[2]
        if isinstance(cells, list):
            weight += sum(map(len, cells)) + CELL * len(cells)
        if len(batch) == size or weight > HEAVIEST:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch
