"""What became of a window, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.models import Window
from tenants.models import Presence

if TYPE_CHECKING:
    from datetime import timedelta

State = Window.State

FAILURES = {  # cause -> words
    "not-pressed": "The button was not pressed in time",
    "not-proven": "No right code came in time",
    "not-finished": "Presence proven, but not finished in time",
    "cancelled": "Cancelled",
    "superseded": "Scanned again",
}


def find_cause(window: Window) -> str:
    """Return why the window, as `with_state` gives it, led to nothing; empty if it led to a group or is still open."""
    if window.state == State.EXPIRED:
        if window.pressed_at:
            return "not-finished"
        return "not-pressed" if window.method == Presence.PRESS else "not-proven"
    return window.state if window.state in FAILURES else ""


def describe_window(window: Window) -> str:
    """Return its outcome and how long it was open."""
    words = _describe_outcome(window)
    wrong = window.wrong_codes
    return f"{words}; {wrong} wrong code{'s' if wrong > 1 else ''}" if wrong else words


def _describe_outcome(window: Window) -> str:
    if cause := find_cause(window):
        return f"{FAILURES[cause].lower()}, after {describe_duration(window)}"
    if window.state == State.COMPLETED:
        return f"registered in {describe_duration(window)}"
    pressing = window.method == Presence.PRESS
    done, awaited = ("pressed", "the press") if pressing else ("presence proven", "the code")
    return f"still open, {done}" if window.state == State.PRESSED else f"still open, waiting for {awaited}"


def describe_duration(window: Window) -> str:
    return format_duration(measure(window))


def measure(window: Window) -> timedelta:
    """Return how long it was open, at most to its deadline."""
    return min(window.closed_at or window.now, window.deadline) - window.opened_at


def format_duration(duration: timedelta) -> str:
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    parts = [f"{minutes} min"] * bool(minutes) + [f"{seconds} s"] * bool(seconds or not minutes)
    return " ".join(parts)
