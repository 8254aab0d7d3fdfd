"""What was made by mistake is removed, for some time: devices that never connected, and that nobody placed since.

The group into which the act that made a device put it is part of the mistake, as long as nobody did anything there.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Case, CharField, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now

from devices import events, refusals
from devices.events import Fact
from devices.lifecycle import assignments
from devices.models import (
    Assignment,
    BulkAction,
    Connection,
    Credential,
    CredentialUse,
    Delivery,
    Device,
    Event,
    Import,
    Touched,
)
from devices.models.bulk_action import UNDO_HOURS
from devices.ties import operations as ties
from lib.db import deadlocks
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from devices.models import DeviceQuerySet
    from tenants.models import User

CONNECTED, PLACED, TOUCHED, OLD = "lived", "placed", "touched", "old"
WORDS = {
    CONNECTED: "has connected",
    PLACED: "was placed in a group after it was made",
    TOUCHED: "was put into its group as it was made, and changed there since",
    OLD: f"was made more than {UNDO_HOURS} hours ago",
}
OF_MAKING = (Event.Kind.REGISTERED, Event.Kind.PROVISIONED)


def list_obstacles() -> list[tuple[str, Q]]:
    """Return why a device can't be removed, and of which that holds, by the database's clock."""
    since = Now() - timedelta(hours=UNDO_HOURS)
    lately = Q(registered_at__gt=since) | Q(Exists(Import.objects.filter(pk=OuterRef("source"), finished_at__gt=since)))
    heard = Exists(Connection.objects.filter(device=OuterRef("pk")))
    used = Exists(CredentialUse.objects.filter(credential__device=OuterRef("pk")))
    later = Q(with_device=False) | Q(closed_at__isnull=False)
    placed = Q(Exists(Assignment.objects.filter(later, device=OuterRef("pk"))))
    since_then = Event.objects.filter(device=OuterRef("pk")).exclude(kind__in=OF_MAKING)
    touched = Q(Exists(since_then), group__isnull=False)
    connected = Q(activated_at__isnull=False) | Q(heard) | Q(used)
    return [(CONNECTED, connected), (PLACED, placed), (TOUCHED, touched), (OLD, ~lately)]


def _judge(devices: DeviceQuerySet) -> list[tuple[Device, str]]:
    """Return each device, and why it can't be removed, empty where it can."""
    whens = [When(condition, then=Value(cause)) for cause, condition in list_obstacles()]
    cause: dict[str, Any] = {"cause": Case(*whens, default=Value(""), output_field=CharField())}
    rows: Any = devices.annotate(**cause).select_related("source").order_by("pk")
    return [(device, device.cause) for device in rows]


def is_removable(device: Device, user: User) -> bool:
    """Decide whether the user may remove it now. Mostly what was loaded with the device tells that they may not."""
    placed_since = device.assignment is not None and not device.assignment.with_device
    if not user.owns_organisation or device.activated_at or device.last_seen_at or placed_since:
        return False
    return [cause for _, cause in _judge(Device.objects.manageable_by(user).filter(pk=device.pk))] == [""]


def remove_device(*, device: Device, by: User) -> None:
    """Remove one. Raises Refusal where it lived, or was made too long ago."""
    left = deadlocks.try_again(partial(remove_devices, [device], by=by))
    if cause := left.get(device.pk):
        raise Refusal(refusals.DEVICE_LIVED, cause=WORDS[cause])


def remove_devices(devices: Collection[Device], *, by: User | None, **facts: object) -> dict[int, str]:
    """Delete those that never lived, with their credentials; return why others stay: device -> cause.

    A device that connects, or is placed, in this very moment either stays or finds that it is gone. What hands over
    secrets of these devices alone goes too. Their events stay, and one more tells who removed what, with the facts: it
    is of the group in which the device was, and so told to that group's admins.
    """
    with transaction.atomic(savepoint=False):
        # With the key: who stores what it reports either is seen below, or waits for us.
        rows = Device.objects.select_for_update().filter(pk__among=[device.pk for device in devices]).order_by("pk")
        held = list(rows.values_list("pk", flat=True))
        judged = _judge(Device.objects.filter(pk__among=held))
        going = [device for device, cause in judged if not cause]
        keys = [device.pk for device in going]
        reissues = list(_find_reissues(keys))
        events.record_each([_tell_removed(device, facts) for device in going], by=by)
        ties.end_ties(keys, by=by, why=ties.REMOVED, **{name: facts[name] for name in facts if name == "action"})
        assignments.detach_devices(keys)
        Device.objects.filter(pk__among=keys).delete()
        _count_removed(going)
        _drop_deliveries({device.source_id for device in going if device.source_id}, reissues)
    return {device.pk: cause for device, cause in judged if cause}


def _tell_removed(device: Device, facts: dict[str, object]) -> Fact:
    told = {"serial": device.serial, "device_id": device.device_id, "name": device.name, **facts}
    made = {"import": str(device.source.key)} if device.source else {}
    return Fact.about(device, Event.Kind.DEVICE_REMOVED, told | made)


def _count_removed(devices: Iterable[Device]) -> None:
    for source, number in sorted(Counter(device.source_id for device in devices if device.source_id).items()):
        Import.objects.filter(pk=source).update(removed=F("removed") + number)


def _find_reissues(keys: Collection[int]) -> Iterable[int]:
    """Return the actions that made credentials of these devices, which are still to be handed over."""
    touched = Touched.objects.filter(device__among=keys, action__delivery__isnull=False)
    return touched.order_by().values_list("action", flat=True).distinct()


def _drop_deliveries(sources: Collection[int], reissues: Collection[int]) -> None:
    """Delete what would hand over nothing any more."""
    if sources:
        ended = Import.objects.filter(pk__in=sources, delivery__isnull=False).exclude(state__in=Import.WORKING)
        left = Credential.objects.filter(device__source=OuterRef("pk"), kind=Credential.Kind.ACCESS_KEY)
        Delivery.objects.filter(importing__in=ended.exclude(Exists(left))).delete()
    if reissues:
        empty = BulkAction.objects.filter(pk__in=reissues).exclude(state__in=BulkAction.WORKING)
        touched = Touched.objects.filter(action=OuterRef("pk"))
        Delivery.objects.filter(action__in=empty.exclude(Exists(touched))).delete()
