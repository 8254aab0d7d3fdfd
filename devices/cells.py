"""Cells of the CSV that we hand out."""

from __future__ import annotations


def neutral(text: str) -> str:
    """No spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
