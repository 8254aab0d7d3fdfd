"""The serials on makers' labels: LoRaWAN, GS1, ISO/IEC 15434, data records and named lines.

Each function gives tiers of candidates, the surest first, or None where the text is of another form.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlsplit

GS, RS, EOT = "\x1d", "\x1e", "\x04"
Tiers = list[list[str]]

_TR005 = re.compile(
    r"(?:LW:D0|URN:LW:DP|URN:DEV:LW)[:_](?P<join_eui>[0-9A-F]{16})[:_](?P<dev_eui>[0-9A-F]{16})[:_](?P<profile>[0-9A-F]{8})"
    r"(?P<fields>(?:[:_]+%?[^:_]+)*)[:_]*\Z",
    re.IGNORECASE,
)
_LORAWAN = re.compile(r"(LW:D|URN:LW:|URN:DEV:LW:)", re.IGNORECASE)
_CHECKSUM = re.compile(r":C([0-9A-F]{4})\Z", re.IGNORECASE)


class Misread(Exception):
    """Say what the text is, which is of this form but broken."""


def read_whole_text(text: str) -> Tiers | None:
    """Read a label that says more than its serial, of whichever form. Raises Misread."""
    forms = (read_tr005, read_plate, read_gs1, read_record, read_lines)
    return next((tiers for form in forms if (tiers := form(text)) is not None), None)


def read_tr005(text: str) -> Tiers | None:
    """Read LoRa Alliance TR005, its drafts too: the serial, then the DevEUI; never the JoinEUI."""
    if not _LORAWAN.match(text):
        return None
    match = _TR005.match(text)
    if not match:
        raise Misread("a LoRaWAN code that is incomplete")
    checksum = _CHECKSUM.search(text)
    covered = text[: checksum.start()] if checksum else ""
    if checksum and int(checksum[1], 16) not in {compute_crc16(part) for part in (covered, covered.upper())}:
        raise Misread("a LoRaWAN code that was misread (its checksum is wrong)")
    return [_find_fields(text, match["fields"], "S"), write_addresses(match["dev_eui"])]


def _find_fields(text: str, fields: str, letter: str) -> list[str]:
    """Return the values of that letter. Only drafts part fields by `_`, which stands in tokens too."""
    parts = re.split(":" if text[:3].upper() == "LW:" else "[:_]", fields)
    plain = [part.lstrip("%") for part in parts]
    return [part[1:] for part in plain if part[:1].upper() == letter]


def split_tr005(text: str) -> dict[str, str] | None:
    """Return each field of a label of TR005, by its name in devices.identity.label_facts; None for another text."""
    if (match := _TR005.match(text)) is None:
        return None
    letters = {"serial": "S", "owner_token": "O", "proprietary": "P"}
    found = {name: next(iter(_find_fields(text, match["fields"], letter)), "") for name, letter in letters.items()}
    return found | {name: match[name].upper() for name in ("join_eui", "dev_eui", "profile")}


def compute_crc16(text: str) -> int:
    """Compute CRC-16/MODBUS, as TR005's check vector has it."""
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


def read_gs1(text: str) -> Tiers | None:
    """Read an element string of GS1, in brackets or as scanned: the serial of a trade item (AI 21)."""
    elements = _BRACKETED.findall(text) if re.fullmatch(rf"(?:{_BRACKETED.pattern})+", text) else _split_elements(text)
    if not elements:
        return None
    known = {ai: value.strip() for ai, value in elements}
    if "01" in known and not _is_gtin(known["01"]):
        return None
    if "21" not in known:
        raise Misread("a GS1 code without a serial (AI 21)")
    return [[known["21"]]]


def read_gs1_link(text: str) -> Tiers | None:
    """Read a GS1 Digital Link, at whatever site: its serial, in which a slash is written as %2F."""
    match = _LINK.match(text)
    return [[unquote(match[2])]] if match and _is_gtin(match[1].zfill(14)) else None


def _split_elements(text: str) -> list[tuple[str, str]]:
    """Return (AI, value) pairs of a string that begins with a trade item's number; empty for any other."""
    rest, elements = text.lstrip(GS), []
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
        elements.append((ai, value))
    return elements if len(elements) > 1 else []


def _is_gtin(digits: str) -> bool:
    if not re.fullmatch(r"\d{14}", digits):
        return False
    return sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits)) % 10 == 0


def read_plate(text: str) -> Tiers | None:
    """Read an ISO/IEC 15434 message: data identifier S, GS1's AI 21, or the text element SER."""
    if not text.startswith("[)>"):
        return None
    fields = [field.strip() for field in re.split(rf"[{GS}{RS}{EOT}]", text[3:])]
    if "05" in (fields[1:2] or [""])[0][:2]:
        texts = [field[2:] for field in re.split(rf"[{GS}{RS}{EOT}]", text[6:]) if field.startswith("21")]
    else:
        fields = [re.sub(r"\A(?:06|12)(?=\S)", "", field) for field in fields]
        texts = [match[1] for field in fields if (match := re.match(r"(?:SER |S(?!E[QR] ))([^ ].*)", field))]
    if not texts:
        raise Misread("a maker's plate (ISO/IEC 15434) without a serial")
    return [texts]


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
_OTHER_NAME = re.compile(r"\s+[A-Za-z][\w/ .-]{0,20}?\s?[:=]|\s*&[A-Za-z][\w.-]{0,20}=|\s*[;,|]|\s*\Z")


def read_record(text: str) -> Tiers | None:
    """Read a JSON object, or one within a list or another object: by the usual names of fields."""
    if not text.startswith(("{", "[")):
        return None
    try:
        pairs = find_pairs(load_record(text))
    except (ValueError, RecursionError):
        raise Misread("a data record that is broken") from None
    if (tiers := _rank_pairs(pairs)) is None:
        raise Misread("a data record without a serial")
    return tiers


def read_query(text: str) -> Tiers | None:
    """Read a web address of any site whose query names a serial or an address of the device: by the usual names."""
    if not re.match("https?://", text, re.IGNORECASE):
        return None
    with suppress(ValueError):
        return _rank_pairs(parse_qsl(urlsplit(text).query))
    return None


def _rank_pairs(pairs: list[tuple[str, str]]) -> Tiers | None:
    tiers = [[value for name, value in pairs if rank.match(name.strip())] for rank in _RANKS]
    return [tiers[0], _write_all_addresses(tiers[1]), tiers[2]] if any(tiers) else None


def load_record(text: str) -> object:
    """Return JSON with objects as lists of pairs and numbers as texts. Raises ValueError and RecursionError."""
    return json.loads(text, object_pairs_hook=list, parse_float=str, parse_int=str)


def find_pairs(data: object) -> list[tuple[str, str]]:
    """Return the names and texts in `data`, whose objects are lists of pairs."""
    pairs: list[tuple[str, str]] = []
    for item in data if isinstance(data, list) else []:
        if isinstance(item, tuple) and isinstance(item[1], str):
            pairs.append((item[0], item[1]))
        else:
            pairs += find_pairs(item[1] if isinstance(item, tuple) else item)
    return pairs


def read_lines(text: str) -> Tiers | None:
    """Read names before their values, or several lines: named serials, then addresses, then bare lines."""
    parts = [part.strip() for part in text.splitlines() if part.strip()]
    named = [pair for part in re.split(r"[\n;,|\t]", text) for pair in _find_named(part.strip())]
    bare = [part for part in parts if not _find_named(part)]
    if not named and len(parts) < 2:
        return None
    ranked = [[value for name, value in named if rank.match(name.strip(" .:"))] for rank in _RANKS[:2]]
    return [ranked[0], _write_all_addresses(ranked[1]), bare if len(parts) > 1 else []]


def _find_named(part: str) -> list[tuple[str, str]]:
    starts = list(_NAME.finditer(part)) or [match for match in [_SPACED.match(part)] if match]
    pairs = []
    for match in starts:
        end = _OTHER_NAME.search(part, match.end())
        pairs.append((match[1], part[match.end() : end.start() if end else None].strip()))
    return pairs


def _write_all_addresses(texts: list[str]) -> list[str]:
    return [form for text in texts for form in write_addresses(text) or [text]]


def write_addresses(text: str) -> list[str]:
    """Return a MAC or EUI as the registry may have it: bare, in pairs by colons or dots, in fours; else nothing."""
    digits = re.sub(r"[\s:.\-_]", "", text).upper()
    if not re.fullmatch(r"[0-9A-F]{12}|[0-9A-F]{16}", digits.replace("O", "0")):
        return []
    digits = digits.replace("O", "0")
    pairs, fours = re.findall("..", digits), re.findall("....", digits)
    return [digits, ":".join(pairs), ".".join(fours), ".".join(pairs)]


def read_address(text: str) -> Tiers | None:
    """Read a MAC-48 or EUI-64 in any writing."""
    forms = write_addresses(text)
    return [forms] if forms else None
