"""Reading what was scanned or typed: a serial of ours, or what it is instead."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from devices.identity import serials

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_TEXT = 1024

_KNOWN = {
    "WIFI:": "a Wi-Fi code",
    "BEGIN:VCARD": "a contact card",
    "MECARD:": "a contact card",
    "BIZCARD:": "a contact card",
    "BEGIN:VEVENT": "a calendar entry",
    "BEGIN:VCALENDAR": "a calendar entry",
    "BCD\n": "a payment code",
    "SPC\n": "a payment code",
    "SPD*": "a payment code",
    "UPI:": "a payment code",
    "BITCOIN:": "a payment code",
    "ETHEREUM:": "a payment code",
    "TEL:": "a telephone number",
    "SMS:": "a text message",
    "SMSTO:": "a text message",
    "MAILTO:": "an e-mail address",
    "MATMSG:": "an e-mail message",
    "GEO:": "a place on a map",
    "OTPAUTH:": "a two-factor secret",
    "JAVASCRIPT:": "a script",
    "DATA:": "embedded data",
    "MARKET:": "a link to an app",
    "FIDO:": "a passkey code",
    "MT:": "a Matter pairing code",
    "X-HM:": "a HomeKit pairing code",
}
_TR005 = re.compile(r"LW:D0:[0-9A-F]{16}:(?P<dev_eui>[0-9A-F]{16}):[0-9A-F]{8}(?P<fields>(?::[^:]+)*)\Z", re.IGNORECASE)
_CHECKSUM = re.compile(r":C([0-9A-F]{4})\Z", re.IGNORECASE)


class NotALabel(Exception):
    """The text is no label of ours; the message says what it is."""


def read(text: str, *, origins: Collection[str]) -> list[str]:
    """The serials that the text may stand for, most specific first.

    `text` is a bare serial, this site's URL for it (`/d/<serial>` below one of `origins`, such as
    `https://devices.example`), or a LoRa Alliance TR005 string. Raises `NotALabel` for everything else.
    """
    text = text.replace("\r\n", "\n").strip()
    _refuse_other_codes(text)
    if "://" in text:
        text = _serial_of_url(text, origins)
    if text.upper().startswith("LW:"):
        return _serials_of_tr005(text)
    _refuse_foreign_characters(text)
    if not serials.is_plausible(text):
        raise NotALabel("a text that is no serial number")
    return [serials.canonical(text)]


def _refuse_other_codes(text: str) -> None:
    if not text:
        raise NotALabel("empty")
    if len(text) > MAX_TEXT:
        raise NotALabel("a text far too long for a label")
    start = text[:20].upper()
    for prefix, what in _KNOWN.items():
        if start.startswith(prefix):
            raise NotALabel(what)
    if start.startswith(("{", "[")):
        raise NotALabel("a data record")


def _refuse_foreign_characters(text: str) -> None:
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"}:
            raise NotALabel("a text with invisible control characters")
        if not character.isascii() and serials.canonical(character):
            raise NotALabel(f"a text with a letter that no serial has, “{character}”")


def _serial_of_url(text: str, origins: Collection[str]) -> str:
    try:
        url = urlsplit(text)
        host = url.hostname or ""
    except ValueError:
        raise NotALabel("a broken web address") from None
    if url.scheme.lower() not in {"http", "https"}:
        raise NotALabel("a link that is no web address")
    here = {urlsplit(origin).netloc.lower() for origin in origins}
    if url.netloc.lower() not in here:
        raise NotALabel(f"the address of another site ({host[:60]})")
    path = unquote(url.path)
    if not path.lower().startswith("/d/"):
        raise NotALabel("an address of this site, but not a device's")
    return path[3:].strip("/")


def _serials_of_tr005(text: str) -> list[str]:
    match = _TR005.match(text)
    if not match:
        raise NotALabel("a LoRaWAN code that is incomplete")
    checksum = _CHECKSUM.search(text)
    if checksum and int(checksum[1], 16) != crc16(text[: checksum.start()]):
        raise NotALabel("a LoRaWAN code that was misread (its checksum is wrong)")
    fields = {field[0].upper(): field[1:] for field in match["fields"].split(":") if field}
    candidates = [fields.get("S", ""), match["dev_eui"]]
    return [serials.canonical(candidate) for candidate in candidates if serials.is_plausible(candidate)]


def crc16(text: str) -> int:
    """CRC-16/MODBUS, as TR005's check vector has it."""
    crc = 0xFFFF
    for byte in text.encode():
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc
