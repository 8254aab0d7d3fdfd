"""A serial as it is given for a device: bare, or in the whole text of its label, read as the scanner reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from devices.identity import makers_labels, named_values, serials
from devices.identity.formats import Kind
from devices.identity.label_tiers import Misread, Tier

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devices.identity.formats import Format
    from devices.identity.label_tiers import Tiers

MAX_TEXT = 1024

_BEFORE = re.compile(r"(?:\ufeff|ï»¿|\\\d{6}|\][A-Za-z][0-9A-Za-z])+")  # byte order mark, ECI, symbology identifier
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_AROUND = re.compile("\\A[\\s\0-\x1f\x7f\u202a-\u202e\u2066-\u2069]+|[\\s\0-\x1f\x7f\u202a-\u202e\u2066-\u2069]+\\Z")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_ADDRESS = re.compile(r"(?:(?:https?:)?//)?[^/\s]+\.?[^/\s]*/d/[^/\s?#]", re.IGNORECASE)
STARTS = frozenset(
    ("01", "0x", "0X", "eu", "EU", "Eu")
)  # of what may be more than a serial, though but letters and digits
_SHORTEST = 14  # characters of that: an address behind 0x
_PLAIN = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*[0-9A-Za-z_]")
_BROKEN = re.compile(r"(?<=[0-9A-Za-z]-)\n\s*(?=[0-9A-Za-z])")  # at a dash, between two lines
_STARRED = re.compile(r"\*([^*\n]+)\*\Z")  # as Code 39 is written
_ODD = (
    (
        re.compile(r"\d{1,4}\s*[x×]\s+\S", re.IGNORECASE),
        "There is a number of pieces before the serial: give the serial alone.",
    ),
    (
        re.compile(
            r"(?:[A-Z]{0,3}ID|UUID|NO|NR|NUM|NUMBER|NUMMER|ST|SERVICE ?TAG|[A-Z]{1,3}SN|PN|MODEL|TYPE|LOT|BATCH|REV|QTY"
            r"|BARCODE|ICCID|ASSET|TAG|REPLACES?|GATEWAY|PARENT|OLD|NEW|BATTERY|.*[^0-9A-Z](?:SN|SERIAL|MAC|IMEI|EUI))\.?\s*:|(?:NO|NR)\.\s*\S",
            re.IGNORECASE,
        ),
        "There is a name before the serial: give the serial alone.",
    ),
    (re.compile(r"[^:\s]*[0-9A-Za-z]\.\Z"), "There is a full stop behind the serial: remove it."),
)
_TWO = re.compile(r"([A-Z]{2,}[-_.]?)\d[0-9A-Z-]*(?:\s+\1\d[0-9A-Z-]*)+\Z|\d{8,}(?:\s+\d{8,})+\Z", re.IGNORECASE)
_SEPARATORS = re.compile(r"[:.\-_\s]")


def clean_text(text: str) -> str:
    """Return the text without what scanners, keyboards and clipboards put around and between its characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_WIDE)
    text = _BEFORE.sub("", text.lstrip("\0\x02 \n\t"), count=1) if _BEFORE.match(text.lstrip("\0\x02 \n\t")) else text
    text = _UNSEEN.sub("", text)
    if text.startswith("[)>"):
        return text.strip()
    return _STARRED.sub(r"\1", _BROKEN.sub("", _AROUND.sub("", text)))


def normalise_host(netloc: str) -> str:
    """Return the host in lower case, without its usual port."""
    return re.sub(r"\.?(?::(?:80|443))?\Z", "", netloc.lower())


def read_serial(text: str, fitting: Format, *, origins: Collection[str] = ()) -> str:
    """Return the serial that a cell or a field gives: itself, or of a label's whole text the one that fits the format.

    `origins` are the site's own, such as `https://devices.example`; where none is known, any address counts that looks
    like ours. Raises ValueError, in words for people, where it is a label that gives none, or more than one.
    """
    if _is_bare(text) or serials.is_address(text) or (not _takes_all(fitting) and fitting.problem(text) is None):
        return text
    text = clean_text(text)
    try:
        found = _find_serials(text, origins)
    except Misread as misread:
        raise ValueError(f"This is {misread}.") from None
    if found is None:
        if odd := _name_odd(text):
            raise ValueError(odd)
        return text
    for tier in found:
        if tier.is_weak and fitting.takes_nearly_all:
            continue
        fits = {_SEPARATORS.sub("", serials.fold(each)): each for each in reversed(tier) if not fitting.problem(each)}
        if len(fits) > 1:
            raise ValueError(f"This label names two serials, {' and '.join(sorted(fits.values()))}. Give one of them.")
        if fits:
            return next(iter(fits.values()))
    named = next((each for tier in found for each in tier), "")
    if all(tier.is_weak for tier in found):
        raise ValueError("This is a data record in which an id may be of anything. Give the serial alone.")
    cause = fitting.problem(named) or ""
    raise ValueError(f"This is a label's whole text, and its serial “{named[:64]}” doesn't fit. {cause}")


def _is_bare(text: str) -> bool:
    """Decide quickly whether it is no label's whole text; most are not, a million in a file."""
    plain = text.isalnum() or text.replace("-", "").isalnum() or _PLAIN.fullmatch(text)
    return bool(plain) and text.isascii() and not (text[:2] in STARTS and len(text) >= _SHORTEST)


def _name_odd(text: str) -> str:
    """Return what is there beside a serial, though its letters could be one's; "" where nothing is."""
    words = text.split()
    if len(words) > 1 and (all(map(makers_labels.read_address, words)) or _is_two(text, words)):
        return f"These are {len(words)} serials, {', '.join(words[:3])}: give each a row of its own."
    return next((what for form, what in _ODD if form.match(text)), "")


def _is_two(text: str, words: Sequence[str]) -> bool:
    return bool(_TWO.match(text)) and (words[0][0].isalpha() or len({*map(len, words)}) == 1)


def _takes_all(fitting: Format) -> bool:
    """Decide whether a label's whole text might fit the format."""
    return fitting.kind == Kind.OPAQUE and not fitting.prefix


def _find_serials(text: str, origins: Collection[str]) -> Tiers | None:
    """Return what the text holds, the surest first; None where it is no label's whole text."""
    if _ADDRESS.match(text):
        return _read_address(text, origins)
    for read in (makers_labels.read_gs1_link, named_values.read_query):
        if tiers := read(text):
            return tiers
    if re.match("https?://", text, re.IGNORECASE):
        raise Misread("a web address that names no serial of a device")
    if tiers := makers_labels.read_whole_text(text):
        return tiers
    return makers_labels.read_address(text) if text[:2] in STARTS else None


def _read_address(text: str, origins: Collection[str]) -> Tiers | None:
    try:
        url = urlsplit(text if "//" in text else f"//{text}")
    except ValueError:
        raise Misread("a broken web address") from None
    if origins and normalise_host(url.netloc) not in {normalise_host(urlsplit(each).netloc) for each in origins}:
        if not url.scheme:
            return None
        raise Misread(f"the address of another site ({url.netloc[:60]})")
    return [Tier([clean_text(unquote(url.path)[3:].strip("/"))])]
