"""What acts on a batch of devices have in common; one device is a batch of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from devices import events
from devices.connections import presence
from devices.models import Device
from devices.refusals import DEVICE_RETIRED
from lib import live
from lib.db import bulk_sql
from lib.prepared import prepared
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from django.db.models import QuerySet

    from devices.models import Event
    from tenants.models import User


def hold(keys: Collection[int]) -> dict[int, int | None]:
    """Lock the devices of these primary keys until the transaction ends; return device -> assignment.

    Groups are locked before devices before assignments, and each in one order. What devices report is stored meanwhile:
    its rows name the device by its key, which is not locked.
    """
    if len(keys) == 1:
        return dict(_hold_one(*keys))
    rows = Device.objects.select_for_update(no_key=True).filter(pk__among=keys)
    return dict(rows.order_by("pk").values_list("pk", "assignment"))


@prepared
def _hold_one(key: int) -> QuerySet[Device, tuple[int, int | None]]:
    return Device.objects.select_for_update(no_key=True).filter(pk=key).values_list("pk", "assignment")


def hold_as_read(devices: Collection[Device]) -> list[Device]:
    """Hold the devices, and return those in the assignment that they were read with. Raises Refusal where one of them
    is retired."""
    now = hold([device.pk for device in devices])
    refuse_retired(now)
    return [device for device in devices if device.pk in now and now[device.pk] == device.assignment_id]


def update_batch(
    devices: Collection[Device],
    *,
    only_if: Q,
    to: Mapping[str, Any],
    kind: Event.Kind,
    by: User | None,
    facts: Mapping[str, object],
    of_retired: bool = False,
) -> list[int]:
    """Set fields of those of the devices that are as `only_if` says when their turn comes; record it, with the facts,
    and wake their streams. Return their primary keys. Who has many devices holds them first, in one order.

    Raises Refusal where one of them is retired; `of_retired` says that `only_if` knows of it.
    """
    keys = [device.pk for device in devices]
    with transaction.atomic():
        barred = Q() if of_retired else Q(retired_at=None)
        if changed := bulk_sql.update(Device.objects.filter(only_if, barred, pk__among=keys), **to):
            events.record_many(kind, devices=changed, by=by, **facts)
            announce(devices)
        if len(changed) < len(keys) and not of_retired:
            refuse_retired(keys)
    return changed


def refuse_retired(keys: Collection[int]) -> None:
    """Raise Refusal where one of the devices is retired: nothing happens to it but that it is brought back."""
    if Device.objects.filter(pk__among=keys, retired_at__isnull=False).exists():
        raise Refusal(DEVICE_RETIRED)


def announce(devices: Iterable[Device]) -> None:
    """Wake the streams that show the devices, once the transaction commits."""
    topics = presence.list_topics(devices)
    transaction.on_commit(lambda: live.announce(topics))
