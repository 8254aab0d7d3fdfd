"""How the status of a device looks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django import template
from django.template.loader import render_to_string

from lib.rendering.folding import pure

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

register = template.Library()

STATUSES = {  # value -> words, icon: told apart by shape and text, never by colour alone
    "online": ("Online", "check-circle-fill"),
    "offline": ("Offline", "x-circle"),
    "never": ("Never connected", "plug"),
    "waiting": ("Waiting for a group", "hourglass-split"),
    "expired": ("Activation expired", "hourglass-bottom"),
    "locked": ("Locked", "lock-fill"),
    "retired": ("Retired", "archive"),
}


@register.simple_tag
@pure
@cache
def status(value: str) -> SafeString:
    """Return a device's status as pages show it. Lists have it on every row: each of the seven is rendered once."""
    words, picture = STATUSES[value]
    return render_to_string("devices/_status.html", {"value": value, "words": words, "picture": picture})
