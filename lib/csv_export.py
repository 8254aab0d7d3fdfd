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

_NEUTRAL = re.compile(rf"((?:\A|[;\t\r\n])[ \"]*)'(?=[{FORMULA}])")


class Plain(str):
    """Mark a text that is written as it is: no formula though it may begin with a minus, such as a position."""

    __slots__ = ()


def neutralise(text: str) -> str:
    """Return `text` so that no spreadsheet takes it, or what it splits off, for a formula."""
    return _BEGINNING.sub(lambda match: f"{match[0]}'", text)


def read_neutral(text: str) -> str:
    """Return what `neutralise` made the text of."""
    return _NEUTRAL.sub(r"\1", text) if "'" in text else text


def format_csv(rows: Iterable[Iterable[str | float]]) -> str:
    """Return CSV with every cell in quotes and texts neutralised; numbers are as they are."""
    page = StringIO()
    csv.writer(page, quoting=csv.QUOTE_ALL).writerows(map(_neutralise_cell, row) for row in rows)
    return page.getvalue()


def encode_csv(rows: Iterable[Iterable[str | float]]) -> bytes:
    """Return `rows` as `format_csv` does, in UTF-8."""
    return format_csv(rows).encode()


def _neutralise_cell(cell: str | float) -> str | float:
    return neutralise(cell) if isinstance(cell, str) and not isinstance(cell, Plain) else cell
