"""Which sheet of a workbook has the devices, and how much the others have that is not read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from devices.imports import sheet_reader
from devices.imports.csv_reader import LOOK_ROWS
from devices.imports.header import LOOK, find_header, names_serial
from devices.imports.table import Table, read_first
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devices.imports.workbook import Sheet
    from devices.models import File, Import

MOST = 20  # sheets that are looked at
NAMED = 5  # sheets in a message


class Seen(NamedTuple):
    """Hold what a sheet seems to have; `rank` is lowest where it surely is a list of devices."""

    name: str
    rows: int
    rank: int


def look_at_sheets(file: File, sheets: Sequence[Sheet], remembered: Mapping[str, str]) -> list[Seen]:
    """Return what the sheets have, in their order."""
    return [_look_at(file, sheet.name, remembered) for sheet in sheets[:MOST]]


def _look_at(file: File, name: str, remembered: Mapping[str, str]) -> Seen:
    first = read_first(Table(file, sheet=name), LOOK_ROWS)
    if not first:
        return Seen(name, 0, 3)
    header_row = find_header(first[:LOOK], remembered)
    header = next((cells for number, cells in first if number == header_row), [])
    below = sum(number > header_row for number, _ in first)
    if not below:
        return Seen(name, len(first), 2)
    if len(first) == LOOK_ROWS:
        below = max(below, _read_height(file, name) - header_row)
    return Seen(name, below, 0 if isinstance(header, list) and names_serial(header, remembered) else 1)


def _read_height(file: File, name: str) -> int:
    try:
        return sheet_reader.read_outline(file, name).height
    except Refusal:
        return 0


def choose_sheet(sheets: Sequence[Sheet], seen: Sequence[Seen]) -> str:
    """Return the sheet that names serials and has rows, else one with rows, else with anything: of several the one that
    the workbook opens with, else the first. A hidden one only where all are."""
    ranks = {each.name: each.rank for each in seen}
    shown = [sheet for sheet in sheets if not sheet.is_hidden] or sheets
    return min(shown, key=lambda sheet: (ranks.get(sheet.name, 3), not sheet.is_active)).name


def list_unread(importing: Import) -> list[dict[str, object]]:
    """Return the sheets that have anything in them and are not read, with their rows."""
    sheets = [each for each in importing.sheets or [] if isinstance(each, dict)]
    return [
        {"sheet": each["name"], "rows": each["rows"]}
        for each in sheets
        if each["rows"] and each["name"] != importing.sheet
    ]


def tell_unread(importing: Import) -> str:
    """Return in words which sheets are not read; "" where there are none."""
    unread = list_unread(importing)
    if not unread:
        return ""
    named = [f"“{each['sheet']}” ({each['rows']:,} row{'' if each['rows'] == 1 else 's'})" for each in unread[:NAMED]]
    if len(unread) > NAMED:
        named.append(f"{len(unread) - NAMED} more")
    listed = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]
    count = (
        "1 more sheet of this workbook is" if len(unread) == 1 else f"{len(unread)} more sheets of this workbook are"
    )
    return f"{count} not read: {listed}. An import reads one sheet: upload the workbook again for another."
