"""The QR code of a device, as modules, SVG and PNG."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import segno
from django.db.models import TextChoices

from tenants.models import Organisation

if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET = 4  # modules, ISO/IEC 18004
LEAST_QUIET = 2
MM = 25.4  # an inch
ALPHANUMERIC = re.compile(r"[0-9A-Z $%*+./:-]+")  # 5.5 bits a character; anything else takes 8


class Level(TextChoices):
    """Say how much of the symbol may be lost; more of it means smaller modules, once they don't fit any more."""

    L = "L", "L: 7 %"
    M = "M", "M: 15 %"
    Q = "Q", "Q: 25 % (best for serials)"
    H = "H", "H: 30 %"


def build_content(serial: str, kind: str = Organisation.LabelContent.SERIAL, origin: str = "") -> str:
    """Return the serial, or its address below `origin` (such as `https://devices.example`).

    In upper case where that keeps the alphanumeric mode: fewer modules, hence bigger ones.
    """
    serial = serial.upper()
    if kind != Organisation.LabelContent.URL or not serial.strip("."):  # browsers take dots alone for a folder
        return serial
    address = f"{origin.rstrip('/')}/D/{serial}".upper()
    return address if ALPHANUMERIC.fullmatch(address) else f"{origin.rstrip('/')}/d/{serial}"


@dataclass(frozen=True)
class Symbol:
    text: str
    code: Any  # segno.QRCode
    quiet: int

    @property
    def inner(self) -> int:
        """Return the modules a side, without the quiet zone."""
        return len(self.code.matrix)

    @property
    def side(self) -> int:
        """Return the modules a side, with the quiet zone."""
        return self.inner + 2 * self.quiet

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Yield (column, row, length) of the dark modules beside each other, in modules from the corner of the
        whole."""
        for row, modules in enumerate(self.code.matrix, start=self.quiet):
            for dark in re.finditer(rb"\x01+", bytes(modules)):
                yield self.quiet + dark.start(), row, dark.end() - dark.start()

    def path(self) -> str:
        return "".join(f"M{x} {y}h{length}v1h-{length}z" for x, y, length in self.runs())

    def svg(self, *, side: float | None = None) -> bytes:
        """Draw one path on white; `side` in mm, quiet zone included, else it takes the size of what holds it."""
        size = f' width="{side:g}mm" height="{side:g}mm"' if side else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg"{size} viewBox="0 0 {self.side} {self.side}" '
            f'shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{self.side}v{self.side}H0z"/>'
            f'<path d="{self.path()}"/></svg>'
        ).encode()

    def png(self, *, side: float, dpi: int) -> bytes:
        """Draw black and white, whole dots a module: the largest that is no wider than `side` mm, but a dot at
        least."""
        drawn = BytesIO()
        scale = max(1, int(side / MM * dpi / self.side))
        self.code.save(drawn, kind="png", scale=scale, border=self.quiet, dpi=dpi)
        return drawn.getvalue()


def make_symbol(text: str, level: str = Level.Q, quiet: int = QUIET) -> Symbol:
    """Make a symbol of at least this level; more where it costs no module.

    Never a Micro QR, which the scanner does not look for.
    """
    return Symbol(text, segno.make(text, error=level, micro=False, boost_error=True), max(LEAST_QUIET, quiet))
