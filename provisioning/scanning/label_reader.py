"""Reading what was scanned, photographed, typed or opened: the serials that it may stand for, or what it is instead."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from devices.identity import serials
from provisioning.scanning import foreign, makers_labels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MAX_TEXT = 1024

_BEFORE = re.compile(r"(?:\ufeff|ï»¿|\\\d{6}|\][A-Za-z][0-9A-Za-z])+")  # byte order mark, ECI, symbology identifier
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_AROUND = re.compile("\\A[\\s\0-\x1f\x7f\u202a-\u202e\u2066-\u2069]+|[\\s\0-\x1f\x7f\u202a-\u202e\u2066-\u2069]+\\Z")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")


class NotALabel(Exception):
    """The text is no label of ours; the message says what it is."""


@dataclass(frozen=True)
class Reading:
    """Serials that a text may stand for. An earlier tier counts before a later one; within one, two devices are
    one too many. `what` names the text if no device has any of these."""

    tiers: tuple[tuple[str, ...], ...]
    what: str | None = None

    @property
    def candidates(self) -> list[str]:
        return [each for tier in self.tiers for each in tier]


def read(text: str, *, origins: Collection[str]) -> Reading:
    """What the text may stand for: itself before all that it may be read as.

    A bare serial, this site's address of one (`/d/<serial>` at one of `origins`, such as `https://devices.example`,
    by whatever scheme or none), or a maker's label (provisioning.scanning.makers_labels). Raises `NotALabel`.
    """
    text = clean(text)
    if not text:
        raise NotALabel("empty")
    if len(text) > MAX_TEXT:
        raise NotALabel("a text far too long for a label")
    text = _of_address(text, origins)
    what = foreign.name(text)
    try:
        tiers = [[text], *([] if what else _maker(text))]
    except makers_labels.Misread as misread:
        tiers, what = [[text]], str(misread)
    kept = tuple(filter(None, map(_serials, tiers)))
    if not kept:
        raise NotALabel(what or _why_none(text))
    return Reading(kept, what)


def clean(text: str) -> str:
    """The text without what scanners, keyboards and clipboards put around and between its characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_WIDE)
    text = _BEFORE.sub("", text.lstrip("\0\x02 \n\t"), count=1) if _BEFORE.match(text.lstrip("\0\x02 \n\t")) else text
    text = _UNSEEN.sub("", text)
    return text.strip() if text.startswith("[)>") else _AROUND.sub("", text)


def _maker(text: str) -> makers_labels.Tiers:
    forms = (
        makers_labels.tr005,
        makers_labels.plate,
        makers_labels.gs1,
        makers_labels.record,
        makers_labels.address,
        makers_labels.lines,
    )
    return next((tiers for form in forms if (tiers := form(text)) is not None), [])


def _serials(texts: Iterable[str]) -> tuple[str, ...]:
    """Those of the texts that a device can have, as the registry keeps them."""
    plain = [each for each in texts if not _strange(each) and serials.is_plausible(each)]
    return tuple(dict.fromkeys(map(serials.canonical, plain)))


def _strange(text: str) -> str | None:
    """A character that no serial has and none is written with."""
    unseen = {"Cc", "Cf", "Cs", "Co", "Cn"}
    foreign_ones = (each for each in text if not each.isascii() and serials.canonical(each))
    return next((each for each in text if unicodedata.category(each) in unseen), None) or next(foreign_ones, None)


def _why_none(text: str) -> str:
    strange = _strange(text)
    if strange and unicodedata.category(strange)[0] == "C":
        return "a text with invisible control characters"
    return f"a text with a letter that no serial has, “{strange}”" if strange else "a text that is no serial number"


def _of_address(text: str, origins: Collection[str]) -> str:
    """The serial of this site's address, or of a GS1 Digital Link; any other text as it is."""
    here = {_host(urlsplit(origin).netloc) for origin in origins}
    if not _SCHEME.match(text):
        if _host(text.partition("/")[0]) not in here or "/" not in text:
            return text
        text = f"//{text}"
    try:
        url = urlsplit(text)
        host = url.hostname or ""
    except ValueError:
        raise NotALabel("a broken web address") from None
    if url.scheme.lower() not in {"http", "https", ""}:
        raise NotALabel(foreign.name(text) or "a link that is no web address")
    if _host(url.netloc) not in here:
        return _elsewhere(text, host)
    path = unquote(url.path)
    if not path.lower().startswith("/d/"):
        return _elsewhere(text, "")
    return clean(path[3:].strip("/"))


def _elsewhere(text: str, host: str) -> str:
    if found := makers_labels.gs1_link(text):
        return unquote(found[0][0])
    if not host:
        raise NotALabel("an address of this site, but not a device's")
    if text.startswith("//"):
        raise NotALabel("a text that is no serial number")
    raise NotALabel(f"the address of another site ({host[:60]})")


def _host(netloc: str) -> str:
    return re.sub(r"\.?(?::(?:80|443))?\Z", "", netloc.lower())
