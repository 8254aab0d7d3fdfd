"""Serials that fit, but look like none of the others: a total, `TRUE`, a code scanned twice. They are told, never
refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devices.identity.formats import SIZED, Kind
from devices.imports.problem_groups import HEX, tell_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from devices.identity.formats import Format

LEAST = 3  # serials, of which it can be said what most look like
MOST = 100  # shapes that are told apart by what serials begin with; others by their length
NAMED = 20  # rows of a shape
SHOWN = 20  # shapes
_DIGITS = bytes.maketrans(b"123456789", b"000000000")


@dataclass
class Shape:
    """Count the serials of one shape; `sample` is the first of them."""

    shape: str
    sample: str
    rows: int = 0
    first_rows: list[int] = field(default_factory=list)

    def describe(self) -> dict[str, object]:
        return {"shape": self.shape, "rows": self.rows, "first_rows": self.first_rows, "sample": self.sample}


class OddSerials:
    """Count the serials of a check by shape, and say which are unlike most."""

    def __init__(self) -> None:
        self._shapes: dict[str, Shape] = {}
        self._outlines: dict[bytes, Shape] = {}

    def add(self, serials: Iterable[tuple[int, str]]) -> None:
        """Count more of them, each with its row."""
        outlines = self._outlines
        for row, serial in serials:
            outline = serial.encode().translate(_DIGITS)  # which most serials of a file have in common
            shape = outlines.get(outline) or self._find_shape(outline, serial)
            shape.rows += 1
            if shape.rows <= NAMED:
                shape.first_rows.append(row)

    def _find_shape(self, outline: bytes, serial: str) -> Shape:
        *fine, coarse = _list_shapes(serial)
        name = fine[0] if fine and len(self._shapes) < MOST else coarse
        found = self._shapes.setdefault(name, Shape(name, serial))
        if len(self._outlines) < MOST:
            self._outlines[outline] = found
        return found

    def describe(self) -> dict[str, object] | None:
        """Return for JSON how many are unlike most, those of which there are most first; None if none is, or if half of
        them have no shape in common."""
        serials = sum(shape.rows for shape in self._shapes.values())
        if serials < LEAST:
            return None
        usual = max(self._shapes.values(), key=lambda shape: (shape.rows, len(shape.sample)))
        odd = [shape for shape in self._shapes.values() if usual.shape not in _list_shapes(shape.sample)]
        if usual.rows * 2 < serials or not odd:
            return None
        odd.sort(key=lambda shape: -shape.rows)
        told = {"usual": usual.shape, "serials": serials, "rows": sum(shape.rows for shape in odd)}
        return told | {"shapes": [shape.describe() for shape in odd[:SHOWN]]}


def can_differ(fitting: Format) -> bool:
    """Return whether serials that fit may have several shapes."""
    return fitting.kind == Kind.OPAQUE or (fitting.kind in SIZED and not fitting.length)


def tell_length(serial: str) -> str:
    return f"{len(serial)} characters" if len(serial) > 1 else "one character"


def _list_shapes(serial: str) -> Iterator[str]:
    """Yield what a serial looks like, the finest first: a coarser one holds others, too."""
    if shape := tell_shape(serial):
        yield shape
    if HEX.fullmatch(serial):
        yield f"{len(serial)} hexadecimal digits"
    yield tell_length(serial)
