"""How values look."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from telemetry.history.latest import read_key_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.utils.safestring import SafeString

    from devices.models import Attribute, Device

register = template.Library()

GREAT, TINY = 1e15, 1e-9
UNBROKEN = 9  # characters of a number, which have room in every tile
SHORT = 80  # characters of a text that a page shows

TONES = {
    "good": {"running", "on", "ok", "ready", "normal", "online", "charging"},
    "busy": {"starting", "stopping", "cranking", "warming", "cooldown", "test", "transfer"},
    "bad": {"fault", "faulted", "alarm", "error", "failed", "shutdown", "tripped", "emergency"},
}


@register.filter
def quantity(value: float, decimals: int | None = None) -> str:
    """Format with thousands grouped, to so many decimals; without a number of them as it came, to three decimals, of
    small ones to five significant digits: 1,800.5, 0.00012346, 12,345,678. From a quadrillion on: 1.798e308."""
    if abs(value) >= GREAT:
        return f"{value:.4g}".replace("e+", "e").replace("-", "\u2212")
    if decimals is not None:
        return _replace_minus(f"{value:,.{decimals}f}")
    digits = math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:,.{3 if digits >= 0 else min(4 - digits, 9)}f}"
    return _replace_minus(text.rstrip("0").rstrip(".")) if abs(value) >= TINY or not value else f"{value:.4g}"


@register.filter
def breakable(number: str) -> SafeString:
    """Let a long number wrap, after its groups of digits."""
    if len(number) <= UNBROKEN:
        return format_html("{}", number)
    return format_html_join(mark_safe(",<wbr>"), "{}", ((part,) for part in number.split(",")))


def _replace_minus(text: str) -> str:
    return text.replace("-", "\u2212") if text.strip("-0.,") else text.lstrip("-")


@register.filter
def words(value: object, attribute: Attribute | None = None) -> str:
    """Format a value of any type: a truth as on or off, nothing as a dash, a long text by its beginning."""
    if value is None:
        return "\u2013"
    if isinstance(value, bool):
        return "On" if value else "Off"
    if isinstance(value, int | float):
        return quantity(value, attribute.decimals if attribute else None)
    return shorten(str(value))


@register.filter
def shorten(text: str) -> str:
    """Return a long text by its beginning, and how long it is."""
    return text if len(text) <= SHORT else f"{text[:SHORT].rstrip()}… ({len(text):,} characters)"


@register.filter
def tone(value: object) -> str:
    """Return `good`, `busy`, `bad` or `plain`, for the colour beside the word."""
    word = value.strip().lower() if isinstance(value, str) else ""
    return next((name for name, known in TONES.items() if word in known), "plain")


@register.simple_tag
def key_values(devices: Iterable[Device]) -> dict[int, list[str]]:
    """Return by primary key, in words, what a list shows of what these devices reported last."""
    found = read_key_values(devices)
    return {pk: [_say(attribute, value) for attribute, value in values] for pk, values in found.items()}


def _say(attribute: Attribute, value: object) -> str:
    return " ".join(filter(None, [attribute.label, words(value, attribute), attribute.unit]))
