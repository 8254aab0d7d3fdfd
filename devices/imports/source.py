"""The rows of an import, as often as they are wanted: a file's, or as many as are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from devices.imports.reading import Bad, Unreadable, records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devices.models import File, Import

    Row = tuple[int, int, list[str] | Bad]  # its number in the file, its place among the devices, its cells

LEAST, MOST = 500, 5_000  # rows in a batch, which is a fiftieth of them where that lies between


def rows(importing: Import) -> Iterator[Row]:
    """Without the header and empty rows. Raises Unreadable."""
    if importing.columns and importing.file is None:
        raise Unreadable("The uploaded file is no longer kept. Upload it again.")
    if importing.file is None:
        return ((number, number, []) for number in range(1, importing.total + 1))
    return _of_file(importing.file, importing.encoding, importing.delimiter)


def _of_file(file: File, encoding: str, delimiter: str) -> Iterator[Row]:
    count = 0
    for number, cells in islice(records(file, encoding, delimiter), 1, None):
        if isinstance(cells, list) and not "".join(cells).strip():
            continue
        count += 1
        yield number, count, cells


def batches(rows: Iterable[Row], total: int = 100_000) -> Iterator[list[Row]]:
    rest, size = iter(rows), min(max(total // 50, LEAST), MOST)
    while batch := list(islice(rest, size)):
        yield batch
