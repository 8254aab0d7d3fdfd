"""CSV as spreadsheets write it, read as a stream."""

from __future__ import annotations

from typing import NamedTuple

DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Bar"}


class Unreadable(Exception):
    """No table at all; says why and what to do, for people."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Preview(NamedTuple):
    """`rows` are the first ones below the header, as they stand in the file."""

    header: list[str]
    rows: list[list[str]]
    encoding: str
    delimiter: str
    dialect: str
