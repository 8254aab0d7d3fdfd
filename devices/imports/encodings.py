"""The encodings of files: those that can be chosen, and which of them a sample may be in."""

from __future__ import annotations

import itertools
import re
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from charset_normalizer import from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

ENCODINGS = {
    "utf-8": "Unicode (UTF-8)",
    "utf-16": "Unicode (UTF-16)",
    "utf-16-le": "Unicode (UTF-16, little-endian)",
    "utf-16-be": "Unicode (UTF-16, big-endian)",
    "utf-32": "Unicode (UTF-32)",
    "utf-32-le": "Unicode (UTF-32, little-endian)",
    "utf-32-be": "Unicode (UTF-32, big-endian)",
    "windows-1252": "Western European (Windows-1252)",
    "latin-1": "Western European (Latin-1)",
    "iso-8859-15": "Western European (Latin-9)",
    "mac-roman": "Western European (Mac OS Roman)",
    "cp850": "Western European (DOS, CP850)",
    "cp437": "Western European (DOS, CP437)",
    "windows-1250": "Central European (Windows-1250)",
    "iso-8859-2": "Central European (Latin-2)",
    "cp852": "Central European (DOS, CP852)",
    "windows-1251": "Cyrillic (Windows-1251)",
    "koi8-r": "Cyrillic (KOI8-R)",
    "cp866": "Cyrillic (DOS, CP866)",
    "windows-1253": "Greek (Windows-1253)",
    "windows-1254": "Turkish (Windows-1254)",
    "windows-1255": "Hebrew (Windows-1255)",
    "windows-1256": "Arabic (Windows-1256)",
    "windows-1257": "Baltic (Windows-1257)",
    "windows-1258": "Vietnamese (Windows-1258)",
    "windows-874": "Thai (Windows-874)",
    "gb18030": "Chinese, simplified (GB18030, GBK)",
    "big5": "Chinese, traditional (Big5)",
    "shift_jis": "Japanese (Shift-JIS)",
    "euc-jp": "Japanese (EUC-JP)",
    "iso-2022-jp": "Japanese (ISO-2022-JP)",
    "euc-kr": "Korean (EUC-KR)",
}
# Where Python's codec of that name knows less than what programs write.
_CODECS = {
    "utf-8": "utf-8-sig",
    "windows-874": "cp874",
    "big5": "cp950",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
}
_WIDE = ("utf-16", "utf-32")  # where letters are not told by their own bytes
_JUDGED = 1 << 13  # bytes of a sample from which an encoding is guessed
_OFFERED = 12
_CELLS, _LONG = 200, 40  # cells that are looked at; letters of one from which its words are told alone
_BESIDE = {"latin-1", "iso-8859-15"}  # offered where Windows's own can't be meant
_WESTERN = {"windows-1252", "latin-1", "iso-8859-15"}
# The letters beyond ASCII of French, German, Spanish and Catalan, Portuguese, Italian, Dutch, and of the north.
_LANGUAGES = ("àâæçéèêëîïôœùûüÿ", "äöüß", "áéíñóúüçàèòï", "áâãàçéêíóôõú", "àèéìíîòóù", "áéëíïóöü", "æøåéäö")
# What their words hardly have: capitals within a word, three such letters in a row, and others where they never stand.
_UNUSUAL = re.compile(r"[a-zß-öø-ÿ][À-ÖØ-ÝŒŸ]|[À-öø-ÿ]{3}|\bÈ[a-z]|\B[ìùò]\B|ã(?![oei])(?<![hlmn]ã)|ã\B(?![oei])")
_SCRIPTS = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "HALFWIDTH": "HALFWIDTH"}
_NUMBER = re.compile("\\b[Nn][°º]")  # as French, Spanish and Italian shorten the word
_APOSTROPHE = "\u2019"
_DOUBTFUL = 3  # letters beyond ASCII by which UTF-8 is no certainty


class Guess(NamedTuple):
    """Hold an encoding that a file may have, and how it reads the file's letters then."""

    encoding: str
    reads: str


def find_codec(encoding: str) -> str:
    return _CODECS.get(encoding, encoding)


def is_by_bytes(encoding: str) -> bool:
    """Return whether one wrong byte spoils no more than its row."""
    return not encoding.startswith(_WIDE)


def guess_encodings(sample: bytes) -> list[Guess]:
    """Return what lines with letters beyond ASCII may be encoded in, the likeliest first, each reading them in another
    way. Neither this nor anything else is sure of a few words."""
    cells = _list_cells(sample)
    readings = {encoding: read for encoding in ENCODINGS if is_by_bytes(encoding) and (read := _read(cells, encoding))}
    named: dict[tuple[str, ...], str] = {}
    for encoding, read in readings.items():
        if encoding not in _BESIDE or "windows-1252" not in readings:
            named.setdefault(read, encoding)
    order = _order_cells([*named])
    guesses = {read: Guess(encoding, _show(read, order)) for read, encoding in named.items()}
    ranked = dict.fromkeys(readings[each] for each in [*_rank(sample[:_JUDGED]), *ENCODINGS] if each in readings)
    breaks = {read: sum(count_breaks(_NUMBER.sub("", cell)) for cell in read) for read in named}

    def judge(read: tuple[str, ...]) -> int:
        """Return 0 for what reads as a Western language, often ranked below a rarer one; 2 for what is hardly any."""
        if breaks[read] > min(breaks.values()):
            return 2
        encoding, reads = guesses[read]
        return 0 if encoding in _WESTERN and not breaks[read] and _is_western(reads) else 1

    return [guesses[read] for read in sorted((read for read in ranked if read in guesses), key=judge)][:_OFFERED]


def _list_cells(sample: bytes) -> list[bytes]:
    """Return the different cells with letters beyond ASCII; none of these separators is a part of a letter."""
    return list(dict.fromkeys(cell for cell in re.split(rb"[,;\t\r\n]", sample) if not cell.isascii()))[:_CELLS]


def _read(cells: list[bytes], encoding: str) -> tuple[str, ...]:
    """Return the cells in this encoding; none if they can't be in it."""
    try:
        texts = [cell.decode(find_codec(encoding)) for cell in cells]
    except UnicodeError:
        return ()
    beyond = {character for text in texts for character in text if not character.isascii()}
    if any(unicodedata.category(character) in ("Cc", "Cn", "Co") for character in beyond):
        return ()
    return tuple(map(_shorten, texts))


def _shorten(text: str) -> str:
    """Return what of a cell tells the most."""
    parts = [part.strip(" \"'") for part in text.split("|") if not part.isascii()]
    told = ", ".join(parts)
    return told if len(told) <= _LONG else " ".join(word for word in told.split() if not word.isascii())


def _order_cells(readings: list[tuple[str, ...]]) -> list[int]:
    """Return the places of cells, those first in which the most readings differ that were alike so far."""
    told: list[int] = []
    kinds: list[int] = [0] * len(readings)

    def split(place: int) -> list[int]:
        found: dict[tuple[int, str], int] = {}
        return [found.setdefault((kind, read[place]), len(found)) for kind, read in zip(kinds, readings, strict=True)]

    places = range(len(readings[0]) if readings else 0)
    while max(kinds, default=0) < len(readings) - 1:
        best = max(places, key=lambda place: max(split(place)))
        kinds = split(best)
        told.append(best)
    return [*told, *(place for place in places if place not in told)]


def _show(read: tuple[str, ...], order: list[int]) -> str:
    return ", ".join([read[place] for place in order])[:80]


def _is_western(text: str) -> bool:
    """Decide whether a text's letters are those of one Western language, as its words have them."""
    beyond = {
        letter.casefold() if letter != "ß" else letter for letter in text if not letter.isascii() and letter.isalpha()
    }
    return bool(beyond) and not _UNUSUAL.search(text) and any(beyond <= {*letters} for letters in _LANGUAGES)


def _rank(sample: bytes) -> Iterator[str]:
    """Yield encodings as charset-normalizer ranks them."""
    ours = {find_codec(encoding).replace("-", "_"): encoding for encoding in ENCODINGS if is_by_bytes(encoding)}
    ours |= {f"cp{name[8:]}": encoding for name, encoding in ours.items() if name.startswith("windows_")}
    for match in from_bytes(sample, cp_isolation=list(ours), preemptive_behaviour=False):
        if encoding := ours.get(match.encoding):
            yield encoding


def count_breaks(text: str) -> int:
    """Count where letters of two scripts, or a letter and a symbol, stand side by side: hardly any word has that."""
    kinds = [_tell_script(character) for character in text]
    return sum(one != two and "" not in (one, two) for one, two in itertools.pairwise(kinds))


def _tell_script(character: str) -> str:
    """Return the script of a letter, "symbol" for what is none, and "" for ASCII's digits, signs and spaces."""
    if character.isascii() or character == _APOSTROPHE:
        return "LATIN" if character.isalpha() else ""
    script = unicodedata.name(character, "").partition(" ")[0]
    return _SCRIPTS.get(script, script) if unicodedata.category(character)[0] in "LM" else "symbol"


def is_sure_utf8(sample: bytes) -> bool:
    """Decide whether valid UTF-8 is nothing else: two or three letters that stand alone may be Chinese ones."""
    text = sample.decode("utf-8", "ignore")
    letters = [character for character in text if not character.isascii() and character.isalpha()]
    if len(letters) > _DOUBTFUL or any(ord(character) > 0x7FF for character in letters):
        return True
    return not letters or re.search(r"[A-Za-z][^\W\d_a-zA-Z]|[^\W\d_a-zA-Z][A-Za-z]", text) is not None


# What the bytes that follow the first one of a letter in UTF-8 are in other encodings.
_FOLLOWING = {
    encoding: "".join(
        bytes([byte]).decode(encoding, "ignore") + (chr(byte) if byte < 0xA0 else "") for byte in range(0x80, 0xC0)
    )
    for encoding in ("windows-1252", "mac-roman", "cp850", "cp437", "windows-1251")
}
_WEST = re.escape(_FOLLOWING["windows-1252"])
_CYRILLIC = re.escape(_FOLLOWING["windows-1251"])
# A letter of two, three bytes in UTF-8, each of which was read as one of the encoding; as hardly any word has them.
_MOJIBAKE = {
    "windows-1252": re.compile(f"[ÂÃÄÅÎÏÐÑ×ØÙâãäåæçèé][\u0080-\u00bf{_WEST}]|ï¿½"),
    "mac-roman": re.compile(f"√[{re.escape(_FOLLOWING['mac-roman'])}]|\u201aÄ|ÔøΩ"),
    "cp850": re.compile(f"[├┬][{re.escape(_FOLLOWING['cp850'])}]|\u00b4┐¢"),
    "cp437": re.compile(f"[├┬][{re.escape(_FOLLOWING['cp437'])}]|∩┐╜"),
    "windows-1250": re.compile("Ă[¤¶ĽźŸ©§«„–]|ďż˝"),
    "windows-1251": re.compile(f"(?:[\u0420\u0421][{_CYRILLIC}]){{2}}|Г[{_CYRILLIC}]|пїЅ"),
    "gb18030": re.compile("锟斤拷"),
}


def undo_mojibake(text: str) -> str:
    """Return what a text was before its UTF-8 was read in another encoding; "" if it was not."""
    for encoding, pattern in _MOJIBAKE.items():
        if pattern.search(text):
            with suppress(UnicodeError):
                return b"".join(_encode(character, encoding) for character in text).decode("utf-8")
    return ""


def _encode(character: str, encoding: str) -> bytes:
    try:
        return character.encode(encoding)
    except UnicodeError:
        return character.encode("latin-1")
