"""Files about many devices, streamed: a few thousand rows at a time, no connection held in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devices import events, tags
from devices.inventory import group_tree
from devices.models import Device, Event, Tie
from lib import streaming
from lib.csv_export import encode_csv
from tenants.grants import reload_user

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from devices.models import DeviceQuerySet
    from lib.zones import PersonClock
    from tenants.models import User

    Rows = list[list[str]]

CHUNK = 2_000
RELATED = "group", "person", "model", "version__recipe", "assignment"
REGISTRY = (
    "Serial", "Device ID", "Name", "Description", "Group", "Person", "Model", "Recipe", "Tags", "Gateways", "Status",
    "Added (UTC)", "Activated (UTC)", "Last seen (UTC)",
)  # fmt: skip


async def stream_registry(devices: DeviceQuerySet, user: User) -> AsyncIterator[bytes]:
    """Yield the devices as CSV, in the order in which they were added, as far as `user` manages them when their
    turn comes; groups with the names above them that `user` sees."""
    related = devices.with_status().select_related(*RELATED).order_by("pk")
    clock = await streaming.run_step(user.find_clock)
    local = [name.replace("(UTC)", f"({clock.zone})") for name in REGISTRY if "(UTC)" in name] if clock.has_zone else []
    yield encode_csv([[*REGISTRY, *local]])

    def chunk(after: int) -> tuple[Rows, int]:
        rows, now = list(related.filter(pk__gt=after)[:CHUNK]), reload_user(user)
        own = Device.objects.manageable_by(now).filter(pk__among=[device.pk for device in rows])
        managed = set(own.values_list("pk", flat=True))
        managed_devices = [device for device in rows if device.pk in managed]
        gateways = _find_gateways(managed, now)
        above = group_tree.list_trails(now, [device.group for device in managed_devices if device.group])
        return [_build_row(device, above, gateways.get(device.pk, []), clock) for device in managed_devices], rows[
            -1
        ].pk if rows else 0

    async for page in _read_pages(chunk):
        yield page


async def _read_pages(chunk: Callable[[int], tuple[Rows, int]]) -> AsyncIterator[bytes]:
    rows, last = await streaming.run_step(chunk, 0)
    while last:
        yield encode_csv(rows)
        rows, last = await streaming.run_step(chunk, last)


def _find_gateways(devices: set[int], user: User) -> dict[int, list[str]]:
    """Return, by device, the serials of those that speak for it, as far as the user manages them."""
    ties = Tie.objects.standing().filter(device__among=devices, gateway__in=Device.objects.manageable_by(user))
    found: dict[int, list[str]] = {}
    for device, serial in ties.order_by("gateway__serial").values_list("device_id", "gateway__serial"):
        found.setdefault(device, []).append(serial)
    return found


def _build_row(device: Device, above: dict[str, str], gateways: list[str], clock: PersonClock) -> list[str]:
    group = device.group
    path = " › ".join(filter(None, [above.get(group.path, ""), group.name])) if group else ""
    said = [device.serial, device.device_id, device.name, device.description, path]
    said.append(device.person.email if device.person else "")
    said += [str(device.model or ""), str(device.version.recipe)]
    times = (device.registered_at, device.since_assigned(device.activated_at), device.last_seen_at)
    local = [clock.write_cell(at) if at else "" for at in times] if clock.has_zone else []
    utc = [at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else "" for at in times]
    return [*said, tags.write_cell(device.tags), ", ".join(gateways), Device.Status(device.status).label, *utc, *local]


def record_export(*, devices: DeviceQuerySet, selection: dict[str, object], by: User) -> None:
    facts: dict[str, Any] = {"devices": devices.order_by().count(), **selection}
    events.record(Event.Kind.EXPORTED, organisation=by.organisation_id, by=by, **facts)
