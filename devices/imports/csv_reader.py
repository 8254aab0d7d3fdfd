"""CSV as spreadsheets write it, read as a stream: no line, cell or file is ever held whole if it is too long."""

from __future__ import annotations

import csv
import re
from collections import deque
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, NamedTuple

from devices.imports import refusals
from devices.imports.encodings import ENCODINGS, find_codec, is_by_bytes
from devices.jobs import files
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devices.models import File

DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Bar"}
SEPARATOR = re.compile(r'\ufeff?"?sep=([^\r\n])"?[,;\t|]*\s*$', re.IGNORECASE)
MARK_AS_LETTERS = "ï»¿"  # UTF-8's byte order mark, as a program wrote it that took it for letters
END_OF_FILE = "\x1a"
LINE = 1 << 18  # characters; a cell has at most csv.field_size_limit(), half of it
MAX_COLUMNS = 200
MAX_CELLS = 10 * MAX_COLUMNS  # of a row: beyond it they are not even counted as too many
ROW = 1 << 20  # characters of a row with line ends in its cells
REPEATED = 8 * ROW  # characters, at most, that are read again behind a quote that opens by mistake
LOOK = 1 << 20  # characters at a file's beginning, by which a page tells what it is
LOOK_ROWS = 1_000
_LINE_END = re.compile(r"\r\n|\r|\n")
_SWALLOWED = (
    "and what stands between became one cell. Remove the quote, or double it and close the cell; where it is meant so, "
    "write a space after each delimiter in it."
)
_ESCAPED = re.compile("[\udc80-\udcff]")  # bytes that were none of the encoding


class Bad(NamedTuple):
    """Hold why a row can't be read."""

    column: int | None
    cause: str


class Preview(NamedTuple):
    """Hold the beginning of a file. `rows` are the first ones below the header, as they stand in the file."""

    header: list[str]
    rows: list[list[str]]
    encoding: str
    delimiter: str
    dialect: str
    header_row: int = 1  # 0: none, the first row is data
    numbers: Sequence[int] = ()  # of the rows
    first: Sequence[tuple[int, list[str]]] = ()  # what the file begins with, header or not
    sheet: str = ""  # of a workbook

    @property
    def numbered(self) -> list[tuple[int, list[str]]]:
        return list(zip(self.numbers, self.rows, strict=True))


def read_separator(file: File, encoding: str) -> str:
    """Return what the first line names as spreadsheets do, `sep=;`; else ""."""
    with suppress(UnicodeError), _open_text(file, encoding) as text:
        return match[1] if (match := SEPARATOR.match(text.readline(LINE))) else ""
    return ""


def _open_text(file: File, encoding: str) -> TextIOWrapper:
    errors = "surrogateescape" if is_by_bytes(encoding) else "strict"
    return TextIOWrapper(files.open_file(file), find_codec(encoding), errors=errors, newline="")


def read_records(
    file: File, encoding: str, delimiter: str, most: int | None = None
) -> Iterator[tuple[int, list[str] | Bad]]:
    """Yield each record with its number as a spreadsheet counts: the header, and a row with line ends in its cells, are
    one, and a first line that names the delimiter is none. Reads `most` characters, or all.

    Raises Refusal where nothing after it can be told: a wrong encoding, a quote that is never closed.
    """
    with _open_text(file, encoding) as text:
        yield from _parse_rows(_Lines(text, most), delimiter, ENCODINGS.get(encoding, encoding))


def _parse_rows(lines: _Lines, delimiter: str, encoding: str) -> Iterator[tuple[int, list[str] | Bad]]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    number, before = 0, list[str]()
    while True:
        number += 1
        lines.begin_row()
        try:
            cells = next(reader)
        except (StopIteration, _Enough):
            return
        except _Endless:
            raise Refusal(refusals.ROW_ENDLESS, field="file", row=number) from None
        except UnicodeError:
            raise Refusal(refusals.FILE_NOT_IN_ENCODING, field="file", encoding=encoding, row=number) from None
        except csv.Error as error:
            yield number, _explain_error(error, lines, number, delimiter)
        else:
            if lines.cut or lines.is_spoilt or len(cells) > MAX_CELLS:
                yield number, _explain_row(cells, lines, encoding)
            elif len(lines.row) != 1 and (swallowed := _find_swallowed(cells, before, delimiter, lines.first)):
                yield number, swallowed
            else:
                yield number, cells
                before = cells


def _find_swallowed(cells: Sequence[str], before: Sequence[str], delimiter: str, first: str) -> Bad | None:
    """Say that a quote opens by mistake, where most lines of a record are as wide as the one before it.

    A delimiter with a space behind it is one of a sentence, unless the file's first line parts its cells so.
    """
    sign = re.compile(re.escape(delimiter) + ("" if f"{delimiter} " in first else "(?! )"))
    for at, cell in enumerate(cells):
        counts = [len(sign.findall(line)) for line in _LINE_END.split(cell)]
        if len(counts) < 2:
            continue
        counts[0] += at
        counts[-1] += len(cells) - 1 - at
        if len(before) > 1 and counts.count(len(before) - 1) * 2 > len(counts):
            lines = "in the line below" if len(counts) == 2 else f"{len(counts) - 1} lines below"
            return Bad(at, f"A quote that opens in this row closes only {lines}, {_SWALLOWED}")
    return None


def _explain_error(error: csv.Error, lines: _Lines, number: int, delimiter: str) -> Bad:
    was_cut, lines.cut, lines.is_spoilt = lines.cut, False, False
    if "end of data" in str(error):
        raise Refusal(refusals.QUOTE_NOT_CLOSED, field="file", row=number)
    below = len(lines.row) - 1
    if "limit" not in str(error):
        if not below:
            return Bad(None, "There is text after a cell's closing quote. Double the quotes inside the cell.")
        if not was_cut and lines.read_again():
            return Bad(None, "A quote that opens in this row is not closed. Close it at the cell's end, or remove it.")
        return Bad(None, f"A quote that opens in this row meets the next one {below} lines below, {_SWALLOWED}")
    if below:
        raise Refusal(refusals.CELL_ENDLESS, field="file", row=number)
    prefix = next(csv.reader([lines.last[: csv.field_size_limit()]], delimiter=delimiter), [""])
    return Bad(len(prefix) - 1, "This cell is longer than 100 KB. Shorten it.")


def _explain_row(cells: list[str], lines: _Lines, encoding: str) -> Bad:
    was_cut, lines.cut, lines.is_spoilt = lines.cut, False, False
    if was_cut:
        return Bad(None, f"This row is longer than {LINE:,} characters. Shorten it.")
    if len(cells) > MAX_CELLS:
        return Bad(None, f"This row has {len(cells):,} cells. A table has {MAX_COLUMNS} columns at most.")
    at = next((at for at, cell in enumerate(cells) if _ESCAPED.search(cell)), 0)
    shown = "".join(character if character.isprintable() else "�" for character in cells[at][:40])
    cause = f"“{shown}”: This is not {encoding}. If other rows are, the file was put together from several encodings: "
    return Bad(at, f"{cause}write the letter anew and save the whole as UTF-8. Else choose another encoding.")


def _drop_end_of_file(line: str) -> str:
    """Return the line without the end of a file as DOS marks it: a line of its own, or the end of the last one."""
    bare = line.rstrip("\r\n")
    if not bare.strip(END_OF_FILE):
        return line[len(bare) :]
    return line.rstrip(END_OF_FILE)


def is_encodable(text: str) -> bool:
    """Decide, faster than by a search, whether there is no half of a surrogate pair in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Enough(Exception):
    """Stop reading: as much was read as was to be looked at."""


class _Endless(Exception):
    """Stop reading: a row of many lines does not end."""


class _Lines:
    """Read lines of bounded length: what is too long is cut, and said to be (`cut`)."""

    def __init__(self, text: TextIOWrapper, most: int | None) -> None:
        self._text, self._left = text, most
        self.first = self.last = ""
        self.cut = False
        self.is_spoilt = False  # by bytes that are none of the encoding
        self.row: list[str] = []  # lines of the one that is being read
        self._taken = 0  # characters of it
        self._again: deque[str] = deque()
        self._may_repeat = REPEATED
        self._is_first = True

    def begin_row(self) -> None:
        self.row, self._taken = [], 0

    def read_again(self) -> bool:
        """Give all lines of this row but the first once more; decline where that was done too often already."""
        if self._taken > self._may_repeat:
            return False
        self._may_repeat -= self._taken
        self._again.extendleft(reversed(self.row[1:]))
        return True

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._again:
            line = self.last = self._again.popleft()
        else:
            line = self.last = self._read() if self._left is not None else self._text.readline(LINE)
        if self._is_first:
            self._is_first = False
            line = self.last = line.removeprefix(MARK_AS_LETTERS)
            if SEPARATOR.match(line):
                line = self.last = self._read()
            self.first = line
        if END_OF_FILE in line:
            line = self.last = _drop_end_of_file(line)
        if not line:
            raise StopIteration
        if not line.isascii() and not is_encodable(line):
            self.is_spoilt = True
        self.row.append(line)
        self._taken += len(line)
        if self._taken > ROW:
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
