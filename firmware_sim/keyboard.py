"""The register button on a terminal: single keys, with the terminal put back on exit."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRESS_KEYS = frozenset("rR \r\n")


def is_in_foreground() -> bool:
    """Return whether we may touch the terminal: a background job that does is stopped by the kernel."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


@contextmanager
def watch_keys(press: Callable[[], None], leave: Callable[[], None]) -> Iterator[bool]:
    """Call press() for r, space or enter and leave() for q. Yields whether there is a terminal."""
    if not is_in_foreground():
        yield False
        return
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def read() -> None:
        keys = os.read(descriptor, 64).decode("utf-8", "ignore")
        if not keys:
            loop.remove_reader(descriptor)
        for key in keys:
            if key in PRESS_KEYS:
                press()
            elif key in "qQ":
                leave()

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield True
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
