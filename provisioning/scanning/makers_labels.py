"""The serials on makers' labels: LoRaWAN, GS1, ISO/IEC 15434, data records and named lines.

Each function gives tiers of candidates, the surest first, or None where the text is of another form.
"""

from __future__ import annotations

import json
import re

GS, RS, EOT = "\x1d", "\x1e", "\x04"
Tiers = list[list[str]]

_TR005 = re.compile(
    r"(?:LW:D0|URN:LW:DP|URN:DEV:LW)[:_][0-9A-F]{16}[:_](?P<dev_eui>[0-9A-F]{16})[:_][0-9A-F]{8}"
    r"(?P<fields>(?:[:_]%?[^:_]+)*)[:_]?\Z",
    re.IGNORECASE,
)
_LORAWAN = re.compile(r"(LW:D|URN:LW:|URN:DEV:LW:)", re.IGNORECASE)
_CHECKSUM = re.compile(r":C([0-9A-F]{4})\Z", re.IGNORECASE)


class Misread(Exception):
    """The text is of this form, but broken; the message says what it is."""


def tr005(text: str) -> Tiers | None:
    """LoRa Alliance TR005, its drafts too: the serial, then the DevEUI; never the JoinEUI."""
    if not _LORAWAN.match(text):
        return None
    match = _TR005.match(text)
    if not match:
        raise Misread("a LoRaWAN code that is incomplete")
    checksum = _CHECKSUM.search(text)
    covered = text[: checksum.start()] if checksum else ""
    if checksum and int(checksum[1], 16) not in {crc16(each) for each in (covered, covered.upper())}:
        raise Misread("a LoRaWAN code that was misread (its checksum is wrong)")
    fields = [field.lstrip("%") for field in re.split("[:_]", match["fields"])]
    return [[field[1:] for field in fields if field[:1].upper() == "S"], _addresses(match["dev_eui"])]


def crc16(text: str) -> int:
    """CRC-16/MODBUS, as TR005's check vector has it."""
    crc = 0xFFFF
    for byte in text.encode():
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


_FIXED = {"00": 18, **dict.fromkeys(("01", "02", "03"), 14), "20": 2}
_FIXED |= dict.fromkeys(("11", "12", "13", "15", "16", "17"), 6)
_VARIABLE = re.compile(
    r"10|21|22|30|37|9[0-9]|23[5]|24[0-3]|25[0-5]|40[0-3]|42[0-7]|39[0-9]{2}|7[0-9]{3}|8[0-9]{3}|71[0-9]"
)
_BRACKETED = re.compile(r"\((\d{2,4})\)([^(]*)")
_LINK = re.compile(
    r"https?://[^/]+(?:/[^?#]*?)?/(?:01|gtin)/(\d{8,14})(?:/[^?#]*?)?/(?:21|ser)/([^/?#]+)", re.IGNORECASE
)


def gs1(text: str) -> Tiers | None:
    """Of an element string, in brackets or as scanned: the serial of a trade item (AI 21)."""
    elements = _BRACKETED.findall(text) if re.fullmatch(rf"(?:{_BRACKETED.pattern})+", text) else _elements(text)
    if not elements:
        return None
    known = {ai: value.strip() for ai, value in elements}
    if "01" in known and not _is_gtin(known["01"]):
        return None
    if "21" not in known:
        raise Misread("a GS1 code without a serial (AI 21)")
    return [[known["21"]]]


def gs1_link(text: str) -> Tiers | None:
    """Of a GS1 Digital Link, at whatever site: its serial. `text` is percent-decoded by the caller."""
    match = _LINK.match(text)
    return [[match[2]]] if match and _is_gtin(match[1].zfill(14)) else None


def _elements(text: str) -> list[tuple[str, str]]:
    """(AI, value) pairs of a string that begins with a trade item's number; empty for any other."""
    rest, found = text.lstrip(GS), []
    if not re.match(r"01\d{14}", rest) or not _is_gtin(rest[2:16]):
        return []
    while rest:
        if size := _FIXED.get(rest[:2]) or (6 if re.match(r"3[1-6]\d\d\d{6}", rest) else 0):
            ai = rest[:2] if rest[:2] in _FIXED else rest[:4]
            value, rest = rest[len(ai) : len(ai) + size], rest[len(ai) + size :].removeprefix(GS)
        elif match := _VARIABLE.match(rest):
            ai = match[0]
            value, _, rest = rest[len(ai) :].partition(GS)
        else:
            return []
        found.append((ai, value))
    return found if len(found) > 1 else []


def _is_gtin(digits: str) -> bool:
    if not re.fullmatch(r"\d{14}", digits):
        return False
    return sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits)) % 10 == 0


def plate(text: str) -> Tiers | None:
    """Of an ISO/IEC 15434 message: data identifier S, GS1's AI 21, or the text element SER."""
    if not text.startswith("[)>"):
        return None
    fields = [field.strip() for field in re.split(rf"[{GS}{RS}{EOT}]", text[3:])]
    if "05" in (fields[1:2] or [""])[0][:2]:
        found = [field[2:] for field in re.split(rf"[{GS}{RS}{EOT}]", text[6:]) if field.startswith("21")]
    else:
        fields = [re.sub(r"\A(?:06|12)(?=\S)", "", field) for field in fields]
        found = [match[1] for field in fields if (match := re.match(r"(?:SER |S(?!E[QR] ))([^ ].*)", field))]
    if not found:
        raise Misread("a maker's plate (ISO/IEC 15434) without a serial")
    return [found]


_SERIAL = r"S\s*/\s*N|SN|SER(?:IAL)?|SERIEN|SERIE"
_NUMBER = r"(?:[\s_-]*(?:NO|NR|NUM|NUMBER|NUMMER|CODE|#))?"
_DEVICE = r"(?:DEVICE|DEV|UNIT|PRODUCT|HW|HARDWARE)"
_ADDRESS = (
    r"(?:(?:WIFI|WI-FI|WLAN|LAN|ETH|ETHERNET|BLE|BT)[\s_-]*)?MAC(?:[\s_-]*(?:ADDR|ADDRESS|ID))?"
    r"|DEV[\s_-]*EUI|EUI(?:[\s_-]?(?:48|64))?|IMEI"
)
_RANKS = [
    re.compile(rf"(?:{_DEVICE}[\s_-]*)?(?:{_SERIAL}){_NUMBER}\.?\Z", re.IGNORECASE),
    re.compile(rf"(?:{_ADDRESS})\.?\Z", re.IGNORECASE),
    re.compile(rf"(?:{_DEVICE}[\s_-]*)?(?:ID|UUID)\Z", re.IGNORECASE),
]
_NAME = re.compile(
    rf"(?<![0-9A-Za-z])((?:{_DEVICE}[\s_-]*)?(?:{_SERIAL}){_NUMBER}|{_ADDRESS})\.?\s*[:=#]\s*", re.IGNORECASE
)
_SPACED = re.compile(rf"(S\s*/\s*N|SN|SERIAL{_NUMBER}|{_ADDRESS})\.?\s+", re.IGNORECASE)
_OTHER_NAME = re.compile(r"\s+[A-Za-z][\w/ .-]{0,20}?\s?[:=]|\s*[;,|]|\s*\Z")


def record(text: str) -> Tiers | None:
    """Of a JSON object, or one within a list or another object: by the usual names of fields."""
    if not text.startswith(("{", "[")):
        return None
    try:
        pairs = list(_pairs(json.loads(text, object_pairs_hook=list, parse_float=str, parse_int=str)))
    except (ValueError, RecursionError):
        raise Misread("a data record that is broken") from None
    tiers = [[value for name, value in pairs if rank.match(name.strip())] for rank in _RANKS]
    if not any(tiers):
        raise Misread("a data record without a serial")
    return [tiers[0], _all_addresses(tiers[1]), tiers[2]]


def _pairs(data: object) -> list[tuple[str, str]]:
    """The names and texts in `data`, whose objects are lists of pairs."""
    found: list[tuple[str, str]] = []
    for each in data if isinstance(data, list) else []:
        if isinstance(each, tuple) and isinstance(each[1], str):
            found.append((each[0], each[1]))
        else:
            found += _pairs(each[1] if isinstance(each, tuple) else each)
    return found


def lines(text: str) -> Tiers | None:
    """Of a label with names before its values, or several lines: named serials, then addresses, then bare lines."""
    parts = [part.strip() for part in text.splitlines() if part.strip()]
    named = [each for part in re.split(r"[\n;,|\t]", text) for each in _named(part.strip())]
    bare = [part for part in parts if not _named(part)]
    if not named and len(parts) < 2:
        return None
    ranked = [[value for name, value in named if rank.match(name.strip(" .:"))] for rank in _RANKS[:2]]
    return [ranked[0], _all_addresses(ranked[1]), bare if len(parts) > 1 else []]


def _named(part: str) -> list[tuple[str, str]]:
    starts = list(_NAME.finditer(part)) or [match for match in [_SPACED.match(part)] if match]
    found = []
    for match in starts:
        end = _OTHER_NAME.search(part, match.end())
        found.append((match[1], part[match.end() : end.start() if end else None].strip()))
    return found


def _all_addresses(texts: list[str]) -> list[str]:
    return [form for text in texts for form in _addresses(text) or [text]]


def _addresses(text: str) -> list[str]:
    """A MAC or EUI as the registry may have it: bare, in pairs by colons, in fours by dots; empty for another text."""
    digits = re.sub(r"[\s:.\-_]", "", text).upper()
    if not re.fullmatch(r"[0-9A-F]{12}|[0-9A-F]{16}", digits.replace("O", "0")):
        return []
    digits = digits.replace("O", "0")
    pairs, fours = re.findall("..", digits), re.findall("....", digits)
    return [digits, ":".join(pairs), ".".join(fours), ".".join(pairs)]


def address(text: str) -> Tiers | None:
    """A MAC-48 or EUI-64 in any writing."""
    forms = _addresses(text)
    return [forms] if forms else None
