"""The serials on makers' labels: LoRaWAN, GS1, ISO/IEC 15434, and what names its values.

Each function gives tiers of candidates, the surest first, or None where the text is of another form.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from devices.identity.label_tiers import Misread, Tier, rank_serials, write_addresses
from devices.identity.named_values import read_lines, read_record

if TYPE_CHECKING:
    from devices.identity.label_tiers import Tiers

GS, RS, EOT = "\x1d", "\x1e", "\x04"

_TR005 = re.compile(
    r"(?:LW:D0|URN:LW:DP|URN:DEV:LW)[:_](?P<join_eui>[0-9A-F]{16})[:_](?P<dev_eui>[0-9A-F]{16})[:_](?P<profile>[0-9A-F]{8})"
    r"(?P<fields>(?:[:_]+%?[^:_]+)*)[:_]*\Z",
    re.IGNORECASE,
)
_LORAWAN = re.compile(r"(LW:D|URN:LW:|URN:DEV:LW:)", re.IGNORECASE)
_CHECKSUM = re.compile(r":C([0-9A-F]{4})\Z", re.IGNORECASE)
_BEFORE_ADDRESS = re.compile(r"(?:0x|eui[-_])(?=[0-9A-F])", re.IGNORECASE)


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
    return [rank_serials(_find_fields(text, match["fields"], "S")), Tier(write_addresses(match["dev_eui"]))]


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
_OF_ITEMS = {"00", "01", "02", "21"}  # what brackets hold without one of these may be a telephone's area
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
    if not known.keys() & _OF_ITEMS or ("01" in known and not _is_gtin(known["01"])):
        return None
    if "21" not in known:
        raise Misread("a GS1 code without a serial (AI 21)")
    return [rank_serials(value.strip() for ai, value in elements if ai == "21")]


def read_gs1_link(text: str) -> Tiers | None:
    """Read a GS1 Digital Link, at whatever site: its serial, in which a slash is written as %2F."""
    match = _LINK.match(text)
    return [Tier([unquote(match[2])])] if match and _is_gtin(match[1].zfill(14)) else None


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
    return [rank_serials(texts)]


def read_address(text: str) -> Tiers | None:
    """Read a MAC-48 or EUI-64 in any writing."""
    forms = write_addresses(_BEFORE_ADDRESS.sub("", text))
    return [Tier(forms)] if forms else None
