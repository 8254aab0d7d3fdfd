"""A gateway's GPS receiver: where it stands, to a metre or so, as docs/protocol.md has positions."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from .identity import BadInput, normalise_serial

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ("serial", "latitude", "longitude")
METRES = 111_320.0  # of a degree from south to north
SPREAD = 0.7  # metres by which a fix is off, to each side (standard deviation)
SECONDS = 3600.0  # between two positions that are reported


@dataclass(frozen=True)
class Place:
    """Say where a gateway stands, in decimal degrees."""

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        if not (abs(self.latitude) <= 90 and abs(self.longitude) <= 180):
            raise ValueError("latitude is from -90 to 90 and longitude from -180 to 180 decimal degrees")


@dataclass
class Receiver:
    """Find the place again and again; a position is due at first, whenever it was switched on again, and hourly."""

    place: Place
    seed: str = "0"
    _due: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        self._random = Random(f"receiver {self.seed}")  # noqa: S311

    def restart(self) -> None:
        self._due = -math.inf

    def read(self, now: float) -> str | None:
        """Return the position if one is due at `now` (seconds of any clock that never goes back), else None."""
        if now < self._due:
            return None
        self._due = now + SECONDS
        north, east = (self._random.gauss(0, SPREAD) / METRES for _ in range(2))
        shortened = max(math.cos(math.radians(self.place.latitude)), 0.01)
        latitude = min(90.0, max(-90.0, self.place.latitude + north))
        longitude = (self.place.longitude + east / shortened + 180) % 360 - 180
        return f"{latitude:.7f},{longitude:.7f}"


def read_places(path: Path) -> dict[str, Place]:
    """Read a CSV with the columns serial, latitude, longitude: serial -> place. Raises BadInput."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _parse_rows(path, csv.DictReader(file, skipinitialspace=True))
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror}. Give a file of places with --places.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is not a UTF-8 CSV file: {error}. Export it again.") from error


def _parse_rows(path: Path, rows: csv.DictReader[str]) -> dict[str, Place]:
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise BadInput(f"{path} lacks the column {', '.join(missing)}. Its first line must name: {','.join(COLUMNS)}.")
    places: dict[str, Place] = {}
    for row in rows:
        try:
            place = Place(float(row["latitude"] or ""), float(row["longitude"] or ""))
        except ValueError as error:
            raise BadInput(f"{path}, line {rows.line_num}: {error}. Correct that row.") from error
        places[normalise_serial(row["serial"] or "")] = place
    return places
