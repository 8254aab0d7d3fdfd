"""Files about many devices, streamed: a few thousand rows at a time, no connection held in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devices import events, tags
from devices.inventory import group_tree
from devices.models import Device, Event
from lib import streaming
from lib.csv_export import written
from tenants.grants import anew

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from devices.models import DeviceQuerySet
    from tenants.models import User

    Rows = list[list[str]]

CHUNK = 2_000
REGISTRY = (
    "Serial", "Device ID", "Name", "Group", "Model", "Recipe", "Tags", "Status",
    "Registered (UTC)", "Activated (UTC)", "Last seen (UTC)",
)  # fmt: skip


async def registry(devices: DeviceQuerySet, user: User) -> AsyncIterator[bytes]:
    """The devices, in the order in which they were registered, as far as `user` manages them when their turn comes;
    groups with the names above them that `user` sees."""
    related = devices.with_status().select_related("group", "model", "version__recipe", "assignment").order_by("pk")
    yield written([REGISTRY])

    def chunk(after: int) -> tuple[Rows, int]:
        found, now = list(related.filter(pk__gt=after)[:CHUNK]), anew(user)
        own = Device.objects.manageable_by(now).filter(pk__among=[device.pk for device in found])
        managed = set(own.values_list("pk", flat=True))
        mine = [device for device in found if device.pk in managed]
        above = group_tree.trails(now, [device.group for device in mine if device.group])
        return [_row(device, above) for device in mine], found[-1].pk if found else 0

    async for page in _pages(chunk):
        yield page


async def _pages(chunk: Callable[[int], tuple[Rows, int]]) -> AsyncIterator[bytes]:
    rows, last = await streaming.step(chunk, 0)
    while last:
        yield written(rows)
        rows, last = await streaming.step(chunk, last)


def _row(device: Device, above: dict[str, str]) -> list[str]:
    group = device.group
    path = " › ".join(filter(None, [above.get(group.path, ""), group.name])) if group else ""
    said = [device.serial, device.device_id, device.name, path, str(device.model or ""), str(device.version.recipe)]
    times = [
        _time(at) for at in (device.registered_at, device.since_assigned(device.activated_at), device.last_seen_at)
    ]
    return [*said, tags.write_cell(device.tags), Device.Status(device.status).label, *times]


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def record_export(*, devices: DeviceQuerySet, selection: dict[str, object], by: User) -> None:
    facts: dict[str, Any] = {"devices": devices.order_by().count(), **selection}
    events.record(Event.Kind.EXPORTED, organisation=by.organisation_id, by=by, **facts)
