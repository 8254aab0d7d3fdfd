"""Labels as they are sold: sheets for office printers, rolls for label printers.

Dimensions in millimetres, of the makers' templates; a sheet of labels lies in the middle of its page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

A4 = (210.0, 297.0)
LETTER = (215.9, 279.4)


@dataclass(frozen=True)
class Stock:
    key: str
    name: str
    page: tuple[float, float]  # width and height, as all pairs here
    label: tuple[float, float]
    count: tuple[int, int] = (1, 1)  # across and down
    first: tuple[float, float] = (0.0, 0.0)  # the first label's upper left corner
    pitch: tuple[float, float] = (0.0, 0.0)  # from one label to the next

    @property
    def per_page(self) -> int:
        return self.count[0] * self.count[1]

    @property
    def is_roll(self) -> bool:
        return self.page == self.label

    def corner(self, number: int) -> tuple[float, float]:
        """Return the upper left corner (mm) of a page's label, counted from 0 along the rows."""
        down, across = divmod(number, self.count[0])
        return self.first[0] + across * self.pitch[0], self.first[1] + down * self.pitch[1]

    def __str__(self) -> str:
        size = "{:g} × {:g} mm".format(*self.label)
        return f"{self.name}: {size}" if self.is_roll else f"{self.name}: {self.per_page} of {size}"


def _roll(width: float, height: float, name: str = "Roll") -> Stock:
    return Stock(f"roll-{width:g}x{height:g}", name, (width, height), (width, height))


SHEETS_A4 = (
    Stock("l7651", "Avery L7651, J8651", A4, (38.1, 21.2), (5, 13), (4.75, 10.7), (40.6, 21.2)),
    Stock("l7654", "Avery L7654, L4770", A4, (45.7, 25.4), (4, 10), (9.7, 21.5), (48.3, 25.4)),
    Stock("l7159", "Avery L7159, J8159", A4, (63.5, 33.9), (3, 8), (7.25, 12.9), (66.0, 33.9)),
    Stock("l7160", "Avery L7160, J8160", A4, (63.5, 38.1), (3, 7), (7.25, 15.15), (66.0, 38.1)),
    Stock("l7165", "Avery L7165, J8165", A4, (99.1, 67.7), (2, 4), (4.65, 13.1), (101.6, 67.7)),
    Stock("l4732", "Avery L4732", A4, (35.6, 16.9), (5, 16), (11.0, 13.3), (38.1, 16.9)),
    Stock("l4731", "Avery L4731", A4, (25.4, 10.0), (7, 27), (8.6, 13.5), (27.9, 10.0)),
)
SHEETS_LETTER = (
    Stock("5160", "Avery 5160, 5520, 8160", LETTER, (66.675, 25.4), (3, 10), (4.7625, 12.7), (69.85, 25.4)),
    Stock("5163", "Avery 5163, 5523, 8163", LETTER, (101.6, 50.8), (2, 5), (3.96875, 12.7), (106.3625, 50.8)),
    Stock("5167", "Avery 5167, 8167", LETTER, (44.45, 12.7), (4, 20), (7.14375, 12.7), (52.3875, 12.7)),
)
ROLLS = (
    _roll(25, 25),
    _roll(50, 25),
    _roll(57, 32, "Roll (Dymo 11354)"),
    _roll(62, 29, "Roll (Brother DK-11209)"),
    _roll(100, 50),
)
OWN_NAMES = {"own-roll": "Roll", "own-a4": "A4 sheet", "own-letter": "Letter sheet"}
OWN = {"own-roll": None, "own-a4": A4, "own-letter": LETTER}
STOCKS = {stock.key: stock for stock in (*SHEETS_A4, *SHEETS_LETTER, *ROLLS)}


def make_own(
    key: str,
    label: tuple[float, float],
    count: tuple[int, int] = (1, 1),
    gap: tuple[float, float] = (0.0, 0.0),
    margin: tuple[float | None, float | None] = (None, None),
) -> Stock:
    """Make a stock of one's own; on a sheet its labels lie in the middle, or so far from the left and the top."""
    page = OWN[key]
    if page is None:
        return replace(_roll(*label, "Your own roll"), key=key)
    pitch = (label[0] + gap[0], label[1] + gap[1])
    taken = (count[0] * pitch[0] - gap[0], count[1] * pitch[1] - gap[1])
    left, top = ((page[axis] - taken[axis]) / 2 if margin[axis] is None else margin[axis] for axis in (0, 1))
    return Stock(key, "Your own sheet", page, label, count, (left or 0.0, top or 0.0), pitch)


def choices() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield what a form offers, grouped: heading, and key and name of each stock."""
    for heading, stocks in (("A4 sheets", SHEETS_A4), ("Letter sheets", SHEETS_LETTER), ("Label printers", ROLLS)):
        yield heading, [(stock.key, str(stock)) for stock in stocks]
    yield "Your own", [(key, f"{name} of your own") for key, name in OWN_NAMES.items()]
