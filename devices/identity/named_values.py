"""Values behind their names: in data records, in the queries of addresses, and on the lines of a label.

`static/js/scan-text.js` reads by the same names: tests/provisioning/scanning/label_cases.py has what both say.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from devices.identity.label_tiers import Misread, Tier, rank_addresses, rank_serials, write_addresses
from devices.identity.serials import canonical

if TYPE_CHECKING:
    from devices.identity.label_tiers import Tiers

    Pairs = list[tuple[str, str]]

_SERIAL = r"S\s*/\s*N|N\s*/\s*S|S\.\s?N|S-N|[FDPM]?SN\d?|SNR|SER(?:IAL)?|SERIEN|S[EÉ]RIE"
_NUMBER = r"(?:\.?[\s_-]*(?:NO|NR|NUM|NUMBER|NUMMER|CODE|#))?"
_SER = r"SER(?:IEN)?(?:\.?[\s_-]*(?:NO|NR|NUM|NUMBER|NUMMER)(?![0-9A-Z])|\.)"
_DEVICE = r"(?:DEVICE|DEV|UNIT|PRODUCT|HW|HARDWARE)"
_RADIO = r"(?:WIFI|WI-FI|WLAN|LAN|ETH|ETHERNET|BLE|BT|BLUETOOTH)"  # whose MAC it is, or a MAC itself
_ADDRESS = (
    rf"(?:{_RADIO}[\s_-]*)?MAC(?:[\s_-]*(?:ADDR|ADDRESS|ID))?(?:\s?\d)?"
    r"|DEV[\s_-]*EUI|EUI(?:[\s_-]?(?:48|64))?|IMEI(?:\s?\d)?"
)
# What stands before a name, or holds a record, that is of another device or of a part.
_OTHER = (
    r"GATEWAY|GW|PARENT|BASE(?:\s?STATION)?|OLD|ALTE?|PREV(?:IOUS)?|FORMER|ORIG(?:INAL)?|REPLAC(?:ES?|ED|ING|EMENT)|ERSETZT"
    r"|BATT?(?:ERY|ERIE)?|AKKU|CHARGER|[UE]?SIM|MODEM|HOST|HUB|ROUTER|BRIDGE|MASTER|CONTROLLER|CHILD|PEER|SLAVE|NEIGHBOU?R"
    r"|ANTENNA|ADAPT[EO]R|PSU|POWER\s?SUPPLY|CARTON|BOX|PALLET|LINKED|PAIRED|REMOTE"
)
_RANKS = [
    re.compile(rf"(?:{_DEVICE}[\s_-]*)?(?:{_SERIAL}){_NUMBER}\.?\Z", re.IGNORECASE),
    re.compile(rf"(?:{_ADDRESS}|{_RADIO})\.?\Z", re.IGNORECASE),
]
_OF_RADIO = re.compile(rf"{_RADIO}\.?\Z", re.IGNORECASE)
_WEAK = re.compile(rf"(?:{_DEVICE}[\s_-]*)?(?:ID|UUID)\Z", re.IGNORECASE)
_NAME = re.compile(
    rf"(?<![0-9A-Za-z_-])((?:{_DEVICE}[\s_-]*)?(?:{_SERIAL}){_NUMBER}|{_ADDRESS}|{_RADIO})\.?\s*[:=#]\s*", re.IGNORECASE
)
_SPACED = re.compile(
    rf"(?:((?:{_OTHER})[\s_.-]+(?:[A-Z]+\s+)?)?)(S\s*/\s*N|S\.\s?N|SNR?|SERIAL{_NUMBER}|{_SER}|{_ADDRESS})\.?\s+",
    re.IGNORECASE,
)
_OTHER_NAME = re.compile(r"\s+[A-Za-z][\w/ .-]{0,20}?\s?[:=]|\s*&[A-Za-z][\w.-]{0,20}=|\s*[;,|]|\s*\Z")
_OTHER_BEFORE = re.compile(rf"(?:\A|[^0-9A-Z])(?:{_OTHER})(?:'?s)?(?:[\s_.()-]+[A-Z]+)?[\s_.()-]*\Z", re.IGNORECASE)
_VALUE_BEFORE = re.compile(r".*[:=]\s*\S*\s?", re.DOTALL)
_HOLDS_DEVICE = re.compile(rf"(?:{_DEVICE}|DATA|LABEL|INFO|IDENTITY)\Z", re.IGNORECASE)
_HOLDS_OTHER = re.compile(rf"(?:.*[^A-Z])?(?:{_OTHER})S?(?:[^A-Z].*)?\Z", re.IGNORECASE)
_HUMP = re.compile("(?<=[a-z])(?=[A-Z])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
_SHORTEST = 6  # characters of a line alone that is a serial though no device has it, beside a longer one


def read_record(text: str) -> Tiers | None:
    """Read a JSON object, or one within a list or another object: by the usual names of fields. Raises Misread."""
    if not text.startswith(("{", "[")):
        return None
    try:
        levels = find_levels(load_record(text))
    except (ValueError, RecursionError):
        raise Misread("a data record that is broken") from None
    if tiers := next(filter(None, map(_rank_pairs, levels)), None):
        return tiers
    if weak := next(filter(None, map(_list_weak, levels)), None):
        return [Tier(weak, weak, is_weak=True)]
    raise Misread("a data record without a serial")


def read_query(text: str) -> Tiers | None:
    """Read a web address of any site whose query names a serial or an address of the device: by the usual names."""
    if not re.match("https?://", text, re.IGNORECASE):
        return None
    with suppress(ValueError):
        return _rank_pairs(parse_qsl(urlsplit(text).query))
    return None


def _rank_pairs(pairs: Pairs) -> Tiers | None:
    pairs = [(name.strip(" .:"), value) for name, value in pairs]
    named = [[(name, value) for name, value in pairs if rank.match(name)] for rank in _RANKS]
    named[1] = [pair for pair in named[1] if _may_name(*pair)]
    return [rank_serials(value for _, value in named[0]), rank_addresses(named[1])] if any(named) else None


def _list_weak(pairs: Pairs) -> list[str]:
    return [value for name, value in pairs if _WEAK.match(name.strip())]


def load_record(text: str) -> object:
    """Return JSON with objects as lists of pairs and numbers as texts. Raises ValueError and RecursionError."""
    return json.loads(text, object_pairs_hook=list, parse_float=str, parse_int=str)


def find_levels(data: object) -> list[Pairs]:
    """Return the names and texts in `data`, whose objects are lists of pairs: those of the outermost objects first.

    What stands in an object within is the device's own only where nothing further out is, and never what a gateway, a
    battery or the like holds.
    """
    levels: list[Pairs] = []
    _add_level(data, 0, levels)
    return levels


def _add_level(data: object, depth: int, levels: list[Pairs]) -> None:
    if len(levels) == depth:
        levels.append([])
    for item in data if isinstance(data, list) else []:
        if not isinstance(item, tuple):
            _add_level(item, depth, levels)
        elif isinstance(item[1], str):
            levels[depth].append(item)
        elif _HOLDS_DEVICE.match(item[0].strip()):
            _add_level(item[1], depth, levels)
        elif isinstance(item[1], list) and not _HOLDS_OTHER.match(_HUMP.sub("_", item[0].strip())):
            _add_level(item[1], depth + 1, levels)


def read_lines(text: str) -> Tiers | None:
    """Read names before their values, or several lines: named serials, then addresses, then bare lines where no serial
    is named. Raises Misread where all that is named is another device's."""
    parts = [part.strip() for part in text.splitlines() if part.strip()]
    named = [pair for part in re.split(r"[\n;,|\t]", text) for pair in _find_named(part.strip())]
    bare = [part for part in parts if not _find_named(part)]
    own = [(name, value) for name, value, is_other in named if not is_other]
    if not named and len(parts) < 2:
        return None
    if named and not own and not bare:
        raise Misread("a serial of another device or of a part")
    tiers = _rank_pairs(own) or [Tier(), Tier()]
    return tiers if tiers[0] or len(parts) < 2 else [*tiers, _rank_bare(bare)]


def _find_named(part: str) -> list[tuple[str, str, bool]]:
    """Return each name with its value, and whether both are of another device."""
    if not (starts := list(_NAME.finditer(part))):
        match = _SPACED.match(part)
        return [(match[2], _cut_value(part, match.end()), bool(match[1]))] if match else []
    pairs, end = [], 0
    for match in starts:
        before = _VALUE_BEFORE.sub("", part[end : match.start()])
        value = _cut_value(part, match.end())
        end = match.end() + len(value)
        if _may_name(match[1], value):
            pairs.append((match[1], value, bool(_OTHER_BEFORE.search(before))))
    return pairs


def _may_name(name: str, value: str) -> bool:
    """Return whether it does: what is called by its radio alone is an address, or something else."""
    return not _OF_RADIO.match(name) or bool(write_addresses(value))


def _cut_value(part: str, start: int) -> str:
    end = _OTHER_NAME.search(part, start)
    return part[start : end.start() if end else None].strip()


def _rank_bare(lines: list[str]) -> Tier:
    """Return the lines alone, of which each with the size of a serial is one; words, dates and short ones are none, and
    an address is none beside a serial."""
    longest = max((len(canonical(line)) for line in lines), default=0)
    least = min(_SHORTEST, longest)
    rivals = [
        line
        for line in lines
        if re.search("[0-9]", line) and len(canonical(line)) >= least and not _DATE.fullmatch(line)
    ]
    return Tier(lines, [line for line in rivals if not write_addresses(line)] or rivals, is_bare=True)
