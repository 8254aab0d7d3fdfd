"""In which words somebody is told of what needs attention: of what they see when it is said."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from django.urls import reverse

from devices.attention import reading
from devices.inventory.filters import ATTENTION
from devices.models import Attention, Device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devices.models import DeviceQuerySet
    from tenants.models import Group, User

NAMED = 20  # devices of a mail
Cause = Attention.Cause


class Dark(NamedTuple):
    """Name a group of which every device is silent."""

    group: Group
    devices: int


class Told(NamedTuple):
    """Hold what one person is told of in one message: groups that are dark, and all the rows."""

    dark: list[Dark]
    rows: list[Attention]

    @property
    def devices(self) -> dict[int, Device]:
        return {row.device_id: row.device for row in self.rows}

    @property
    def subject(self) -> str:
        if dark := self._only_dark:
            return f"{dark.group.name} is dark: all {dark.devices} devices are silent"
        if len(self.devices) == 1:
            return f"{self.rows[0].device.name} needs attention"
        return f"{len(self.devices)} devices need attention"

    @property
    def path(self) -> str:
        """Return the page of this site that shows it."""
        if dark := self._only_dark:
            return reverse("telemetry:overview", kwargs={"pk": dark.group.pk})
        if len(self.devices) == 1:
            return self.rows[0].device.get_absolute_url()
        return f"{reverse('devices:list')}?status={ATTENTION}"

    @property
    def _only_dark(self) -> Dark | None:
        return self.dark[0] if len(self.dark) == 1 and self.dark[0].devices == len(self.devices) else None

    def build_context(self) -> dict[str, Any]:
        """Return what the mail's template says of it."""
        silent = {dark.group.pk for dark in self.dark}
        rest = [row for row in self.rows if row.cause != Cause.SILENT or row.device.group_id not in silent]
        shown = reading.show(rest[:NAMED], self.devices)
        return {"dark": self.dark, "shown": shown, "more": len(rest[NAMED:])}


def find_told(user: User, keys: Sequence[int]) -> Told | None:
    """Return what of these the user sees now; None where that is nothing any more."""
    visible = Device.objects.visible_to(user)
    found = Attention.objects.in_use().filter(pk__in=keys, device__in=visible).select_related("device__group")
    rows = list(found.order_by("device__name", "pk"))
    return Told(_find_dark(rows, visible), rows) if rows else None


def _find_dark(rows: Sequence[Attention], visible: DeviceQuerySet) -> list[Dark]:
    """Return the groups of which the person sees several devices, and every one of these is silent."""
    silent = Counter(row.device.group for row in rows if row.cause == Cause.SILENT and row.device.group)
    several = [group for group, number in silent.items() if number > 1]
    seen = visible.filter(group__in=several, retired_at=None)
    counts = Counter(seen.values_list("group", flat=True))
    now = Attention.objects.current().filter(device__in=seen, cause=Cause.SILENT)
    dark = Counter(now.values_list("device__group", flat=True))
    return [Dark(group, counts[group.pk]) for group in several if dark[group.pk] == counts[group.pk]]
