"""Columns that say what another one fills: which of two is the serial is asked, and what is left out is told."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from devices.identity import serials
from devices.imports import spreadsheets
from devices.imports.columns import FIELDS, HIDDEN, UNSAID, find_spelling, guess_columns, is_serial_number
from devices.imports.table import open_table, read_beginning
from devices.recipes.organisation_format import format_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from devices.imports.csv_reader import Bad, Preview
    from devices.imports.row_source import Row
    from devices.imports.table import Table
    from devices.models import Import, RecipeVersion


class Double(NamedTuple):
    """Hold a column that is left out though its heading names a field, and the column that fills that."""

    at: int
    field: str
    filled_by: int


def suggest_columns(
    table: Table, header: Sequence[str], header_row: int, version: RecipeVersion
) -> tuple[list[str], Import.Dialect]:
    """Return for each column the field that it seems to fill, "" or UNSAID, and the file's dialect.

    UNSAID are columns of which each may be the serial: both are headed so, and the first rows have other values in
    them. What was matched so in the recipe's last file is not asked again.
    """
    remembered = version.recipe.columns
    found, dialect = guess_columns(header, remembered, format_of(version).can_generate)
    rivals = [each for each in find_doubles(header, found) if _is_rival(each, header, remembered)]
    if rivals:
        rows = [cells for number, cells in read_beginning(table) if number > header_row]
        for double in rivals:
            if _may_be_either(double, rows):
                found[double.at] = found[double.filled_by] = UNSAID
    return found, dialect


def suggest_anew(importing: Import, preview: Preview) -> list[str]:
    """Return for each column of the import's file, read like this, what it seems to be."""
    version = importing.version.recipe.current
    table = open_table(importing)._replace(encoding=preview.encoding, delimiter=preview.delimiter, sheet=preview.sheet)
    return suggest_columns(table, preview.header, preview.header_row, version)[0]


def find_doubles(header: Sequence[str], columns: Sequence[str]) -> Iterator[Double]:
    """Yield the columns that are left out though their headings name what another one fills."""
    for at, (name, field) in enumerate(zip(header, columns, strict=False)):
        if field or name.endswith(HIDDEN):
            continue
        named = find_spelling(name) or ("serial" if is_serial_number(name) else "")
        if named in FIELDS and named in columns:
            yield Double(at, named, columns.index(named))


class DoubleCounter:
    """Count the rows in which a column that is left out has another value than the one that fills its field."""

    def __init__(self, importing: Import) -> None:
        self._rows = dict.fromkeys(find_doubles(importing.header, importing.columns), 0)

    def add(self, batch: Iterable[Row]) -> None:
        if not self._rows:
            return
        for _, _, cells in batch:
            for double in self._rows:
                self._rows[double] += _differ(cells, double)

    def as_json(self) -> dict[str, int]:
        """Return how many rows, by the column's place."""
        return {str(double.at): rows for double, rows in self._rows.items()}


def describe_doubles(importing: Import) -> list[dict[str, object]]:
    """Return what is left out and why; `rows` that have another value there, None before they were counted."""
    counted, header = importing.double_columns or {}, importing.header
    return [
        {
            "column": header[double.at],
            "field": double.field,
            "filled_by": header[double.filled_by],
            "rows": counted.get(str(double.at)),
        }
        for double in find_doubles(header, importing.columns)
    ]


def _is_rival(double: Double, header: Sequence[str], remembered: Mapping[str, str]) -> bool:
    """Decide whether the column may be the serials', unless it was left out of the recipe's last file for the other."""
    left, taken = header[double.at], header[double.filled_by]
    was_settled = left != taken and remembered.get(taken) == "serial" and remembered.get(left) == ""
    return double.field == "serial" and is_serial_number(left) and not was_settled


def _may_be_either(double: Double, rows: Sequence[list[str] | Bad]) -> bool:
    """Decide whether a column may be the serials' as well: its values differ from those, and from each other."""
    values = [_read(cells, double.at) for cells in rows if isinstance(cells, list)]
    filled = [value for value in values if value]
    return len(set(filled)) * 2 > len(filled) and any(_differ(cells, double) for cells in rows)


def _differ(cells: Sequence[str] | Bad, double: Double) -> bool:
    if not isinstance(cells, list) or not (value := _read(cells, double.at)):
        return False
    return value != _read(cells, double.filled_by)


def _read(cells: Sequence[str], at: int) -> str:
    text = next(islice(cells, at, None), "").strip()
    return serials.fold(spreadsheets.read_serial(text))
