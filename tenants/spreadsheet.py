"""CSV as spreadsheets take it without running it."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def neutral(text: str) -> str:
    """No spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(FORMULAS) else text


def text(rows: Iterable[Iterable[str | float]]) -> str:
    """Cells as they are given: `neutral` is for whoever fills them with what people wrote."""
    page = StringIO()
    csv.writer(page).writerows(rows)
    return page.getvalue()


def written(rows: Iterable[Iterable[str | float]]) -> bytes:
    """As `text`, in UTF-8."""
    return text(rows).encode()
