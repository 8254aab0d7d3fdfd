"""What every page is made of: icons, times, statuses, form fields, links that keep the rest of the query."""

from __future__ import annotations

from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django import forms, template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import now

from lib.rendering.folding import pure
from lib.zones import PersonClock
from tenants.models import Role

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from django.forms import BoundField
    from django.template import Context

    from tenants.models import Group, User

register = template.Library()

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


@register.simple_tag
@pure
@lru_cache(maxsize=1024)
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """Return a picture from the sprite; without a label it is decoration and hidden from screen readers."""
    spoken = format_html(' role="img" aria-label="{}"', label) if label else mark_safe(' aria-hidden="true"')
    source = f"{static('vendor/icons/icons.svg')}#{name}"
    return format_html('<svg class="icon {}"{}><use href="{}"/></svg>', css, spoken, source)


MESSAGE_ICONS = {
    "success": "check-circle-fill",
    "error": "exclamation-triangle-fill",
    "warning": "exclamation-triangle-fill",
}


@register.simple_tag
@pure
def message_icon(tone: str) -> SafeString:
    """Return the picture that opens a message; `tone` is success, error, warning or info."""
    return icon(MESSAGE_ICONS.get(tone, "info-circle-fill"))


def age(value: datetime) -> str:
    seconds = int((now() - value).total_seconds())
    for size, unit in UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


@lru_cache(maxsize=8_192)
def _open_time(value: datetime, clock: PersonClock, kind: str) -> tuple[str, str]:
    """Return how the element begins, and the moment in words: many things happened at the same one."""
    full = escape(clock.describe(value))
    return f'<time datetime="{value.astimezone(UTC).isoformat()}" data-time="{kind}" title="{full}">', full


@register.simple_tag(takes_context=True)
def ago(context: Context, value: datetime | None, absent: str = "–") -> str:
    """Show how long ago; the page keeps it counting, and tells the moment by the reader's own clock."""
    if not value:
        return absent
    opened, _ = _open_time(value, context.get("clock") or PersonClock(), "ago")
    return SafeString(f"{opened}{age(value)}</time>")


@register.simple_tag(takes_context=True)
def when(context: Context, value: datetime | None, absent: str = "–") -> str:
    """Show the moment by the reader's own clock, with the name of its time zone."""
    if not value:
        return absent
    opened, full = _open_time(value, context.get("clock") or PersonClock(), "when")
    return SafeString(f"{opened}{full}</time>")


@register.filter
def lasting(span: timedelta) -> str:
    """Return how long it is: 65 s, 12 min, 1 h 5 min; beyond two days as days and hours."""
    seconds = round(span.total_seconds())
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return in_hours(hours) if hours > 48 else f"{minutes // 60} h {minutes % 60} min"


@register.filter
def in_hours(hours: int) -> str:
    """Return so many hours in words: beyond two days as days."""
    days, rest = divmod(hours, 24)
    if hours <= 48:
        return f"{hours} h"
    return f"{days:,} days" + (f" and {rest} h" if rest else "")


SEVERAL = forms.RadioSelect, forms.CheckboxSelectMultiple


def _choose_css(field: BoundField) -> str:
    widget = field.field.widget
    if isinstance(widget, (forms.CheckboxInput, *SEVERAL)):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"


@register.inclusion_tag("_labelled.html")
def field(bound: BoundField, **attrs: Any) -> dict[str, Any]:
    """Show a whole form field. Further arguments become attributes of its control (`max_length=6` as `max-length`)."""
    css = f"{_choose_css(bound)} is-invalid" if bound.errors else _choose_css(bound)
    label = attrs.pop("label", bound.label)
    bound.help_text = attrs.pop("help", bound.help_text)
    attributes = {name.replace("_", "-"): value for name, value in attrs.items()}
    shown = {"field": bound, "label": label, "check": css.startswith("form-check")}
    if isinstance(bound.field.widget, SEVERAL):
        bound.field.widget.attrs["class"] = css
        return shown | {"several": True}
    return shown | {"control": bound.as_widget(attrs={"class": css, **attributes})}


@register.simple_tag
def trail(trails: dict[str, str], group: Any) -> str:
    """Return the names above a group, as far as the user may see them."""
    return trails.get(group.path, "")


@register.filter
def managed_by(group: Group | None, user: User) -> bool:
    """Decide whether the user is an admin of this group; of no group, that is of the whole organisation."""
    return user.may(Role.ADMIN, group.path) if group else user.owns_organisation


@register.inclusion_tag("_adminlink.html", takes_context=True)
def adminlink(context: Context, view: str, picture: str, words: str, apart: str = "") -> dict[str, object]:
    """Show a line of the administration's list: current on its page and on those below its address, but `apart`."""
    try:
        url = reverse(view)
    except NoReverseMatch:
        return {}
    match = context["request"].resolver_match
    current = context["request"].path.startswith(url) and not (match and apart and match.view_name == apart)
    return {"url": url, "picture": picture, "words": words, "current": current}


@register.inclusion_tag("_progress.html")
def progress(done: int, total: int, label: str) -> dict[str, object]:
    """Show a bar that says how far a job is, in words for those who can't see it."""
    return {"done": done, "total": total, "label": label, "percent": 100 * done // total if total else 0}
