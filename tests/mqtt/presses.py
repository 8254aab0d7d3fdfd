"""Pressing a button as a technician does: once more, if nothing happened."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def press_until(counted: Callable[[], object], press: Callable[[], object], times: int = 4) -> None:
    """Press until it counts: one within a tenth of a second after the window's opening may have come before it."""
    for _ in range(times):
        press()
        until = time.monotonic() + 3
        while time.monotonic() < until:
            if counted():
                return
            time.sleep(0.05)
    raise AssertionError(f"none of {times} presses counted")
