"""Where the devices of a group are: a map without a country on it, drawn to scale, north up.

Degrees are drawn as they are, east and west shortened as in the map's middle. Places that would lie on one another are
one mark. All lengths without a unit are the picture's own.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from devices.models import Attribute
from telemetry.ingest import gps
from telemetry.ingest.times import EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from telemetry.overview.look import Seen

WIDTH, HEIGHT, EDGE = 340.0, 300.0, 44.0
HIT = 14.0  # around a mark it can be touched: 12 px, where a phone shows the picture on 310
NEAR = 2 * HIT  # marks are no nearer than that
METRES = 111_320.0  # of a degree from south to north
LEAST = 0.004  # degrees from the southernmost to the northernmost that a map shows at least: some 450 m
NARROWEST = 0.05  # by which east and west are shortened at most: at the poles there is no scale
LINE, BAR = 70.0, 100.0  # between two lines at least; of the scale's bar at most
LETTER, ROW = 6.8, 14.0  # room of a letter
ASIDE = 13.0  # from a mark's middle to its name
LONGEST = 16  # letters of a name beside its mark
STEPS = [a * 10.0**b for b in range(-5, 2) for a in (1, 2, 5)] + [30.0, 45.0, 90.0]
LISTED = 50  # of those of a mark
WORST = ("locked", "expired", "offline", "never", "online")


class Place(NamedTuple):
    device: Seen
    text: str  # as it is kept: docs/protocol.md
    latitude: float
    longitude: float
    at: datetime

    @property
    def words(self) -> str:
        return gps.describe_position(self.text)


@dataclass
class Mark:
    """Hold the places of one point of the picture, and the name beside it, where there is room."""

    x: float
    y: float
    places: list[Place] = field(default_factory=list)
    name: str = ""
    name_x: float = 0.0
    anchor: str = "start"

    @property
    def listed(self) -> list[Place]:
        return self.places[:LISTED]

    @property
    def unlisted(self) -> int:
        return len(self.places) - len(self.listed)

    @property
    def others(self) -> int:
        return len(self.places) - 1

    @property
    def status(self) -> str:
        """Return the status that most needs to be seen, of those that are here."""
        return min((place.device.status for place in self.places), key=WORST.index)


class Line(NamedTuple):
    """Hold a line of the graticule: where it lies, and its degrees in words; none where something is in the way."""

    at: float
    words: str


class Map(NamedTuple):
    marks: list[Mark]
    parallels: list[Line]
    meridians: list[Line]
    bar: float
    bar_words: str
    places: int

    width: float = WIDTH
    height: float = HEIGHT
    hit: float = HIT


class Frame(NamedTuple):
    """Say how degrees become the picture: its middle, and the units of a degree of each kind."""

    latitude: float
    longitude: float
    north: float
    east: float

    def point(self, latitude: float, longitude: float) -> tuple[float, float]:
        turned = (longitude - self.longitude + 540) % 360 - 180  # the short way round
        return WIDTH / 2 + turned * self.east, HEIGHT / 2 - (latitude - self.latitude) * self.north


def find_places(devices: Iterable[Seen], declared: Iterable[Attribute]) -> list[Place]:
    """Return where each device reported to be last, by the first position that its recipe declares and it has."""
    names: dict[int, list[str]] = defaultdict(list)
    for attribute in sorted(declared, key=lambda each: (each.position, each.name)):
        if attribute.type == Attribute.Type.GPS:
            names[attribute.version_id].append(attribute.name)
    found = (_find_place(device, names.get(device.version, ())) for device in devices)
    return sorted(filter(None, found), key=lambda place: (place.device.name, place.device.pk))


def _find_place(device: Seen, names: Sequence[str]) -> Place | None:
    for name in names:
        value, ms = device.values.get(name, (None, 0))
        if isinstance(value, str) and gps.is_kept(value):
            latitude, longitude = map(float, value.split(","))
            return Place(device, value, latitude, longitude, EPOCH + timedelta(milliseconds=ms))
    return None


def draw_map(places: Sequence[Place]) -> Map | None:
    if not places:
        return None
    frame = _choose_frame(places)
    marks = _gather(places, frame)
    parallels = _draw_lines(frame.latitude, frame.north, HEIGHT, 90, "NS")
    meridians = _draw_lines(frame.longitude, frame.east, WIDTH, 180, "EW")
    north = [Line(round(HEIGHT / 2 - (degrees - frame.latitude) * frame.north, 1), said) for degrees, said in parallels]
    east = [Line(round(WIDTH / 2 + (degrees - frame.longitude) * frame.east, 1), said) for degrees, said in meridians]
    north = [line if _has_room(line, marks) else line._replace(words="") for line in north]
    east = [line if line.at + _measure(line.words) + 8 <= WIDTH else line._replace(words="") for line in east]
    _name_marks(marks, north)
    bar, words = _choose_bar(METRES / frame.north)
    return Map(marks, north, east, round(bar, 1), words, len(places))


def _has_room(line: Line, marks: Sequence[Mark]) -> bool:
    """Return whether a parallel's degrees fit, which stand above it on the left: below those of meridians."""
    box = _frame_degrees(line)
    return line.at > 2 * ROW and not any(_touch(box, _frame_mark(mark)) for mark in marks)


def _frame_degrees(line: Line) -> tuple[float, float, float]:
    return 0.0, _measure(line.words), line.at - ROW / 2


def _frame_mark(mark: Mark) -> tuple[float, float, float]:
    return mark.x - ASIDE + 1, mark.x + ASIDE - 1, mark.y


def _measure(words: str) -> float:
    return len(words) * LETTER


def _choose_frame(places: Sequence[Place]) -> Frame:
    """Let the map's edge lie in the widest stretch of the world, from west to east, in which nothing is."""
    south, north = min(place.latitude for place in places), max(place.latitude for place in places)
    longitudes = sorted({place.longitude for place in places})
    gaps = [(b - a, a, b) for a, b in itertools.pairwise(longitudes)]
    gaps.append((longitudes[0] + 360 - longitudes[-1], longitudes[-1], longitudes[0] + 360))
    gap, _, west = max(gaps)
    wide, latitude = 360 - gap, (south + north) / 2
    shortened = max(math.cos(math.radians(latitude)), NARROWEST)
    scale = (HEIGHT - 2 * EDGE) / max(north - south, LEAST)
    if wide:
        scale = min(scale, (WIDTH - 2 * EDGE) / (wide * shortened))
    return Frame(latitude, (west + wide / 2 + 180) % 360 - 180, scale, scale * shortened)


def _gather(places: Sequence[Place], frame: Frame) -> list[Mark]:
    """Put each place to the first mark nearby, or make one of it: no mark lies on another."""
    cells: dict[tuple[int, int], list[Mark]] = defaultdict(list)
    marks: list[Mark] = []
    for place in places:
        x, y = frame.point(place.latitude, place.longitude)
        column, row = int(x // NEAR), int(y // NEAR)
        near = (mark for i in (-1, 0, 1) for j in (-1, 0, 1) for mark in cells.get((column + i, row + j), ()))
        mark = next((mark for mark in near if math.hypot(mark.x - x, mark.y - y) < NEAR), None)
        if mark is None:
            mark = Mark(round(x, 1), round(y, 1))
            marks.append(mark)
            cells[column, row].append(mark)
        mark.places.append(place)
    return marks


def _name_marks(marks: Sequence[Mark], parallels: Sequence[Line]) -> None:
    """Write a name to the right or left of its mark, where nothing else is."""
    taken = [_frame_mark(mark) for mark in marks] + [_frame_degrees(line) for line in parallels if line.words]
    for mark in marks:
        if len(mark.places) > 1:
            continue
        name = mark.places[0].device.name
        name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip()}\u2026"
        room, left, right = _measure(name), mark.x - ASIDE, mark.x + ASIDE
        for anchor, start, x in (("start", right, right), ("end", left - room, left)):
            box = (start, start + room, mark.y)
            if start >= 0 and start + room <= WIDTH and not any(_touch(box, other) for other in taken):
                mark.name, mark.anchor, mark.name_x = name, anchor, round(x, 1)
                taken.append(box)
                break


def _touch(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and abs(one[2] - other[2]) < ROW


def _draw_lines(middle: float, units: float, size: float, most: int, sides: str) -> list[tuple[float, str]]:
    """Return degrees within the picture, not turned to lie within 180, and their words."""
    step = next((step for step in STEPS if step * units >= LINE), STEPS[-1])
    half, decimals = size / 2 / units, max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil((middle - half) / step), math.floor((middle + half) / step)
    lines = [round(number * step, 6) for number in range(first, last + 1)]
    if most == 90:
        lines = [degrees for degrees in lines if abs(degrees) <= 90]
    else:
        lines = [degrees for degrees in lines if middle - 180 < degrees <= middle + 180]
    return [(degrees, _say_degrees(degrees, decimals, sides)) for degrees in lines]


def _say_degrees(degrees: float, decimals: int, sides: str) -> str:
    turned = (degrees + 180) % 360 - 180 if abs(degrees) > 180 else degrees
    said = f"{abs(turned):.{decimals}f}\u00b0"
    return said if not turned or abs(turned) == 180 else f"{said} {sides[0] if turned > 0 else sides[1]}"


def _choose_bar(metres: float) -> tuple[float, str]:
    """Return the longest round length that fits: of its bar, given the metres of a unit, and in words."""
    lengths = [a * 10**b for b in range(8) for a in (1, 2, 5)]
    length = max((each for each in lengths if each / metres <= BAR), default=1)
    return length / metres, f"{length // 1000:,} km" if length >= 1000 else f"{length} m"
