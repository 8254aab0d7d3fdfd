"""The rows of an import, as often as they are wanted: a file's, or as many as are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from django.conf import settings

from devices.imports.csv_reader import Bad, Unreadable, records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devices.models import File, Import

    Row = tuple[int, int, list[str] | Bad]  # its number in the file, its place among the devices, its cells

LEAST, MOST = 500, 5_000  # rows in a batch, which is a fiftieth of them where that lies between
HEAVIEST = 8 << 20  # characters in a batch
CELL = 64  # what a cell takes besides


def rows(importing: Import) -> Iterator[Row]:
    """Without the header and empty rows, of which there may be as many again as devices. Raises Unreadable."""
    if importing.columns and importing.file is None:
        raise Unreadable("The uploaded file is no longer kept. Upload it again.")
    if importing.file is None:
        return ((number, number, []) for number in range(1, importing.total + 1))
    return _of_file(importing.file, importing.encoding, importing.delimiter)


def _of_file(file: File, encoding: str, delimiter: str) -> Iterator[Row]:
    count, most = 0, settings.IMPORT_MAX_ROWS
    for number, cells in islice(records(file, encoding, delimiter), 1, None):
        if number - count > most + 2:
            raise Unreadable(f"More than {most:,} rows are empty, up to row {number:,}. Delete the empty ones.")
        if isinstance(cells, list) and not "".join(cells).strip():
            continue
        count += 1
        yield number, count, cells


def batches(rows: Iterable[Row], total: int = 100_000) -> Iterator[list[Row]]:
    """So many at a time, or fewer where they are long."""
    size, weight = min(max(total // 50, LEAST), MOST), 0
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        weight += _weight(row[2])
        if len(batch) == size or weight > HEAVIEST:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _weight(cells: list[str] | Bad) -> int:
    return sum(map(len, cells)) + CELL * len(cells) if isinstance(cells, list) else 0
