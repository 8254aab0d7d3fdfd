"""How values look."""

from __future__ import annotations

import math

from django import template

register = template.Library()

TONES = {
    "good": {"running", "on", "ok", "ready", "normal", "online", "charging"},
    "busy": {"starting", "stopping", "cranking", "warming", "cooldown", "test", "transfer"},
    "bad": {"fault", "faulted", "alarm", "error", "failed", "shutdown", "tripped", "emergency"},
}


@register.filter
def quantity(value: float) -> str:
    """Five significant digits, whole ones in full, without trailing zeros: 1800.5, 0.25, 12345678."""
    if abs(value) >= 1e12:
        return f"{value:.4g}"
    digits = math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:.{min(max(0, 4 - digits), 9)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "\u2212") if text != "-0" else "0"


@register.filter
def words(value: object) -> str:
    """A value of any type: a truth as on or off, nothing as a dash."""
    if value is None:
        return "\u2013"
    if isinstance(value, bool):
        return "On" if value else "Off"
    return quantity(value) if isinstance(value, int | float) else str(value)


@register.filter
def tone(value: object) -> str:
    """`good`, `busy`, `bad` or `plain`, for the colour beside the word."""
    word = value.strip().lower() if isinstance(value, str) else ""
    return next((name for name, known in TONES.items() if word in known), "plain")
