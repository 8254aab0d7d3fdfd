"""An Excel workbook's package: its sheets, the formats of its cells, and its texts; unpacked within bounds.

What is large, texts and rows, is parsed as a stream: no tree of it is ever built (docs/decisions/0033).
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from array import array
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.parsers import expat

from devices.imports import cell_formats, refusals
from devices.jobs import files
from lib import parsing
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from devices.models import File

MOST_BYTES = 200 << 20  # unpacked
MOST_PARTS = 2_000
MOST_LISTED = 1 << 20  # bytes of the list of parts, which is read at once
MOST_OF_PART = 16 << 20  # unpacked, of what is held whole: styles, and the like
MOST_DEEP, MOST_NAMES = 100, 2_000  # of elements within elements; of different names
LOOK = 16 << 20  # unpacked, of a part that a page looks at
CHUNK = 1 << 16
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = ("http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
# What reading a damaged file raises; a way of packing or locking that zipfile does not know is NotImplementedError.
_DAMAGES = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, UnicodeError),
    *(expat.ExpatError, KeyError, ValueError, IndexError, OverflowError),
)
_OTHERS = (
    (r"word/", "a text document"),
    (r"ppt/", "a presentation"),
    (r"content\.xml$", "an OpenDocument file, as of LibreOffice"),
    (r"Index/|Index\.zip$", "a Numbers document"),
    (r"xl/workbook\.bin$", "a binary Excel workbook (.xlsb)"),
)


class Sheet(NamedTuple):
    name: str
    part: str
    is_hidden: bool
    is_active: bool = False  # the workbook opens with it


@contextmanager
def tell_damage() -> Iterator[None]:
    """Refuse as damaged whatever can't be read in the block."""
    try:
        yield
    except Refusal:
        raise
    except _DAMAGES:
        raise Refusal(refusals.WORKBOOK_DAMAGED, field="file") from None


class Workbook:
    """Open a workbook and read its small parts. Raises Refusal: another kind of file, too large, damaged."""

    def __init__(self, file: File, *, beginning: bool = False) -> None:
        with tell_damage():
            self.archive = _open_archive(file)
            main = _find_main(self.archive)
            targets = _read_targets(self.archive, main)
            book = _Book(targets)
            parse_part(self.archive, main, book)
            self.has_results = book.has_results
            self.sheets = [sheet for sheet in book.sheets if sheet.part in self.archive.NameToInfo]
            self.first_day = datetime(1904, 1, 1) if book.counts_from_1904 else datetime(1899, 12, 30)  # noqa: DTZ001
            self.formats = _read_formats(self.archive, targets)
            self.texts = Texts(self.archive, _find_part(targets, "sharedStrings"), LOOK if beginning else MOST_BYTES)
        if not self.sheets:
            raise Refusal(refusals.WORKBOOK_WITHOUT_SHEETS, field="file")

    def find_sheet(self, name: str) -> Sheet:
        """Return the sheet of this name. Raises Refusal."""
        found = next((sheet for sheet in self.sheets if sheet.name == name), None)
        if found is None:
            known = ", ".join(f"“{sheet.name}”" for sheet in self.sheets[:5])
            raise Refusal(refusals.SHEET_UNKNOWN, field="sheet", sheets=known)
        return found


class Texts:
    """Hold the texts that cells share, as bytes one after the other; read no further than is asked for."""

    def __init__(self, archive: zipfile.ZipFile, part: str, most: int) -> None:
        self._left, self._most = most, most
        self._bytes, self._ends = bytearray(), array("I", [0])
        self._handler = _SharedTexts(self._add)
        self._steps = parse_stream(archive, part, self._handler) if part else iter(())

    def _add(self, text: str) -> None:
        self._bytes += text.encode()
        self._ends.append(len(self._bytes))

    def __getitem__(self, index: int) -> str:
        while index >= len(self._ends) - 1:
            self._left -= CHUNK
            if self._left < 0:
                most = f"{self._most >> 20} MB of texts before those of its first rows"
                raise Refusal(refusals.WORKBOOK_TOO_LARGE, field="file", most=most)
            if next(self._steps, None) is None:
                self._refuse()
        if index < 0:
            self._refuse()
        return unescape(self._bytes[self._ends[index] : self._ends[index + 1]].decode())

    def _refuse(self) -> None:
        raise Refusal(refusals.WORKBOOK_DAMAGED, field="file")


def unescape(text: str) -> str:
    """Return a text with what a workbook writes as `_x000D_`."""
    return _ESCAPED.sub(_write_escaped, text) if "_x" in text else text


def _write_escaped(match: re.Match[str]) -> str:
    letter = chr(int(match[1], 16))
    return letter if letter == "\0" or parsing.is_storable(letter) else "\ufffd"


class Handler:
    """Take the elements of a part, by their local names: those of spreadsheets alone."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, data: str) -> None: ...


class _SharedTexts(Handler):
    def __init__(self, add: Callable[[str], None]) -> None:
        self._add, self._parts = add, list[str]()
        self._is_text, self._phonetic = False, 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "si":
            self._parts = []
        elif name == "rPh":
            self._phonetic += 1
        elif name == "t":
            self._is_text = not self._phonetic

    def end(self, name: str) -> None:
        if name == "si":
            self._add("".join(self._parts))
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "t":
            self._is_text = False

    def text(self, data: str) -> None:
        if self._is_text:
            self._parts.append(data)


class _Book(Handler):
    def __init__(self, targets: Mapping[str, tuple[str, str]]) -> None:
        self._targets = targets
        self.sheets: list[Sheet] = []
        self.counts_from_1904 = False
        self._active = self._count = 0
        self.has_results = True  # of its formulas

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "workbookPr":
            self.counts_from_1904 = is_true(attributes.get("date1904"))
        elif name == "calcPr":
            # Written by programs that compute nothing: they store no results, or 0 for each (XlsxWriter).
            self.has_results = not is_true(attributes.get("fullCalcOnLoad"))
        elif name == "workbookView":
            self._active = parsing.parse_whole_number(attributes.get("activeTab", "0"))
        elif name == "sheet":
            self._count += 1
            at = next((value for key, value in attributes.items() if key.endswith(" id")), "")
            kind, part = self._targets.get(at, ("", ""))
            if kind == "worksheet":
                hidden = attributes.get("state", "visible") != "visible"
                self.sheets.append(
                    Sheet(attributes.get("name", "")[:100], part, hidden, self._count - 1 == self._active)
                )


class _Styles(Handler):
    def __init__(self) -> None:
        self.codes = dict(cell_formats.BUILT_IN)
        self.styles: list[int] = []
        self._is_cell = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "numFmt" and "numFmtId" in attributes:
            self.codes[int(attributes["numFmtId"])] = attributes.get("formatCode", "")[:255]
        elif name == "cellXfs":
            self._is_cell = True
        elif name == "xf" and self._is_cell:
            self.styles.append(int(attributes.get("numFmtId", "0")))

    def end(self, name: str) -> None:
        self._is_cell = self._is_cell and name != "cellXfs"


class _Targets(Handler):
    """Read where a part's relations lead, and of what kind they are."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.found: dict[str, tuple[str, str]] = {}

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if "Target" in attributes and attributes.get("TargetMode") != "External":
            part = posixpath.normpath(posixpath.join("/", self._folder, _use_slashes(attributes["Target"]))).lstrip("/")
            self.found[attributes.get("Id", "")] = attributes.get("Type", "").rpartition("/")[2], part


def _use_slashes(path: str) -> str:
    """Return a path of a part with the standard's sign between folders; some programs of Windows write theirs."""
    return path.replace("\\", "/")


def is_true(text: str | None) -> bool:
    return text in ("1", "true")


def parse_part(archive: zipfile.ZipFile, part: str, handler: Handler) -> None:
    """Parse a part that is small. Raises Refusal."""
    if archive.getinfo(part).file_size > MOST_OF_PART:
        raise Refusal(refusals.WORKBOOK_TOO_LARGE, field="file", most=f"{MOST_OF_PART >> 20} MB in {part[-40:]}")
    for _ in parse_stream(archive, part, handler):
        pass


def parse_stream(archive: zipfile.ZipFile, part: str, handler: Handler) -> Iterator[bool]:
    """Parse a part piece by piece: each step reads CHUNK bytes. Entities can't be declared."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    guard = _Guard(handler)
    parser.StartElementHandler, parser.EndElementHandler = guard.start, guard.end
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = guard.refuse
    with archive.open(part) as stream:
        while data := stream.read(CHUNK):
            parser.Parse(data, False)
            yield True
        parser.Parse(b"", True)
        yield True


class _Guard:
    """Hand elements on by their local names. What would make the parser itself grow is refused."""

    def __init__(self, handler: Handler) -> None:
        self._start, self._end = handler.start, handler.end
        self._names: dict[str, str] = {}
        self._attributes: set[str] = set()
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MOST_DEEP or not attributes.keys() <= self._attributes:
            self._attributes |= attributes.keys()
            if self._depth > MOST_DEEP or len(self._attributes) > MOST_NAMES:
                self.refuse()
        self._start(self._names.get(name) or self._localise(name), attributes)

    def end(self, name: str) -> None:
        self._depth -= 1
        self._end(self._names.get(name) or self._localise(name))

    def refuse(self, *_: Any) -> None:
        raise Refusal(refusals.WORKBOOK_DAMAGED, field="file")

    def _localise(self, name: str) -> str:
        space, _, local = name.rpartition(" ")
        if len(self._names) > MOST_NAMES:
            self.refuse()
        self._names[name] = "" if space not in _MAIN and "/relationships" not in space else local
        return self._names[name]


class _Bounded(io.BufferedReader):
    """Read no more at once than the list of parts may have."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size and size > MOST_LISTED:
            raise Refusal(refusals.WORKBOOK_TOO_LARGE, field="file", most=f"{MOST_PARTS:,} parts")
        return super().read(size)


def _open_archive(file: File) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(_Bounded(files.open_raw(file), buffer_size=CHUNK))
    parts = archive.infolist()
    if len(parts) > MOST_PARTS:
        raise Refusal(refusals.WORKBOOK_TOO_LARGE, field="file", most=f"{MOST_PARTS:,} parts")
    if sum(part.file_size for part in parts) > MOST_BYTES:
        raise Refusal(refusals.WORKBOOK_TOO_LARGE, field="file", most=f"{MOST_BYTES >> 20} MB unpacked")
    for part in parts:
        part.filename = _use_slashes(part.filename)
        archive.NameToInfo.setdefault(part.filename, part)
    return archive


def _find_main(archive: zipfile.ZipFile) -> str:
    """Return the workbook's main part. Raises Refusal for what is another kind of file."""
    names = archive.namelist()
    if "_rels/.rels" in names:
        targets = _Targets("")
        parse_part(archive, "_rels/.rels", targets)
        main = next((part for kind, part in targets.found.values() if kind == "officeDocument"), "")
        if main in names and main.endswith(".xml") and not re.match("word/|ppt/|visio/", main):
            return main
    kind = next((words for pattern, words in _OTHERS if any(re.match(pattern, name) for name in names)), "")
    if kind:
        raise Refusal(refusals.FILE_NOT_TABLE, field="file", what=kind)
    raise Refusal(refusals.FILE_ZIPPED, field="file")


def _read_targets(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    folder, name = posixpath.split(part)
    targets = _Targets(folder)
    parse_part(archive, posixpath.join(folder, "_rels", f"{name}.rels"), targets)
    return targets.found


def _find_part(targets: Mapping[str, tuple[str, str]], wanted: str) -> str:
    return next((part for kind, part in targets.values() if kind == wanted), "")


def _read_formats(archive: zipfile.ZipFile, targets: Mapping[str, tuple[str, str]]) -> list[str]:
    """Return the format of each style of cells."""
    styles = _Styles()
    part = _find_part(targets, "styles")
    if part in archive.NameToInfo:
        parse_part(archive, part, styles)
    return [styles.codes.get(number, cell_formats.GENERAL) for number in styles.styles]
