"""A file as a table, whatever it is: CSV in some encoding, or a sheet of a workbook; its records as a stream."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from devices.imports import csv_reader, refusals, sheet_reader
from devices.imports.csv_reader import DELIMITERS, LOOK, LOOK_ROWS
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.imports.csv_reader import Bad
    from devices.models import File, Import

    Record = tuple[int, list[str] | Bad]


class Table(NamedTuple):
    """Say how a file is read. A workbook's has the name of a sheet, and neither encoding nor delimiter."""

    file: File
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


def open_table(importing: Import) -> Table:
    """Return the import's table. Raises Refusal if its file is no longer kept."""
    if importing.file is None:
        raise Refusal(refusals.FILE_NOT_KEPT)
    return Table(importing.file, importing.encoding, importing.delimiter, importing.sheet)


def read_records(table: Table, *, beginning: bool = False) -> Iterator[Record]:
    """Yield each record with its number as a spreadsheet counts; rows of a sheet that are empty are left out. Raises
    Refusal."""
    if table.sheet:
        return sheet_reader.read_records(table.file, table.sheet, beginning=beginning)
    return csv_reader.read_records(table.file, table.encoding, table.delimiter, LOOK if beginning else None)


def read_beginning(table: Table) -> Iterator[Record]:
    """Yield those of the records that a page looks at, whatever is in the file. Raises Refusal."""
    return islice(read_records(table, beginning=True), LOOK_ROWS)


def read_first(table: Table, count: int) -> list[Record]:
    """Return the first records with a cell, as far as the file can be read."""
    found = []
    try:
        for record in read_beginning(table):
            if record[1]:
                found.append(record)
            if len(found) == count:
                break
    except Refusal:
        pass
    return found


def detect_delimiter(file: File, encoding: str) -> str:
    """Return the delimiter that the file names itself, else that by which its first rows agree best on a number of
    columns; a comma if there is one column."""
    if (named := csv_reader.read_separator(file, encoding)) in DELIMITERS:
        return named
    best, found = 0.0, ","
    for delimiter in DELIMITERS:
        first = read_first(Table(file, encoding, delimiter), 20)
        widths = [len(cells) for _, cells in first if isinstance(cells, list)]
        usual = max(set(widths), key=lambda width: (widths.count(width) * (width > 1), width), default=1)
        if usual > 1:
            agreement = widths.count(usual) / len(widths)
            if (score := agreement * 100 + usual) > best:
                best, found = score, delimiter
    return found


def count_rows_above(table: Table, header_row: int) -> int:
    """Return how many lines of a file stand above its first row below the header."""
    return header_row + bool(not table.sheet and csv_reader.read_separator(table.file, table.encoding))
