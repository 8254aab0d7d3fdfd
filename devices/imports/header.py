"""In which row of a file the columns are named, if one does; and which rows below it are none of devices."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from devices.imports import refusals, sheet_reader
from devices.imports.columns import HIDDEN, LONGEST, find_spelling, normalise_heading, tell_apart
from devices.imports.csv_reader import MAX_COLUMNS, Bad
from devices.imports.table import read_beginning, read_first
from lib.parsing import is_whole_number
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from devices.imports.table import Table

LOOK = 60  # records among which a header is looked for
_TOTALS = (
    r"(?:grand |sub-?|sous-|eind)?tota(?:l|ls|le|al)|subtota(?:le|al)|total (?:g[eé]n[eé]ral|geral)|totale complessivo|"
    r"sums?|count|summen?|(?:gesamt|zwischen|teil)(?:summe|ergebnis)|ergebnis|gesamt|insgesamt|anzahl|somme|"
    r"suma(?: końcowa| częściowa| total)?|soma|somma|razem|ogółem|(?:общий |промежуточный )?итого?|всего|"
    r"合计|总计|小计|汇总|合計|総計|小計|總計|集計|합계|총계|총합계|소계|요약"
)
_GAP = r"(?:\s*[:=(]\s*|\s+)"
# As spreadsheets, reports and databases end a list.
_TOTAL = re.compile(
    rf"(?:{_TOTALS})(?:{_GAP}[^\W\d]+)?(?:{_GAP}[\d.,]+)?[\s:)]*|"
    r"\(?\d[\d.,]* (?:rows?|devices?|records?|items?|entries|zeilen|geräte)\b.*",
    re.IGNORECASE,
)
# As a pivot table ends each of its parts: with the name of what was summed, and how much it came to.
_NAMED_TOTAL = re.compile(rf"(?:.+[\s:-](?:{_TOTALS})|(?:{_TOTALS})[\s:-].+)[\s:)]*", re.IGNORECASE)
_AMOUNT = re.compile(r"\d{1,5}(?:[.,]\d+)?")
_REMARK = re.compile(
    r"\W*(?:(?:exported|generated|created|printed|exportiert|erstellt|gedruckt|page|seite|end of|ende|source|quelle|"
    r"notes?|hinweis|report|bericht|stand|date|datum|file)\b[\s:].*|end|ende|eof)\W*",
    re.IGNORECASE,
)
_SERIAL = re.compile(r"[^\s\d]*\d\S*\Z")  # has a digit, and no space
_KINDS = frozenset(
    ["string", "text", "number", "integer", "required", "mandatory", "optional", "example", "varchar", "unit", "type"]
)


# Instead of a serial: said in words, or left to be filled in.
_NOTE = re.compile(
    r"(?:n\.?/?a\.?|none|nil|null|nan|undefined|"
    r"tb[acd]|unknown|pending|missing|empty|blank|dit+o|dto\.?|idem|"
    r"ohne|n\.?\s?n\.?|k\.?\s?a\.?|ok|fail(?:ed|ure)?|pass(?:ed)?|false|"
    r"siehe oben|see above|to be filled by o\.?e\.?m\.?|default string|system serial number|not specified|no serial|"
    r"spare|scrap(?:ped)?|"
    r"returned|lost|broken|defective|example|sample|unbekannt|keine?|leer|offen|fehlt|defekt|verschrottet|beispiel|muster|"
    r"(?:[^\W\d_]*[\s_.-]*)x{4,}|(?:f[\s:.-]?){7,}f)\W*|(?=.*[.?…])(?:(?!#)[\W_])+|(?=.*0)[0\s:.-]+",
    re.IGNORECASE,
)
_BLANK = re.compile(r"[0f\s:.-]+", re.IGNORECASE)
NO_SERIAL = "There is a word where the serial should be."
NOTHING = "This says that there is no serial."
_CAPITALISED = re.compile(r"[A-ZÄÖÜ][a-zäöüß]{2,}\W*")
_WORD = re.compile(  # beside a serial; one of hexadecimal letters may be a group of its own
    r"(?:\A|\s)(?=[A-Za-z]*[g-z])[A-Za-z]?[a-z]{2,}(?=\W*(?:\s|\Z))|\s{2,}|\b(?:e\.g|z\.\s?[bB]|ex|[bB]sp)\."
)
_RANGE = re.compile(r"(?P<prefix>[^\d\s]*)(\d+)\s*(?:[-–—~]|\.{2,}|…|(?:to|bis)\b)\s*(?P=prefix)(\d+)", re.IGNORECASE)


def detect_header(table: Table, remembered: Mapping[str, str]) -> int:
    """Return the number of the row that names the columns, 0 for none, as far as its first rows tell."""
    return find_header(read_first(table, LOOK), remembered)


def find_header(records: Iterable[tuple[int, list[str] | Bad]], remembered: Mapping[str, str]) -> int:
    """Return the number of the record that names the columns; 0 if the first one is data.

    A known name of the serials' column decides, then how many names are known; else it is the first row as wide as the
    table, unless it looks like those below it.
    """
    rows = [(number, [cell.strip() for cell in cells]) for number, cells in records if isinstance(cells, list)]
    rows = [(number, cells) for number, cells in rows if any(cells)]
    if not rows:
        return 1
    usual = _find_usual_width([cells for _, cells in rows])
    fitting = [
        (number, cells)
        for number, cells in rows
        if sum(map(bool, cells)) * 2 > usual or (all(cells) and _count_known(cells, remembered)[0])
    ]
    known = []
    for at, (number, cells) in enumerate(fitting):
        others = [other for _, other in fitting[:at] + fitting[at + 1 :]]
        names_serial, count = _count_known(cells, remembered)
        if not (_recurs(cells, others) if names_serial else _looks_like(cells, others)):
            known.append((names_serial, count, -number))
    if known and (best := max(known))[:2] > (False, 0):
        return -best[2]
    number, cells = fitting[0]
    return 0 if _looks_like(cells, [other for _, other in fitting[1:]]) else number


def _find_usual_width(rows: Sequence[Sequence[str]]) -> int:
    """Return how many cells are filled in most of the rows; titles of one cell say nothing beside a table."""
    widths = Counter(sum(map(bool, cells)) for cells in rows)
    return max(widths, key=lambda width: (widths[width] if width > 1 else 0, width))


def _count_known(cells: Sequence[str], remembered: Mapping[str, str]) -> tuple[bool, int]:
    """Return whether one of the names is the serials', and how many are known."""
    found = [field for cell in cells if (field := remembered.get(cell) or find_spelling(cell))]
    return "serial" in found, len(found)


def names_serial(cells: Sequence[str], remembered: Mapping[str, str]) -> bool:
    """Decide whether one of the cells names the column of the serials."""
    return _count_known([cell.strip() for cell in cells], remembered)[0]


def _looks_like(cells: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Decide whether a row is data: it has a cell of digits, or digits and letters, in a column of such."""
    for at, cell in enumerate(cells):
        if shape := _tell_shape(cell):
            column = [row[at] for row in others if at < len(row) and row[at]]
            if len(cell) >= 4 and not others:
                return True
            if column and sum(_tell_shape(other) == shape for other in column) * 2 > len(column):
                return True
    return False


def _recurs(cells: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Decide whether a name of the serials' column is only what most rows have there."""
    names = [(at, cell) for at, cell in enumerate(cells) if find_spelling(cell) == "serial"]
    return any(sum(row[at : at + 1] == [cell] for row in others) * 2 > len(others) for at, cell in names)


def _tell_shape(cell: str) -> str:
    plain = re.sub(r"[\s:._/+'=\"-]", "", cell)
    if is_whole_number(plain):
        return "digits"
    if any(character.isspace() for character in cell) or not re.search("[0-9]", plain):
        return ""
    return "mixed" if plain.isalnum() else ""


def read_header(table: Table, header_row: int) -> list[str]:
    """Return the names of the columns, those of a file without a header by their places. Raises Refusal: no such
    row, nothing in it, or nothing below it."""
    first = read_beginning(table)
    header, above = (_find_widest(first), []) if header_row == 0 else _take_header(first, header_row)
    if header_row and not header[-1].strip():
        kept = list(first)
        header, first = _drop_empty(header, [cells for _, cells in kept]), iter(kept)
    if len(header) > MAX_COLUMNS:
        raise Refusal(refusals.TOO_MANY_COLUMNS, field="file", count=len(header), most=MAX_COLUMNS)
    if header_row and not any(isinstance(cells, Bad) or "".join(cells).strip() for _, cells in first):
        raise Refusal(refusals.FILE_WITHOUT_ROWS, field="file")
    names = clean_header(header)
    return tell_apart(_tell_hidden(names, table) if table.sheet else names, above)


def _tell_hidden(names: Sequence[str], table: Table) -> list[str]:
    """Return the names, with a word where a sheet shows nothing of the column."""
    hidden = sheet_reader.read_outline(table.file, table.sheet).hidden
    return [
        f"{name[: LONGEST - 1 - len(HIDDEN)]} {HIDDEN}" if any(first <= at <= last for first, last in hidden) else name
        for at, name in enumerate(names, 1)
    ]


def _take_header(first: Iterator[tuple[int, list[str] | Bad]], header_row: int) -> tuple[list[str], list[str]]:
    """Return the cells that name the columns, and those right above them."""
    header: list[str] | Bad = []
    above: list[str] = []
    for number, cells in first:
        if number == header_row:
            header = cells
            break
        above = cells if number == header_row - 1 and isinstance(cells, list) else []
    words = "The first row" if header_row == 1 else f"Row {header_row}"
    if isinstance(header, Bad):
        raise Refusal(refusals.HEADER_UNREADABLE, field="file", row=words, cause=header.cause)
    if not "".join(header).strip():
        raise Refusal(refusals.HEADER_EMPTY, field="file", row=words)
    return header, above


def _find_widest(first: Iterable[tuple[int, list[str] | Bad]]) -> list[str]:
    """Return as many empty names as the first rows have columns. Raises Refusal if there is none."""
    filled = [cells for _, cells in first if isinstance(cells, list) and "".join(cells).strip()]
    if not filled:
        raise Refusal(refusals.FILE_BLANK, field="file")
    return [""] * max(map(_measure, filled))


def _drop_empty(header: list[str], below: Iterable[list[str] | Bad]) -> list[str]:
    """Return the header without the columns at its end of which the first rows have nothing either."""
    width = max([_measure(header), *(_measure(cells) for cells in below if isinstance(cells, list))])
    return header[:width]


def _measure(cells: Sequence[str]) -> int:
    """Return how many cells there are up to the last one that has anything in it."""
    return next((at for at in range(len(cells), 0, -1) if cells[at - 1].strip()), 0)


def clean_header(header: Sequence[str]) -> list[str]:
    """Return the names cut to LONGEST characters, without unseen ones, and none without a name."""
    names = ["".join(character for character in cell if character.isprintable()).strip()[:LONGEST] for cell in header]
    return [name or f"Column {number}" for number, name in enumerate(names, 1)]


def is_suspect(cells: Sequence[str], header: Sequence[str], serial_at: int | None) -> bool:
    """Decide quickly whether a row may be none of a device: hardly any is."""
    if serial_at is None:
        return True
    serial = cells[serial_at]
    if serial_at == 0 and serial.isalnum() and not serial.isalpha():
        return (serial[0] == "0" and not serial.strip("0")) or (serial == header[0] if header else False)
    return (
        not _SERIAL.match(serial)
        or (serial_at > 0 and (not cells[0] or _TOTAL.match(cells[0]) is not None))
        or _AMOUNT.fullmatch(serial) is not None
        or not serial.strip("0:-. ")
        or (serial_at < len(header) and serial == header[serial_at])
    )


def explain_no_device(
    cells: Sequence[str], header: Sequence[str], serial_at: int | None, *, is_serial: bool = False
) -> str:
    """Say why a row below the header stands for no device: it is another header, a total, or a line of words; else
    "". `is_serial`: its serial is as long as all have to be, or is made here, so that a name such as “Total flow” ends
    no list."""
    filled = [cell for cell in cells if cell and not cell.isspace()]
    lead = filled[0].strip() if filled else ""
    serial = "" if serial_at is None else cells[serial_at].strip()
    if _repeats(cells, header):
        return "This row repeats the header."
    if serial and (normalise_heading(serial) in _KINDS or _is_second_header(serial, filled)):
        return "This looks like a second row of headings, not like a device."
    if _TOTAL.fullmatch(lead) and (not serial or serial == lead or len(serial) < 8):
        return "This looks like a total, not like a device."
    if not is_serial and _NAMED_TOTAL.fullmatch(lead) and (not serial or _AMOUNT.fullmatch(serial)):
        return "This looks like a total, not like a device."
    if len(filled) == 1 < len(cells) and serial == lead and _REMARK.fullmatch(serial):
        return "This looks like a remark, not like a device."
    if serial and (_NOTE.fullmatch(serial) or _CAPITALISED.fullmatch(serial)):
        return NO_SERIAL if re.search(r"[^\W\d_]", serial) and not _BLANK.fullmatch(serial) else NOTHING
    return ""


def explain_more(serial: str) -> str:
    """Say why a text that may be a serial is more than one: several, or words beside it; else ""."""
    if (match := _RANGE.fullmatch(serial)) and _ascends(match[2], match[3], is_bare=not match["prefix"]):
        return "This looks like the first and the last of several serials: write each in a row of its own."
    if _WORD.search(serial):
        return "There is more than a serial in this cell: give the serial alone."
    return ""


def _ascends(first: str, last: str, *, is_bare: bool) -> bool:
    """Decide whether two numbers are a range; of digits alone, which may be one serial in groups, a narrow one."""
    if len(first) != len(last) or first >= last:
        return False
    return not is_bare or (len(first) >= 4 and first[: (len(first) + 1) // 2] == last[: (len(last) + 1) // 2])


def _repeats(cells: Sequence[str], header: Sequence[str]) -> bool:
    pairs = [(cell.strip(), name) for cell, name in zip(cells, header, strict=False) if cell.strip()]
    return bool(pairs) and all(cell.casefold() == name.casefold() for cell, name in pairs)


def _is_second_header(serial: str, filled: Sequence[str]) -> bool:
    if re.search("[0-9]", serial):
        return False
    return bool(find_spelling(serial)) or any(find_spelling(cell.strip()) for cell in filled)
