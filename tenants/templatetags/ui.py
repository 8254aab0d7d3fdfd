"""What every page is made of: icons, times, statuses, form fields, links that keep the rest of the query."""

from __future__ import annotations

from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django import forms, template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.timezone import now

from tenants.models import Role

if TYPE_CHECKING:
    from datetime import datetime

    from django.forms import BoundField
    from django.template import Context
    from django.utils.safestring import SafeString

    from tenants.models import Group, User

register = template.Library()

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


@register.simple_tag
@lru_cache(maxsize=1024)
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """Return a picture from the sprite; without a label it is decoration and hidden from screen readers."""
    spoken = format_html(' role="img" aria-label="{}"', label) if label else mark_safe(' aria-hidden="true"')
    source = f"{static('vendor/icons/icons.svg')}#{name}"
    return format_html('<svg class="icon {}"{}><use href="{}"/></svg>', css, spoken, source)


def age(value: datetime) -> str:
    seconds = int((now() - value).total_seconds())
    for size, unit in UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


def _time(value: datetime, shown: str, kind: str) -> SafeString:
    utc = value.astimezone(UTC)
    full = utc.strftime("%Y-%m-%d %H:%M:%S UTC")
    return format_html(
        '<time datetime="{}" data-time="{}" title="{}">{}</time>', utc.isoformat(), kind, full, shown or full
    )


@register.simple_tag
def ago(value: datetime | None, absent: str = "–") -> str:
    """How long ago; the page keeps it counting, and tells the moment in the reader's own time zone."""
    return _time(value, age(value), "ago") if value else absent


@register.simple_tag
def when(value: datetime | None, absent: str = "–") -> str:
    """The moment: UTC from the server, in the reader's own time zone once the page runs."""
    return _time(value, "", "when") if value else absent


def _css(field: BoundField) -> str:
    widget = field.field.widget
    if isinstance(widget, (forms.CheckboxInput, forms.RadioSelect, forms.CheckboxSelectMultiple)):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"


@register.inclusion_tag("_labelled.html")
def field(bound: BoundField, **attrs: Any) -> dict[str, Any]:
    """A whole form field. Further arguments become attributes of its control (`max_length=6` as `max-length`)."""
    css = f"{_css(bound)} is-invalid" if bound.errors else _css(bound)
    label = attrs.pop("label", bound.label)
    bound.help_text = attrs.pop("help", bound.help_text)
    given = {name.replace("_", "-"): value for name, value in attrs.items()}
    control = bound.as_widget(attrs={"class": css, **given})
    return {"field": bound, "control": control, "label": label, "check": css.startswith("form-check")}


@register.simple_tag
def trail(trails: dict[str, str], group: Any) -> str:
    """The names above a group, as far as the user may see them."""
    return trails.get(group.path, "")


@register.filter
def managed_by(group: Group | None, user: User) -> bool:
    """Whether the user is an admin of this group; of no group, that is of the whole organisation."""
    return user.may(Role.ADMIN, group.path) if group else user.owns_organisation


@register.inclusion_tag("_adminlink.html", takes_context=True)
def adminlink(context: Context, view: str, picture: str, words: str, apart: str = "") -> dict[str, object]:
    """A line of the administration's list: current on the page itself and on those below its address, but `apart`."""
    try:
        url = reverse(view)
    except NoReverseMatch:
        return {}
    match = context["request"].resolver_match
    current = context["request"].path.startswith(url) and not (match and apart and match.view_name == apart)
    return {"url": url, "picture": picture, "words": words, "current": current}


@register.inclusion_tag("_progress.html")
def progress(done: int, total: int, label: str) -> dict[str, object]:
    """A bar that says how far a job is, in words for those who can't see it."""
    return {"done": done, "total": total, "label": label, "percent": 100 * done // total if total else 0}
