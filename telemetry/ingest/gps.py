"""GPS positions as devices write them: docs/protocol.md, "Positions".

One form is kept: latitude and longitude in decimal degrees as text, `37.332331,-122.0312186`, to seven places (1 cm).
"""

from __future__ import annotations

import math
import re

MAX_LENGTH = 200
PLACES = 7

_DECIMAL = re.compile(r"\s*([+-]?\d{1,3}(?:\.\d{0,20})?)\s*,\s*([+-]?\d{1,3}(?:\.\d{0,20})?)\s*", re.ASCII)
_DEGREES = (
    r"\s*(\d{1,3})\s*\u00b0\s*(?:(\d{1,2}(?:\.\d{1,20})?)\s*['\u2032\u2019]\s*"
    r"(?:(\d{1,2}(?:\.\d{1,20})?)\s*(?:[\"\u2033\u201d]|'')\s*)?)?"
)
_SEXAGESIMAL = re.compile(rf"{_DEGREES}([NS])\s*,{_DEGREES}([EW])\s*", re.ASCII)
_NMEA = re.compile(r"\s*\$(?P<said>[A-Z]{2}(?:GLL|GGA),[\x20-\x7e]*?)(?:\*(?P<sum>[0-9A-Fa-f]{2}))?\s*")
_MINUTES = re.compile(r"(\d{2,3}?)(\d{2}(?:\.\d{0,20})?)", re.ASCII)  # ddmm.mmm or dddmm.mmm
_KEPT = re.compile(r"(-?\d{1,2}(?:\.\d{1,7})?),(-?\d{1,3}(?:\.\d{1,7})?)", re.ASCII)
_NAMES = (("lat", "lng"), ("lat", "lon"), ("latitude", "longitude"))

Pair = tuple[float, float]


def read_position(raw: object) -> str | None:
    """Return the position in the form that is kept; None for what is none."""
    pair = _parse_text(raw) if isinstance(raw, str) else _parse_object(raw) if isinstance(raw, dict) else None
    if pair is None or not (abs(pair[0]) <= 90 and abs(pair[1]) <= 180):
        return None
    return ",".join(map(_format_degrees, pair))


def is_kept(text: object) -> bool:
    """Return whether it is a position in the form that is kept: digits, signs, points and a comma alone."""
    return isinstance(text, str) and bool(_KEPT.fullmatch(text))


def describe_position(text: str) -> str:
    """Return a kept position for people: 37.33233° N, 122.03122° W."""
    lat, lng = map(float, text.split(","))
    return f"{abs(lat):.5f}° {'S' if lat < 0 else 'N'}, {abs(lng):.5f}° {'W' if lng < 0 else 'E'}"


def _format_degrees(degrees: float) -> str:
    text = f"{degrees:.{PLACES}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _parse_text(raw: str) -> Pair | None:
    if len(raw) > MAX_LENGTH:
        return None
    if match := _DECIMAL.fullmatch(raw):
        return float(match[1]), float(match[2])
    if match := _SEXAGESIMAL.fullmatch(raw):
        return _compute_degrees(*match.group(1, 2, 3, 4)), _compute_degrees(*match.group(5, 6, 7, 8))
    return _parse_nmea(raw)


def _compute_degrees(degrees: str, minutes: str | None, seconds: str | None, side: str) -> float:
    smaller = [float(part or 0) for part in (minutes, seconds)]
    if max(smaller) >= 60:
        return math.inf
    return _apply_side(int(degrees) + smaller[0] / 60 + smaller[1] / 3600, side)


def _apply_side(value: float, side: str) -> float:
    return -value if side in "SW" else value


def _parse_nmea(raw: str) -> Pair | None:
    """Parse GLL and GGA sentences with a fix; a checksum that is there has to fit."""
    match = _NMEA.fullmatch(raw)
    if not match or (match["sum"] and int(match["sum"], 16) != _compute_checksum(match["said"])):
        return None
    kind, *fields = match["said"].split(",")
    fields += [""] * 6
    if kind.endswith("GLL"):
        place, fixed = fields[:4], fields[5] in {"", "A"}
    else:
        place, fixed = fields[1:5], fields[5] not in {"", "0"}
    return _parse_place(*place) if fixed else None


def _compute_checksum(text: str) -> int:
    total = 0
    for character in text:
        total ^= ord(character)
    return total


def _parse_place(lat: str, north: str, lng: str, east: str) -> Pair | None:
    if north not in {"N", "S"} or east not in {"E", "W"}:
        return None
    parts = [_MINUTES.fullmatch(text) for text in (lat, lng)]
    values = [int(part[1]) + float(part[2]) / 60 for part in parts if part and float(part[2]) < 60]
    return (_apply_side(values[0], north), _apply_side(values[1], east)) if len(values) == 2 else None


def _parse_object(raw: dict[str, object]) -> Pair | None:
    if raw.get("type") == "Point":
        place = raw.get("coordinates")
        return _check_pair(place[1], place[0]) if isinstance(place, list) and len(place) in {2, 3} else None
    return next((_check_pair(raw[lat], raw[lng]) for lat, lng in _NAMES if lat in raw and lng in raw), None)


def _check_pair(lat: object, lng: object) -> Pair | None:
    if isinstance(lat, bool) or isinstance(lng, bool) or not isinstance(lat, int | float):
        return None
    return (lat, lng) if isinstance(lng, int | float) else None
