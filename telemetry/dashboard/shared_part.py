"""What a device's page shows of now, written once for the many who look at it at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string

from devices.access import SHOWN
from devices.attention.reading import list_attention
from devices.connections.refused_attempts import was_refused_since
from devices.models import Device
from devices.models.attention import with_attention
from devices.models.refused_attempt import with_last_attempt
from telemetry.dashboard import readings

if TYPE_CHECKING:
    from lib.zones import PersonClock
    from tenants.models import User

MOST = 65_536  # letters: more would be sent many times over


def render_part(user: User, looks_after: bool, device: int, clock: PersonClock, version: str) -> str | None:
    """Return the fragment of this version, for everybody who sees the device, has a role like the user's and goes by
    this clock.

    None where it has changed since, is large, or shows something to one reader that it does not show to another: names,
    what only technicians may do, attempts to connect that were refused.
    """
    if (kept := _kept.get((device, looks_after, clock))) is not None and kept[0] == version:
        return kept[1]
    html = _render(user, device, clock, version)
    if len(_kept) >= KEPT:
        _kept.clear()
    _kept[device, looks_after, clock] = version, html
    return html


KEPT = 200
_kept: dict[tuple[int, bool, PersonClock], tuple[str, str | None]] = {}


def _render(user: User, device_pk: int, clock: PersonClock, version: str) -> str | None:
    scope = with_attention(with_last_attempt(Device.objects.visible_to(user).with_status()))
    device = scope.select_related(*SHOWN).filter(pk=device_pk).first()
    if device is None or was_refused_since(device):
        return None
    declared = readings.list_attributes(device)
    context = readings.build_live_context(device, declared) | list_attention(user, device, declared)
    if context["version"] != version or context["sent"] or _differs(context):
        return None
    html = render_to_string("telemetry/dashboard/_live.html", {**context, "clock": clock})
    return html if len(html) <= MOST else None


def _differs(context: dict[str, Any]) -> bool:
    """Return whether what needs attention is told to each reader in another way: it has a button, or names somebody."""
    shown = context.get("attention", ())
    return bool(shown) and (context["may_acknowledge"] or any(each.row.by_id for each in shown))
