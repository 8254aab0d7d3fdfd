"""Lines for a terminal that may be stopped (Ctrl-S, a pager): whoever writes them never waits for it."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from io import UnsupportedOperation
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_LINES = 2_000


class Console:
    """Write lines from a thread; beyond MOST_LINES that wait the oldest are dropped, and counted."""

    def __init__(self, output: TextIO) -> None:
        self._write = _make_writer(output)
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._changed = threading.Condition()
        self._idle = True
        threading.Thread(target=self._run, daemon=True, name="console").start()

    def say(self, line: str) -> None:
        with self._changed:
            if len(self._waiting) >= MOST_LINES:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(f"{line}\n")
            self._idle = False
            self._changed.notify_all()

    def drain(self, seconds: float) -> None:
        """Wait until all is written, but no longer than that: the terminal may be stopped for good."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle, seconds)

    def _run(self) -> None:
        while True:
            text = self._take()
            # A terminal that is gone must not stop what runs.
            with suppress(OSError, ValueError):
                self._write(text)

    def _take(self) -> str:
        with self._changed:
            if not self._waiting:
                self._idle = True
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting)
            notice = f"({self._dropped} lines were not shown while the terminal was stopped)\n" if self._dropped else ""
            text = notice + "".join(self._waiting)
            self._dropped = 0
            self._waiting.clear()
            return text


def _make_writer(output: TextIO) -> Callable[[str], object]:
    """Write past Python's buffer, whose lock a write that never ends would hold: the process could not end."""
    try:
        descriptor = output.fileno()
    except (UnsupportedOperation, OSError):
        return output.write
    return lambda text: _write_all(descriptor, text.encode(errors="replace"))


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
