"""A serial as it is given for a device: bare, or in the whole text of its label, read as the scanner reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from devices.identity import makers_labels, serials
from devices.identity.formats import Kind
from devices.identity.makers_labels import Misread

if TYPE_CHECKING:
    from collections.abc import Collection

    from devices.identity.formats import Format

MAX_TEXT = 1024

_BEFORE = re.compile(r"(?:\ufeff|ï»¿|\\\d{6}|\][A-Za-z][0-9A-Za-z])+")  # byte order mark, ECI, symbology identifier
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_AROUND = re.compile("\\A[\\s\0-\x1f\x7f\u202a-\u202e\u2066-\u2069]+|[\\s\0-\x1f\x7f\u202a-\u202e\u2066-\u2069]+\\Z")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_ADDRESS = re.compile(r"(?:(?:https?:)?//)?[^/\s]+\.?[^/\s]*/d/[^/\s?#]", re.IGNORECASE)
_SHORTEST_GS1 = 18  # a trade item's number and more
_SEPARATORS = re.compile(r"[:.\-_\s]")


def clean_text(text: str) -> str:
    """Return the text without what scanners, keyboards and clipboards put around and between its characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_WIDE)
    text = _BEFORE.sub("", text.lstrip("\0\x02 \n\t"), count=1) if _BEFORE.match(text.lstrip("\0\x02 \n\t")) else text
    text = _UNSEEN.sub("", text)
    return text.strip() if text.startswith("[)>") else _AROUND.sub("", text)


def normalise_host(netloc: str) -> str:
    """Return the host in lower case, without its usual port."""
    return re.sub(r"\.?(?::(?:80|443))?\Z", "", netloc.lower())


def read_serial(text: str, fitting: Format, *, origins: Collection[str] = ()) -> str:
    """Return the serial that a cell or a field gives: itself, or of a label's whole text the one that fits the format.

    `origins` are the site's own, such as `https://devices.example`; where none is known, any address counts that looks
    like ours. Raises ValueError, in words for people, where it is a label that gives none, or more than one.
    """
    if _is_bare(text) or (not _takes_all(fitting) and fitting.problem(text) is None):
        return text
    text = clean_text(text)
    try:
        found = _find_serials(text, origins)
    except Misread as misread:
        raise ValueError(f"This is {misread}.") from None
    if found is None:
        return text
    for tier in found:
        fits = {_SEPARATORS.sub("", serials.fold(each)): each for each in reversed(tier) if not fitting.problem(each)}
        if len(fits) > 1:
            raise ValueError(f"This label names two serials, {' and '.join(sorted(fits.values()))}. Give one of them.")
        if fits:
            return next(iter(fits.values()))
    named = next((each for tier in found for each in tier), "")
    cause = fitting.problem(named) or ""
    raise ValueError(f"This is a label's whole text, and its serial “{named[:64]}” doesn't fit. {cause}")


def _is_bare(text: str) -> bool:
    """Decide quickly whether it is no label's whole text; most are not, a million in a file."""
    plain = text.isalnum() or text.replace("-", "").isalnum()
    return plain and text.isascii() and not (text[:2] == "01" and len(text) >= _SHORTEST_GS1)


def _takes_all(fitting: Format) -> bool:
    """Decide whether a label's whole text might fit the format."""
    return fitting.kind == Kind.OPAQUE and not fitting.prefix


def _find_serials(text: str, origins: Collection[str]) -> makers_labels.Tiers | None:
    """Return what the text holds, the surest first; None where it is no label's whole text."""
    if _ADDRESS.match(text):
        return _read_address(text, origins)
    for read in (makers_labels.read_gs1_link, makers_labels.read_query):
        if tiers := read(text):
            return tiers
    return makers_labels.read_whole_text(text)


def _read_address(text: str, origins: Collection[str]) -> makers_labels.Tiers | None:
    try:
        url = urlsplit(text if "//" in text else f"//{text}")
    except ValueError:
        raise Misread("a broken web address") from None
    if origins and normalise_host(url.netloc) not in {normalise_host(urlsplit(each).netloc) for each in origins}:
        if not url.scheme:
            return None
        raise Misread(f"the address of another site ({url.netloc[:60]})")
    return [[clean_text(unquote(url.path)[3:].strip("/"))]]
