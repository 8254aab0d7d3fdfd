"""A label printer for tests: draws the commands of ZPL II that labels use, as Zebra's programming guide describes them.

It knows no others: whatever else a file makes it do is a fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from PIL import Image

COMMAND = re.compile(r"\^([A-Z]{2})([^^~]*)")
COUNTS = {chr(ord("G") + number): number + 1 for number in range(19)}
COUNTS |= {chr(ord("g") + number): 20 * (number + 1) for number in range(20)}


@dataclass
class Printer:
    printed: list[Image.Image] = field(default_factory=list)
    label: Image.Image | None = None
    width: int = 0
    at: tuple[int, int] = (0, 0)

    def run(self, sent: bytes) -> list[Image.Image]:
        """Return the labels as pictures, black on white."""
        text = sent.decode("ascii").replace("\n", "")
        assert "~" not in text
        assert "".join(match[0] for match in COMMAND.finditer(text)) == text
        for match in COMMAND.finditer(text):
            getattr(self, f"do_{match[1]}")(*match[2].split(",", 4 if match[1] == "GF" else -1))
        assert self.label is None
        return self.printed

    def do_XA(self, nothing: str) -> None:
        assert (self.label, nothing) == (None, "")

    def do_PW(self, width: str) -> None:
        self.width = int(width)

    def do_LL(self, height: str) -> None:
        self.label = Image.new("L", (self.width, int(height)), 255)

    def do_LH(self, x: str, y: str) -> None:
        assert (int(x), int(y)) == (0, 0)

    def do_FO(self, x: str, y: str) -> None:
        self.at = (int(x), int(y))
        assert min(self.at) >= 0

    def do_GB(self, width: str, height: str, thickness: str) -> None:
        assert self.label
        thick = int(thickness)
        outer = Image.new("L", (int(width), int(height)), 0)
        outer.paste(255, (thick, thick, outer.width - thick, outer.height - thick))
        self.label.paste(outer, self.at)

    def do_GF(self, kind: str, sent: str, total: str, row_bytes: str, data: str) -> None:
        assert (kind, sent) == ("A", total)
        assert int(total) <= 99_999  # a larger number is cut to this one
        assert self.label
        rows = list(read_rows(data, int(row_bytes)))
        assert sum(map(len, rows)) == int(total)
        picture = Image.frombytes("1", (8 * int(row_bytes), len(rows)), b"".join(rows))
        assert self.at[0] + picture.width <= self.label.width + 7
        self.label.paste(0, self.at, picture)

    def do_FS(self, nothing: str) -> None:
        assert nothing == ""

    def do_XZ(self, nothing: str) -> None:
        assert self.label
        self.printed.append(self.label)
        self.label = None


def read_rows(data: str, row_bytes: int) -> list[bytes]:
    """Return the rows of compressed digits: a letter repeats the next one, a comma fills the row with white and an
    exclamation mark with black, a colon is the former row again."""
    rows: list[bytes] = []
    digits, count = "", 0
    for sign in data:
        if sign in COUNTS:
            count += COUNTS[sign]
            continue
        if sign == ":":
            assert digits == ""
            rows.append(rows[-1])
            continue
        assert sign not in ",!" or len(digits) % 2 == 0  # they stand for whole bytes
        digits += {",": "0", "!": "F"}[sign] * (2 * row_bytes - len(digits)) if sign in ",!" else sign * max(1, count)
        count = 0
        assert len(digits) <= 2 * row_bytes
        if len(digits) == 2 * row_bytes:
            rows.append(bytes.fromhex(digits))
            digits = ""
    assert (digits, count) == ("", 0)
    return rows
