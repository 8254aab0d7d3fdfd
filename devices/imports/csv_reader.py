"""CSV as spreadsheets write it, read as a stream: no line, cell or file is ever held whole if it is too long."""

from __future__ import annotations

import codecs
import csv
from contextlib import suppress
from io import TextIOWrapper
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from devices.jobs import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devices.models import File

DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Bar"}
ENCODINGS = {
    "utf-8": "Unicode (UTF-8)",
    "utf-16": "Unicode (UTF-16)",
    "utf-16-le": "Unicode (UTF-16, little-endian)",
    "utf-16-be": "Unicode (UTF-16, big-endian)",
    "windows-1252": "Western European (Windows-1252)",
    "latin-1": "Western European (Latin-1)",
}
LINE = 1 << 18  # characters; a cell has at most csv.field_size_limit(), half of it
MAX_COLUMNS = 200
MAX_CELLS = 10 * MAX_COLUMNS  # of a row: beyond it they are not even counted as too many
ROW = 1 << 20  # characters of a row with line ends in its cells
LOOK = 1 << 20  # characters at a file's beginning, by which a page tells what it is
LOOK_ROWS = 1_000
SAMPLE = 1 << 16  # bytes
_UNUSED_IN_1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
_KINDS = {
    b"PK\x03\x04": "an Excel workbook or another zipped file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"{\\rtf": "a text document",
    b"\x1f\x8b": "a compressed file",
}


class Unreadable(Exception):
    """No table at all; says why and what to do, for people."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Bad(NamedTuple):
    """A row that can't be read."""

    column: int | None
    cause: str


class Preview(NamedTuple):
    """`rows` are the first ones below the header, as they stand in the file."""

    header: list[str]
    rows: list[list[str]]
    encoding: str
    delimiter: str
    dialect: str


class Sniffer:
    """Fed with a file's bytes as they pass, tells its encoding and about how many rows it has."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8, self._odd, self._lines, self._last = True, False, 0, b""
        self.sample = b""
        self.size = 0

    def feed(self, chunk: bytes) -> None:
        if len(self.sample) < SAMPLE:
            self.sample += chunk[: SAMPLE - len(self.sample)]
        self.size += len(chunk)
        self._lines += chunk.count(b"\n") or chunk.count(b"\r")
        self._last = chunk[-2:] or self._last
        self._odd = self._odd or any(each in chunk for each in _UNUSED_IN_1252)
        self._decode(chunk)

    def _decode(self, chunk: bytes, final: bool = False) -> None:
        try:
            if self._is_utf8:
                self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            self._is_utf8 = False

    @property
    def rows(self) -> int:
        """Lines below the header; of a file with line ends in its cells that is too many."""
        return max(self._lines - (b"\n" in self._last or b"\r" in self._last), 0)

    def encoding(self) -> str:
        """Raises Unreadable for what is no text."""
        self._decode(b"", final=True)
        kind = next((words for magic, words in _KINDS.items() if self.sample.startswith(magic)), None)
        if kind:
            raise Unreadable(f"This is {kind}, not CSV. Save the table as CSV (UTF-8) and upload that.")
        if wide := _wide(self.sample):
            return wide
        if self.sample.count(0) > len(self.sample) // 100 + 1:
            raise Unreadable("This is not text: it is full of NUL characters. Save the table as CSV and upload that.")
        if self._is_utf8:
            return "utf-8"
        return "latin-1" if self._odd else "windows-1252"


def _wide(sample: bytes) -> str:
    """UTF-16, by its mark, or by every other byte being zero in text of mostly Latin letters."""
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    half = max(len(sample) // 2, 1)
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.05 * half else ""


def delimiter_of(file: File, encoding: str) -> str:
    """The one by which the first rows agree best on a number of columns; a comma if there is one column."""
    best, found = 0.0, ","
    for delimiter in DELIMITERS:
        widths = [len(cells) for _, cells in _first(file, encoding, delimiter, 20) if isinstance(cells, list)]
        if widths and widths[0] > 1:
            agreement = sum(width == widths[0] for width in widths) / len(widths)
            if (score := agreement * 100 + widths[0]) > best:
                best, found = score, delimiter
    return found


def _first(file: File, encoding: str, delimiter: str, count: int) -> list[tuple[int, list[str] | Bad]]:
    found = []
    try:
        for row in beginning(file, encoding, delimiter):
            if row[1]:
                found.append(row)
            if len(found) == count:
                break
    except Unreadable:
        pass
    return found


def header_of(file: File, encoding: str, delimiter: str) -> list[str]:
    """Raises Unreadable: nothing in the file, or nothing below its header."""
    first = beginning(file, encoding, delimiter)
    header = next(first, (0, []))[1]
    if isinstance(header, Bad):
        raise Unreadable(f"The first row can't be read. {header.cause}")
    if not "".join(header).strip():
        raise Unreadable("The first row is empty. It should name the columns, with a row for each device below it.")
    if len(header) > MAX_COLUMNS:
        raise Unreadable(f"{len(header)} columns are too many: at most {MAX_COLUMNS}. Is the delimiter right?")
    if not any(isinstance(cells, Bad) or "".join(cells).strip() for _, cells in first):
        raise Unreadable("There is only a header, or empty rows below it. Add a row for each device right below it.")
    return named(header)


def named(header: Sequence[str]) -> list[str]:
    """Cut, without unseen characters, and none without a name."""
    names = ["".join(each for each in cell if each.isprintable()).strip()[:120] for cell in header]
    return [name or f"Column {number}" for number, name in enumerate(names, 1)]


def beginning(file: File, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str] | Bad]]:
    """Of its records those that a page looks at, whatever is in it. Raises Unreadable."""
    return islice(records(file, encoding, delimiter, LOOK), LOOK_ROWS)


def records(
    file: File, encoding: str, delimiter: str, most: int | None = None
) -> Iterator[tuple[int, list[str] | Bad]]:
    """Each with its number as a spreadsheet counts: the header, and a row with line ends in its cells, are one.
    Of `most` characters, or all.

    Raises Unreadable where nothing after it can be told: a wrong encoding, a quote that is never closed.
    """
    with TextIOWrapper(files.opened(file), "utf-8-sig" if encoding == "utf-8" else encoding, newline="") as text:
        yield from _parsed(_Lines(text, most), delimiter, ENCODINGS.get(encoding, encoding))


def _parsed(lines: _Lines, delimiter: str, encoding: str) -> Iterator[tuple[int, list[str] | Bad]]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = 0
    while True:
        number, began, lines.taken = number + 1, reader.line_num, 0
        try:
            cells = next(reader)
        except (StopIteration, _Enough):
            return
        except _Endless:
            raise Unreadable(f"Row {number} goes on for more than a megabyte. Is a closing quote missing?") from None
        except UnicodeError:
            raise Unreadable(f"This is not {encoding}, not from row {number} on. Choose another encoding.") from None
        except csv.Error as error:
            yield number, _bad(error, lines, number, delimiter, reader.line_num - began)
        else:
            yield number, _cut() if lines.cut else _crowded(cells) if len(cells) > MAX_CELLS else cells
            lines.cut = False


def _bad(error: csv.Error, lines: _Lines, number: int, delimiter: str, taken: int) -> Bad:
    lines.cut = False
    if "end of data" in str(error):
        raise Unreadable(f"A quote that opens in row {number} is never closed. Close it and upload the file again.")
    if "limit" not in str(error):
        return Bad(None, "There is text after a cell's closing quote. Double the quotes inside the cell.")
    if taken > 1:
        raise Unreadable(f"Row {number} has a quoted cell of more than 100 KB. Is a closing quote missing?")
    prefix = next(csv.reader([lines.last[: csv.field_size_limit()]], delimiter=delimiter), [""])
    return Bad(len(prefix) - 1, "This cell is longer than 100 KB. Shorten it.")


def _cut() -> Bad:
    return Bad(None, f"This row is longer than {LINE:,} characters. Shorten it.")


def _crowded(cells: list[str]) -> Bad:
    return Bad(None, f"This row has {len(cells):,} cells. A table has {MAX_COLUMNS} columns at most.")


class _Enough(Exception):
    """As much was read as was to be looked at."""


class _Endless(Exception):
    """A row of many lines that does not end."""


class _Lines:
    """Lines of bounded length: what is too long is cut, and said to be."""

    def __init__(self, text: TextIOWrapper, most: int | None) -> None:
        self._text, self._left = text, most
        self.last = ""
        self.cut = False
        self.taken = 0  # characters of the row that is being read

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.last = self._read()
        if not line:
            raise StopIteration
        self.taken += len(line)
        if self.taken > ROW:
            raise _Endless
        if len(line) == LINE and line[-1] not in "\r\n":
            self._drop_rest()
        return line

    def _drop_rest(self) -> None:
        self.cut = True
        with suppress(_Enough):
            while (rest := self._read()) and rest[-1] not in "\r\n":
                pass

    def _read(self) -> str:
        if self._left is not None and self._left < 0:
            raise _Enough
        line = self._text.readline(LINE)
        if self._left is not None:
            self._left -= len(line)
        return line
