"""The rows of the device list."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from devices.templatetags.statuses import status
from lib.rendering.stencils import Stencil
from tenants.templatetags.ui import ago

if TYPE_CHECKING:
    from django.template import Context

    from devices.attention.reading import Shown
    from devices.models import Device

register = template.Library()

NEEDS = "devices/attention/_of_row.html"
ROW = Stencil(
    "devices/inventory/_row.html",
    texts=(
        *("pk", "serial", "status", "address", "name", "grouped", "attention", "values"),
        *("model", "group", "trail", "person", "seen"),
    ),
    flags=("picks", "pickable", "placed"),
)


class Shared(NamedTuple):
    """Hold what rows show beside their devices, by these' keys, and by groups' paths; `pickable` is None for those who
    pick none."""

    latest: dict[int, list[str]]
    attention: dict[int, list[Shown]]
    trails: dict[str, str]
    pickable: set[int] | None


@register.simple_tag(takes_context=True)
def write_rows(context: Context, latest: dict[int, list[str]]) -> SafeString:
    """Show the devices of the context's page; `latest` is what each reported last, in words."""
    shared = Shared(
        latest,
        context["attention"],
        context["trails"],
        context["pickable"] if context.get("is_admin") else None,
    )
    return SafeString("".join([_write_row(context, shared, device) for device in context["page"].rows]))


def _write_row(context: Context, shared: Shared, device: Device) -> SafeString:
    group, pickable = device.group, shared.pickable
    needs = render_to_string(NEEDS, {"found": shared.attention.get(device.pk)}) if device.attention_mark else ""
    return ROW.fill(
        str(device.pk),
        device.serial,
        status(device.status),
        device.get_absolute_url(),
        device.name,
        device.serial_grouped,
        needs,
        " · ".join(shared.latest.get(device.pk, ())),
        device.model.name if device.model else "",
        group.name if group else "",
        shared.trails.get(group.path, "") if group else "",
        str(device.person) if device.person else "",
        ago(context, device.last_seen_at),
        pickable is not None,
        pickable is not None and device.pk in pickable,
        group is not None,
    )
