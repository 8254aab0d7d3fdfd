"""Whether this process is about to end: others are asked then, and what would last long is left to them."""

from __future__ import annotations

import threading

_stopping, _closing = threading.Event(), threading.Event()


def begin() -> None:
    """Say that it was told to stop: it still does all it did, so that whoever asks has time to ask another."""
    _stopping.set()


def close() -> None:
    """Say that nothing begins any more that lasts."""
    _stopping.set()
    _closing.set()


def is_stopping() -> bool:
    return _stopping.is_set()


def is_closing() -> bool:
    return _closing.is_set()
