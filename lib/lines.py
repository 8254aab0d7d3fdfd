"""Answers that stay open and cost no task: the server hands its connection on once the answer's head is sent.

A server that can puts a `Line` under LINE into the ASGI scope (config/connections.py). Whoever takes it writes to the
reader from then on, by callbacks of the event loop; the request ends, and all that was kept for it goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

LINE = "handover.line"


class Writer(Protocol):
    """Write to one reader, without ever waiting."""

    @property
    def is_clogged(self) -> bool:
        """Whether the reader does not read: what is written now waits in memory."""

    def write(self, data: bytes) -> None: ...

    def end(self) -> None:
        """End the answer: all of it has been said."""

    def abort(self) -> None:
        """Break off: the reader sees that something is missing."""


class Line(Writer, Protocol):
    def take(self, lost: Callable[[], None]) -> None:
        """Take the connection over, after the answer's head: nothing else is sent on it. `lost` is called when the
        reader goes."""


def find_line(request: object) -> Line | None:
    """Return the line of a request, None where the server has none to hand on."""
    scope: Mapping[str, Any] = getattr(request, "scope", {})
    return scope.get(LINE)
