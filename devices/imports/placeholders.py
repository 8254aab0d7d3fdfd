"""Names that say nothing: told where they would be new ones, refused where they would overwrite one."""

from __future__ import annotations

from typing import Any

FIRST = 20  # rows that are told
DITTO = frozenset(
    variant
    for word in (
        "dito",
        "ditto",
        "dto",
        "dto.",
        "idem",
        "do.",
        "siehe oben",
        "see above",
        '"',
        "''",
        "〃",
        '-"-',
        "-''-",
    )
    for variant in (word, word.capitalize(), word.upper())
)
"""What means the cell above."""
_WORDS = (
    "n/a, na, n.a., n/v, none, nil, tbd, tba, tbc, unknown, k.a., n.n., ohne, keine, kein, unbekannt, unnamed, "
    "no name, noname, -, --, ---, –, —, ?, ??, ???, ., .., ..., …, x, xx, xxx, _"
)
NOTHING = frozenset(
    variant for word in _WORDS.split(", ") for variant in (word, word.capitalize(), word.upper(), word.title())
)
ALL = NOTHING | DITTO
DITTO_TOLD = "This means what stands above it: write that out."
KEPT_TOLD = "This says that there is nothing. Leave the cell empty to keep what is there."


class EmptyNames:
    """Count the rows that would give a device a name which says nothing."""

    def __init__(self) -> None:
        self._rows, self._first, self._sample = 0, list[int](), ""

    def add(self, row: int, name: str) -> None:
        self._rows += 1
        self._sample = self._sample or name
        if len(self._first) < FIRST:
            self._first.append(row)

    def describe(self) -> dict[str, Any] | None:
        """Return for JSON how many, the first of them, and the first name; None if there is none."""
        return {"rows": self._rows, "first_rows": self._first, "sample": self._sample} if self._rows else None
