"""Who was connected from when to when: written as that changes, by brokers and by whoever looks at what is heard.

One row a stretch, and for a device that comes and goes one for all of it, so that a device has MOST rows and no
storm more than a row a minute.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction
from django.db.models import DateTimeField, Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Greatest, Now

from devices.connections import stretches
from devices.models import ConnectedStretch, Connection, Device

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

Reason = ConnectedStretch.Reason

SHORT = timedelta(minutes=1)
"""Who was connected, and then away, for less than that comes and goes."""
MOST = 300
"""Stretches of a device that are kept."""
KEPT = timedelta(days=90)
GRACE = timedelta(seconds=10)
"""A report is stored this much later, at most, than the broker saw its sender leave."""
AT_ONCE = timedelta(milliseconds=50)
"""Between the end of a connection and the coming of what took its place: RabbitMQ 4 may tell of the end first."""
SOON = timedelta(seconds=1)
"""Likewise, of a connection that the site ended."""
CHUNK = 5_000
BARRED = "barred"
"""Why, to a broker that knows only that a connection may go on no longer: `record` finds out the rest."""


class Change(NamedTuple):
    """Say that a device, by primary key, came; or, with a reason, that it left. Where the broker names its connections,
    it left only if it has that one still, and another one took the place of a former one."""

    device: int
    at: datetime
    reason: str = ""
    connection: str = ""


def record(changes: Sequence[Change], *, by_broker: bool = True) -> None:
    """Write what changed, in its order: five statements at most, for any number of devices. Repeated, it adds
    nothing."""
    if not changes:
        return
    with transaction.atomic():
        known, last = _find_last({change.device for change in changes})
        barred = _explain_barred({change.device for change in changes if change.reason == BARRED})
        new: list[ConnectedStretch] = []
        changed: dict[int, ConnectedStretch] = {}
        for change in changes:
            if change.device not in known:  # removed meanwhile
                continue
            reason = barred.get(change.device, Reason.REVOKED) if change.reason == BARRED else change.reason
            row = last.get(change.device)
            if (made := _apply(change._replace(reason=reason), row, by_broker=by_broker)) is None:
                continue
            for each in (row, made):
                if each is not None and each.pk:
                    changed[each.pk] = each
            if made is not row:
                new.append(made)
                last[change.device] = made
        fields = ("ended_at", "connected_at", "reason", "flaps", "away", "by_broker", "connection")
        ConnectedStretch.objects.bulk_update(changed.values(), fields)
        ConnectedStretch.objects.bulk_create(new, ignore_conflicts=True)
        _trim(new)


def _find_last(devices: Collection[int]) -> tuple[set[int], dict[int, ConnectedStretch]]:
    """Return which of the devices there are, and hold the last row of each."""
    known = stretches.find_last_keys(devices)
    keys = [key for key in known.values() if key]
    rows = ConnectedStretch.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk")
    return set(known), {row.device_id: row for row in rows}


def _apply(change: Change, last: ConnectedStretch | None, *, by_broker: bool) -> ConnectedStretch | None:
    """Return the row that is another one now, or a new one; None where nothing changes."""
    if change.reason:
        return _end(change, last)
    if last is None:
        return _begin(change, None, by_broker=by_broker)
    if change.connection and (change.connection == last.connection or change.at < last.connected_at):
        return None  # repeated
    if last.ended_at is None:
        if not by_broker or (last.by_broker and not last.connection):
            return None
        if not last.by_broker:
            last.by_broker, last.connection = True, change.connection
            return last
        last.ended_at, last.reason = max(change.at, last.connected_at), Reason.TAKEN_OVER
    if change.connection and _is_untold(last, change.at, AT_ONCE):
        last.reason = Reason.TAKEN_OVER
    if not _comes_and_goes(last, change.at):
        return _begin(change, last, by_broker=by_broker)
    at = max(change.at, last.ended_at)
    last.away += at - last.ended_at
    last.connected_at, last.ended_at, last.flaps = at, None, last.flaps + 1
    last.by_broker, last.connection = by_broker, change.connection
    return last


def _end(change: Change, last: ConnectedStretch | None) -> ConnectedStretch | None:
    if last is None or (change.connection and change.connection != last.connection):
        return None
    if last.ended_at is not None:
        if change.connection or not _is_untold(last, change.at, SOON):
            return None
        last.reason = change.reason
        return last
    last.ended_at, last.reason = max(change.at, last.connected_at), change.reason
    return last


def _is_untold(last: ConnectedStretch, at: datetime, within: timedelta) -> bool:
    """Return whether it ended so shortly before, and the broker did not say why."""
    return last.reason == Reason.UNTOLD and last.ended_at is not None and abs(at - last.ended_at) <= within


def _begin(change: Change, last: ConnectedStretch | None, *, by_broker: bool) -> ConnectedStretch:
    return ConnectedStretch(
        device_id=change.device,
        number=last.number + 1 if last else 1,
        started_at=change.at,
        connected_at=change.at,
        connection=change.connection,
        by_broker=by_broker,
    )


def _comes_and_goes(last: ConnectedStretch, at: datetime) -> bool:
    return bool(last.ended_at and last.ended_at - last.connected_at < SHORT and at - last.ended_at < SHORT)


def _explain_barred(devices: Collection[int]) -> dict[int, str]:
    """Return why each of these may be connected no longer, unless it is for its credential."""
    if not devices:
        return {}
    shut_out = Device.objects.filter(Device.is_shut_out(), pk__in=devices).values_list("pk", flat=True)
    rows = Device.objects.filter(pk__in=devices).values_list("pk", "retired_at", "locked_at")
    limited = dict.fromkeys(shut_out, str(Reason.LIMITED))
    return limited | {
        pk: str(Reason.RETIRED if retired else Reason.LOCKED) for pk, retired, locked in rows if retired or locked
    }


def _trim(new: Iterable[ConnectedStretch]) -> None:
    """Delete what is too many of the devices that have a row more."""
    over = Q(pk__in=[])
    for row in new:
        if row.number > MOST:
            over |= Q(device=row.device_id, number__lte=row.number - MOST)
    if over != Q(pk__in=[]):
        ConnectedStretch.objects.filter(over).delete()


def forget_broker() -> None:
    """Note that what brokers told is known no longer: from now on what is heard decides who is still connected."""
    ConnectedStretch.objects.filter(ended_at=None, by_broker=True).update(by_broker=False)


def find_connected(connections: Collection[str]) -> dict[str, int]:
    """Return, of the broker's connections, whose each is, by primary key, if it stands."""
    standing = ConnectedStretch.objects.filter(ended_at=None, connection__in=connections).exclude(connection="")
    return {row.connection: row.device_id for row in standing.only("connection", "device_id")}


def end_former_run(node: str, run: str) -> None:
    """End what a broker's node had before its present run: when it was heard last."""
    named = ConnectedStretch.objects.filter(ended_at=None).exclude(connection="")
    former = named.filter(connection__startswith=f"{node}.").exclude(connection__startswith=f"{run}.")
    former.update(ended_at=_select_last_heard(), reason=Reason.UNSEEN)


def end_unseen() -> None:
    """End what was told by a broker that is gone and had nobody else's connections: when it was heard last."""
    standing = ConnectedStretch.objects.filter(ended_at=None, by_broker=True)
    standing.update(ended_at=_select_last_heard(), reason=Reason.UNSEEN)


def follow_traffic() -> None:
    """End the stretches of those of whom no broker tells, and who were not heard for longer than is usual; begin those
    of whoever is heard. For all devices at once, so that no report pays for it."""
    usual = Greatest(Coalesce(F("device__connection__patience"), timedelta()), Value(Device.online_for()))
    silent = Q(device__connection=None) | Q(device__connection__last_seen_at__lt=Now() - usual)
    quiet = ConnectedStretch.objects.filter(ended_at=None, by_broker=False).filter(silent).values("pk")
    standing = ConnectedStretch.objects.filter(ended_at=None, by_broker=False, pk__in=quiet)
    standing.update(ended_at=_select_last_heard(), reason=Reason.UNHEARD)
    while heard := list(_find_heard()[:CHUNK]):
        record([Change(device, at) for device, at in heard], by_broker=False)
        if len(heard) < CHUNK:
            return


def _select_last_heard() -> Any:
    heard = Connection.objects.filter(device=OuterRef("device")).values("last_seen_at")
    return Greatest(Coalesce(Subquery(heard), F("connected_at")), F("connected_at"), output_field=DateTimeField())


def _find_heard() -> Any:
    """Find who is online and in no stretch, nor just left one."""
    of = ConnectedStretch.objects.filter(device=OuterRef("device"))
    told = of.filter(Q(ended_at=None) | Q(ended_at__gt=OuterRef("last_seen_at") - GRACE))
    stayed = Q(disconnected_at=None) | Q(disconnected_at__lt=F("last_seen_at"))
    online = Connection.objects.filter(stayed, last_seen_at__gt=Now() - Device.online_for())
    return online.filter(~Exists(told), device__retired_at=None).order_by("pk").values_list("device_id", "last_seen_at")


def clear_old() -> int:
    """Delete what ended long ago; return how many."""
    cleared = 0
    old = ConnectedStretch.objects.filter(ended_at__lt=Now() - KEPT).order_by("ended_at")
    while keys := list(old.values_list("pk", flat=True)[:CHUNK]):
        cleared += ConnectedStretch.objects.filter(pk__in=keys).delete()[0]
    return cleared
