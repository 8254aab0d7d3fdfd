"""Columns that say what another one fills: which of two is the serial is asked, and what is left out is told."""

from __future__ import annotations

import re
from itertools import islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from devices.identity import serials
from devices.imports import spreadsheets
from devices.imports.columns import (
    FIELDS,
    HIDDEN,
    UNNAMED,
    UNSAID,
    find_spelling,
    guess_columns,
    is_serial_number,
    is_weak,
    list_plain_names,
    list_words,
    names_address,
)
from devices.imports.csv_reader import LOOK_ROWS
from devices.imports.outlook import LOOK, find_naming
from devices.imports.table import open_table, read_first
from devices.recipes.organisation_format import format_of
from lib.parsing import is_whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from devices.imports.csv_reader import Bad, Preview
    from devices.imports.row_source import Row
    from devices.imports.table import Table
    from devices.models import Import, RecipeVersion

EMPTY_NAMES = "names"  # beside the columns' counts
LEAST = 2  # rows that count
_OTHER = (  # words of headings of what is unique, too, and surely no serial
    "key appkey nwkkey appskey nwkskey password passwort kennwort secret token psk pin puk date datum fecha data time "
    "zeit timestamp phone telefon tel mail email ip url link price preis lat lon lng latitude longitude gps iccid imsi "
    "eid sim msisdn mac imei eui joineui appeui hash checksum certificate cert fingerprint"
)
_OTHERS = frozenset(_OTHER.split())
_CARDS = frozenset(("iccid", "eid"))  # in headings of what tells devices apart, beside an address or id
_LOOKS = re.compile(  # a digit and no space; no amount, date, time or IP address
    r"(?!\d{1,5}(?:[.,]\d+)?\Z|\d+(?:[./]\d+){1,3}\Z|\d{4}-\d\d?-\d\d?|[\d:]{4,8}\Z|.*@|https?:)"
    r"(?=\D*\d)[^\s,;]{4,64}"
)


class Double(NamedTuple):
    """Hold a column that is left out though its heading names a field, and the column that fills that."""

    at: int
    field: str
    filled_by: int


def suggest_columns(
    table: Table, header: Sequence[str], header_row: int, version: RecipeVersion
) -> tuple[list[str], Import.Dialect]:
    """Return for each column the field that it seems to fill, "" or UNSAID, and the file's dialect.

    By its values a column may be the groups', unless the recipe's last file had it.
    """
    found, dialect = _suggest_by_names(table, header, header_row, version)
    left = [at for at, name in enumerate(header) if not found[at] and name not in version.recipe.columns]
    left = [at for at in left if not header[at].endswith(HIDDEN)]
    if left and "group" not in found:
        rows = [cells for number, cells in read_first(table, header_row + LOOK) if number > header_row]
        for at in find_group_columns(rows, left, version)[:1]:
            found[at] = "group"
    return found, dialect


def find_group_columns(rows: Iterable[list[str] | Bad], places: Iterable[int], version: RecipeVersion) -> list[int]:
    """Return those of the columns whose values are mostly names of groups, the surest first."""
    lists = [cells for cells in rows if isinstance(cells, list)]
    filled = {at: cells for at in places if (cells := [text for row in lists if (text := _read_text(row, at))])}
    return find_naming(filled, version.recipe.organisation.root.path)


def _suggest_by_names(
    table: Table, header: Sequence[str], header_row: int, version: RecipeVersion
) -> tuple[list[str], Import.Dialect]:
    """Return the same by the columns' names.

    UNSAID are columns of which each may be the serial: both are headed so, or one by an address or id and the other not
    at all, and the first rows have other values in them; and one that only counts rows. What was matched so in the
    recipe's last file is not asked again.
    """
    remembered = version.recipe.columns
    found, dialect = guess_columns(header, remembered, format_of(version).can_generate)
    if "serial" not in found:
        return found, dialect
    taken = found.index("serial")
    is_settled = remembered.get(header[taken]) == "serial"
    plain = list_plain_names(header)
    rivals = {each for each in find_doubles(header, found) if _is_rival(each, header, remembered)}
    if not is_settled and is_weak(plain[taken]):
        rivals |= {Double(at, "serial", taken) for at, field in enumerate(found) if _may_name(plain[at], field)}
    if is_settled and not rivals:
        return found, dialect
    rows = [cells for number, cells in read_first(table, LOOK_ROWS) if number > header_row]
    for double in rivals:
        if _may_be_either(double, rows, unknown=not is_serial_number(plain[double.at])):
            found[double.at] = found[double.filled_by] = UNSAID
    if not is_settled and _counts_rows(rows, taken, padded=is_weak(plain[taken])):
        found[taken] = UNSAID
    return found, dialect


def suggest_anew(importing: Import, preview: Preview) -> list[str]:
    """Return for each column of the import's file, read like this, what it seems to be."""
    version = importing.version.recipe.current
    table = open_table(importing)._replace(encoding=preview.encoding, delimiter=preview.delimiter, sheet=preview.sheet)
    return suggest_columns(table, preview.header, preview.header_row, version)[0]


def find_doubles(header: Sequence[str], columns: Sequence[str]) -> Iterator[Double]:
    """Yield the columns that are left out though their headings name what another one fills."""
    plain = list_plain_names(header)
    taken = columns.index("serial") if "serial" in columns else None
    is_address = taken is not None and taken < len(plain) and names_address(plain[taken])
    for at, (name, field) in enumerate(zip(plain, columns, strict=False)):
        if field or name.endswith(HIDDEN):
            continue
        is_card = is_address and not _CARDS.isdisjoint(list_words(name))
        named = find_spelling(name) or ("serial" if is_serial_number(name) or is_card else "")
        if named in FIELDS and named in columns:
            yield Double(at, named, columns.index(named))


class DoubleCounter:
    """Count the rows in which a column that is left out has another value than the one that fills its field, or, if it
    has no heading, any value."""

    def __init__(self, importing: Import) -> None:
        self._rows = dict.fromkeys(find_doubles(importing.header, importing.columns), 0)
        self._unnamed = dict.fromkeys(_find_unnamed(importing), 0)

    def add(self, batch: Iterable[Row]) -> None:
        if not self._rows and not self._unnamed:
            return
        for _, _, cells in batch:
            for double in self._rows:
                self._rows[double] += _differ(cells, double)
            if isinstance(cells, list):
                for at in self._unnamed:
                    self._unnamed[at] += bool(_read_text(cells, at))

    def as_json(self) -> dict[str, int]:
        """Return how many rows, by the column's place."""
        counted = {str(double.at): rows for double, rows in self._rows.items()}
        return counted | {str(at): rows for at, rows in self._unnamed.items()}


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


def describe_unnamed(importing: Import) -> list[dict[str, object]]:
    """Return the columns without a heading that are left out, as far as any row has a value there; `rows` are how many,
    None before they were counted."""
    counted = importing.double_columns
    found = [(importing.header[at], counted.get(str(at), 0) if counted else None) for at in _find_unnamed(importing)]
    return [{"column": name, "rows": rows} for name, rows in found if rows != 0]


def describe_empty_names(importing: Import) -> dict[str, object] | None:
    """Return how many rows have a name that says nothing, as the check found; None if none has."""
    return (importing.double_columns or {}).get(EMPTY_NAMES)


def _find_unnamed(importing: Import) -> list[int]:
    """Return the places of columns that have no heading, of a file that has a header, and that are left out."""
    pairs = zip(importing.header, importing.columns, strict=False)
    return [
        at
        for at, (name, field) in enumerate(pairs)
        if not field and importing.header_row and name == UNNAMED % (at + 1)
    ]


def _is_rival(double: Double, header: Sequence[str], remembered: Mapping[str, str]) -> bool:
    """Decide whether the column may be the serials', unless it was left out of the recipe's last file for the other."""
    left, taken = header[double.at], header[double.filled_by]
    was_settled = left != taken and remembered.get(taken) == "serial" and remembered.get(left) == ""
    return double.field == "serial" and is_serial_number(left) and not was_settled


def _may_name(name: str, field: str) -> bool:
    """Decide whether a column that fills nothing may be the serials' by its heading, beside an address or an id."""
    return not field and not name.endswith(HIDDEN) and _OTHERS.isdisjoint(list_words(name))


def _may_be_either(double: Double, rows: Sequence[list[str] | Bad], *, unknown: bool) -> bool:
    """Decide whether a column may be the serials' as well: its values differ from those, and from each other.
    `unknown`: its heading says nothing, so that they have to be unique, and look like serials."""
    lists = [cells for cells in rows if isinstance(cells, list)]
    filled = [value for cells in lists if (value := _read(cells, double.at))]
    if not any(_differ(cells, double) for cells in lists) or _counts_rows(lists, double.at, padded=unknown):
        return False
    if not unknown:
        return len(set(filled)) * 2 > len(filled)
    looks = all(_LOOKS.fullmatch(value) for cells in lists if (value := _read_text(cells, double.at)))
    return looks and len(set(filled)) == len(filled)


def _counts_rows(rows: Sequence[list[str] | Bad], at: int, *, padded: bool) -> bool:
    """Decide whether a column numbers the rows: 1, 2, 3, with gaps perhaps. `padded`: so do 001, 002."""
    texts = [text for cells in rows if isinstance(cells, list) and (text := _read_text(cells, at).strip("#.) "))]
    if len(texts) < LEAST or not all(is_whole_number(text) and len(text) < 8 for text in texts):
        return False
    numbers = [int(text) for text in texts]
    if not padded and any(text != str(number) for text, number in zip(texts, numbers, strict=True)):
        return False
    ascends = all(before < after for before, after in pairwise(numbers))
    return ascends and numbers[0] <= 1 and numbers[-1] <= 2 * len(numbers)


def _differ(cells: Sequence[str] | Bad, double: Double) -> bool:
    if not isinstance(cells, list) or not (value := _read(cells, double.at)):
        return False
    return value != _read(cells, double.filled_by)


def _read(cells: Sequence[str], at: int) -> str:
    return serials.fold(spreadsheets.read_serial(_read_text(cells, at)))


def _read_text(cells: Sequence[str], at: int) -> str:
    return next(islice(cells, at, None), "").strip()
