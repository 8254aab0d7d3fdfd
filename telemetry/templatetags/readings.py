"""How values look."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from lib.rendering.stencils import Stencil
from telemetry.history.latest import read_key_values
from tenants.templatetags.ui import ago, lasting, when

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.template import Context

    from devices.models import Attribute, Device
    from telemetry.dashboard.readings import Reading

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
    written = escape(number)
    return written if len(number) <= UNBROKEN else mark_safe(written.replace(",", ",<wbr>"))  # noqa: S308 - escaped


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


TILE = Stencil(
    "telemetry/dashboard/_tile.html",
    texts=("label", "value", "unit", "span", "name", "age"),
    flags=("is_outside",),
)
STATE = Stencil("telemetry/dashboard/_state.html", texts=("tone", "label", "value", "name", "age"))
CHART = Stencil(
    "telemetry/dashboard/_chart.html", texts=("name", "label", "unit", "minimum", "maximum", "decimals", "span")
)
TIMELINE = Stencil("telemetry/dashboard/_timeline.html", texts=("name", "label"))


@register.simple_tag(takes_context=True)
def write_tiles(context: Context, readings: Iterable[Reading]) -> SafeString:
    """Show numbers that a device reported."""
    return _join(_write_tile(reading, reading.attribute, _tell_age(context, reading)) for reading in readings)


def _write_tile(reading: Reading, attribute: Attribute, age: SafeString) -> SafeString:
    outside = reading.is_outside
    value = breakable(quantity(reading.value, attribute.decimals))  # type: ignore[arg-type]
    span = attribute.span if outside else ""
    return TILE.fill(attribute.label, value, attribute.unit, span, attribute.name, age, outside)


@register.simple_tag(takes_context=True)
def write_states(context: Context, readings: Iterable[Reading]) -> SafeString:
    """Show texts, and what is on or off, that a device reported."""
    return _join(
        STATE.fill(
            tone(reading.value),
            reading.attribute.label,
            words(reading.value),
            reading.attribute.name,
            _tell_age(context, reading),
        )
        for reading in readings
    )


def _tell_age(context: Context, reading: Reading) -> SafeString:
    """Return how long ago it was; of one ahead of our clock, when, and by how much it is ahead."""
    if not reading.lead:
        return SafeString(ago(context, reading.at))
    return mark_safe(f"{when(context, reading.at)}, {lasting(reading.lead)} ahead")  # noqa: S308 - both are safe


@register.simple_tag
def write_charts(attributes: Iterable[Attribute]) -> SafeString:
    """Write where the charts of numbers are drawn."""
    return _join(
        CHART.fill(
            each.name,
            each.label,
            each.unit,
            *("" if known is None else str(known) for known in (each.minimum, each.maximum, each.decimals)),
            each.span,
        )
        for each in attributes
    )


@register.simple_tag
def write_timelines(attributes: Iterable[Attribute]) -> SafeString:
    """Write where the timelines of states are drawn."""
    return _join(TIMELINE.fill(each.name, each.label) for each in attributes)


@register.simple_tag(takes_context=True)
def write_reports(context: Context, reports: Iterable[tuple[datetime, list[str]]]) -> SafeString:
    """Write the rows of a table: times, and values in words."""
    return _join(
        f'<tr><th scope="row">{when(context, at)}</th><td>{_write_cells(values)}</td></tr>'
        if values
        else f'<tr><th scope="row">{when(context, at)}</th></tr>'
        for at, values in reports
    )


def _write_cells(values: list[str]) -> str:
    """Return them escaped, at once: no text that is kept has a NUL."""
    return escape("\0".join(values)).replace("\0", "</td><td>")


def _join(parts: Iterable[str]) -> SafeString:
    return mark_safe("".join(parts))  # noqa: S308 - each part is


@register.simple_tag
def key_values(devices: Iterable[Device]) -> dict[int, list[str]]:
    """Return by primary key, in words, what a list shows of what these devices reported last."""
    found = read_key_values(devices)
    return {pk: [_say(attribute, value) for attribute, value in values] for pk, values in found.items()}


def _say(attribute: Attribute, value: object) -> str:
    return " ".join(filter(None, [attribute.label, words(value, attribute), attribute.unit]))
