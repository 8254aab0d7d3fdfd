"""CSV as spreadsheets take it without running it: the one writer of every export.

A spreadsheet splits a line by its locale's separator, and quotes don't stop that where it is not ours: `"a","b;=1+1"`
has a cell `=1+1"` where semicolons separate. So a cell is neutral also after what may separate cells or lines there,
and after quotes there: what follows a quoted cell's end is still of the cell.
https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import re
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMULA = r"=+\-@\t\r\n＝＋－＠"  # noqa: RUF001  # their wide forms too: some locales' spreadsheets take them for the same
_BEGINNING = re.compile(rf"(\A|[;\t\r\n])[ \"]*(?=[{FORMULA}])")


class Plain(str):
    """Written as it is: what can be no formula though it may begin with a minus, such as a position."""

    __slots__ = ()


def neutral(text: str) -> str:
    """No spreadsheet takes it, or what it splits off, for a formula."""
    return _BEGINNING.sub(lambda found: f"{found[0]}'", text)


def text(rows: Iterable[Iterable[str | float]]) -> str:
    """Every cell in quotes, and texts neutral; numbers are as they are."""
    page = StringIO()
    csv.writer(page, quoting=csv.QUOTE_ALL).writerows(map(_cell, row) for row in rows)
    return page.getvalue()


def written(rows: Iterable[Iterable[str | float]]) -> bytes:
    """As `text`, in UTF-8."""
    return text(rows).encode()


def _cell(cell: str | float) -> str | float:
    return neutral(cell) if isinstance(cell, str) and not isinstance(cell, Plain) else cell
