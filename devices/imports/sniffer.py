"""What a file is, told from its bytes as they pass: its encoding, or those that it may have; or that it is no table."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, NamedTuple

from devices.imports import refusals
from devices.imports.encodings import Guess, guess_encodings, is_sure_utf8
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLE = 1 << 16  # bytes
_ENOUGH = 24  # lines with a byte beyond ASCII, after which it makes no further line worth a look
_KINDS = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook of before 2007 (.xls), or one with a password",
    b"%PDF": "a PDF",
    b"{\\rtf": "a text document",
    b"\x1f\x8b": "a compressed file",
    b"7z\xbc\xaf": "a compressed file",
    b"Rar!": "a compressed file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"SQLite format 3": "a database",
    b"ID;P": "a SYLK file",
    b"TABLE\r\n0,1": "a DIF file",
    b"TABLE\n0,1": "a DIF file",
}
_MESSAGE = re.compile(rb"(?:[a-z-]+: [^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){0,20}?mime-version: ", re.IGNORECASE)
_EBCDIC = b"".join(  # letters and digits
    bytes(range(first, first + count))
    for count, firsts in ((9, (0x81, 0x91, 0xC1, 0xD1)), (8, (0xA2, 0xE2)), (10, (0xF0,)))
    for first in firsts
)
_EBCDIC_SIGNS = bytes.fromhex("05 0d 15 25 40 4b 4d 5d 5e 60 61 6b 6d 7a 7f")
_ZIPPED = (b"PK\x03\x04", b"PK\x05\x06")
_BEFORE = re.compile(rb"(?:\xef\xbb\xbf|\s)*")  # what programs put before a file that they take for text
_MARKUP = re.compile(
    rb"\s*(?:(?P<html><!doctype html|<html|<head|<body|<table|<meta)"
    rb"|(?P<xml><\?xml|<[a-z][\w:-]*(?:\s[^>]*)?>\s*<[a-z])"
    rb"|(?P<json>[{\[]\s*[\"{\[\]}]))",
    re.IGNORECASE,
)
_WORDS = {"html": "a web page, though its name may end like a workbook's", "xml": "XML", "json": "JSON"}
_MARKS = {  # the longer ones first: one begins like another
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
_JAPANESE = (b"\x1b$B", b"\x1b$@", b"\x1b(J")


class Told(NamedTuple):
    """Hold the encoding, and where that is a guess the ones that it may be."""

    encoding: str
    guesses: list[Guess]


class Sniffer:
    """Tell a file's encoding, and about how many rows it has, from its bytes as they pass."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8, self._lines, self._last = True, 0, b""
        self.sample = b""
        self.beyond = b""  # lines with letters beyond ASCII, those that are rare in the file among them
        self._rare, self._met = _compile(range(0x80, 0x100)), [0] * 256
        self.size = 0

    def feed(self, chunk: bytes) -> None:
        if len(self.sample) < SAMPLE:
            self.sample += chunk[: SAMPLE - len(self.sample)]
        if len(self.beyond) < SAMPLE and not chunk.isascii():
            self._collect(chunk)
        self.size += len(chunk)
        self._lines += chunk.count(b"\n") or chunk.count(b"\r")
        self._last = chunk[-2:] or self._last
        self._decode(chunk)

    def _collect(self, chunk: bytes) -> None:
        """Keep whole lines with a byte beyond ASCII, of those that a chunk breaks the part that is surely one."""
        at = 0
        while len(self.beyond) < SAMPLE and (found := self._rare.search(chunk, at)):
            begin = max(chunk.rfind(b"\n", at, found.start()), chunk.rfind(b"\r", at, found.start())) + 1
            end = line_end.start() if (line_end := _LINE_END.search(chunk, found.end())) else len(chunk)
            if (begin > 0 or self.size == 0 or not self.beyond) and (line_end or not self.beyond):
                self._keep(chunk[begin : min(end, begin + SAMPLE)])
            at = end

    def _keep(self, line: bytes) -> None:
        self.beyond += line + b"\n"
        for byte in {*line}:
            self._met[byte] += 1
        if any(self._met[byte] == _ENOUGH for byte in {*line}):
            self._rare = _compile(byte for byte in range(0x80, 0x100) if self._met[byte] < _ENOUGH)

    def _decode(self, chunk: bytes, final: bool = False) -> None:
        try:
            if self._is_utf8:
                self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            self._is_utf8 = False

    @property
    def rows(self) -> int:
        """Count the lines below the header; of a file with line ends in its cells that is too many."""
        return max(self._lines - self._last.rstrip(b"\0").endswith((b"\n", b"\r")), 0)

    @property
    def is_zipped(self) -> bool:
        """Return whether it may be a workbook: those are zipped."""
        return _skip_before(self.sample).startswith(_ZIPPED)

    def detect_encoding(self) -> Told:
        """Return a key of ENCODINGS, and if it is a guess all that fit. Raises Refusal for what is no text."""
        self._decode(b"", final=True)
        self._refuse_others()
        if wide := next((wide for mark, wide in _MARKS.items() if self.sample.startswith(mark)), ""):
            return Told(wide, [])
        if wide := _detect_utf32(self.sample) or _detect_utf16(self.sample):
            return Told(wide, [])
        if self.sample.count(0) > len(self.sample) // 100 + 1:
            raise Refusal(refusals.FILE_NOT_TEXT, field="file")
        if any(mark in self.sample for mark in _JAPANESE):
            return self._ask([Guess("iso-2022-jp", ""), Guess("utf-8", "")])
        if not self._is_utf8:
            return self._ask(guess_encodings(self.beyond))
        if is_sure_utf8(self.beyond):
            return Told("utf-8", [])
        guesses = guess_encodings(self.beyond)
        return self._ask([guess for guess in guesses if guess.encoding == "utf-8"] + guesses)

    def _refuse_others(self) -> None:
        begin = _skip_before(self.sample)
        kind = next((words for magic, words in _KINDS.items() if begin.startswith(magic)), None)
        if kind is None and (markup := _MARKUP.match(self.sample.removeprefix(codecs.BOM_UTF8))):
            kind = _WORDS[markup.lastgroup or ""]
        if kind is None and _MESSAGE.match(self.sample):
            kind = "a web page saved in one file (MHTML), or an e-mail"
        if kind is None and _is_ebcdic(self.sample):
            kind = "text of a mainframe (EBCDIC)"
        if kind:
            raise Refusal(refusals.FILE_NOT_CSV, field="file", what=kind)
        if _is_joined(self.sample):
            what = "a file put together from several encodings: it begins as UTF-8 and goes on as UTF-16"
            raise Refusal(refusals.FILE_NOT_TABLE, field="file", what=what)

    def _ask(self, guesses: list[Guess]) -> Told:
        """Return the likeliest with all of them. Where some lines are UTF-8 and others not, that is one more."""
        told = list({guess.encoding: guess for guess in guesses}.values())
        if not self._is_utf8 and (reads := _read_mixed(self.beyond)):
            told.append(Guess("utf-8", reads))
        return Told(told[0].encoding if told else "windows-1252", told or [Guess("windows-1252", "")])


_LINE_END = re.compile(rb"[\r\n]")


def _compile(of: Iterable[int]) -> re.Pattern[bytes]:
    """Return what finds one of these bytes."""
    return re.compile(b"[" + re.escape(bytes(of)) + b"]" if (of := [*of]) else rb"(?!)")


def _skip_before(sample: bytes) -> bytes:
    found = _BEFORE.match(sample)
    return sample[found.end() if found else 0 :]


def _read_mixed(sample: bytes) -> str:
    """Return how a sample reads in UTF-8 of which some lines are UTF-8 and others not; "" if none is."""
    text = sample.decode("utf-8", "replace")
    return ", ".join(line for line in text.splitlines() if not line.isascii())[:80] if _has_utf8(sample) else ""


def _has_utf8(sample: bytes) -> bool:
    for line in sample.splitlines():
        try:
            if not line.isascii() and line.decode():
                return True
        except UnicodeError:
            continue
    return False


def _is_ebcdic(sample: bytes) -> bool:
    """Decide whether nearly all bytes are letters, digits and signs of EBCDIC; any other text has other line ends."""
    signs = len(sample) - len(sample.translate(None, _EBCDIC_SIGNS))
    letters = len(sample) - len(sample.translate(None, _EBCDIC))
    return b"\n" not in sample and 0 < signs < letters and (signs + letters) > 0.9 * len(sample)


def _is_joined(sample: bytes) -> bool:
    """Decide whether lines of UTF-16 follow ones of UTF-8, as a shell appends them that writes UTF-16."""
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    head, _, rest = sample.partition(b"\0")
    lines, end, _ = head.rpartition(b"\n")
    few, many = sorted((rest[::2].count(0), rest[1::2].count(0)))  # every second byte, of Latin letters
    if not end or not lines or len(rest) < 3 or few or many < 0.3 * len(rest):
        return False
    try:
        return bool(lines.decode())
    except UnicodeError:
        return False


def _detect_utf32(sample: bytes) -> str:
    """Return the kind of UTF-32 without its mark, by three of four bytes being zero; else ""."""
    quarter = max(len(sample) // 4, 1)
    zeros = [sample[at::4].count(0) for at in range(4)]
    if len(sample) >= 8 and zeros[3] > 0.95 * quarter and zeros[2] > 0.95 * quarter and zeros[0] < 0.05 * quarter:
        return "utf-32-le"
    few = len(sample) < 8 or zeros[0] <= 0.95 * quarter or zeros[1] <= 0.95 * quarter or zeros[3] >= 0.05 * quarter
    return "" if few else "utf-32-be"


def _detect_utf16(sample: bytes) -> str:
    """Return the kind of UTF-16 without its mark, by every other byte being zero in text of mostly Latin letters; else
    ""."""
    half = max(len(sample) // 2, 1)
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.05 * half else ""
