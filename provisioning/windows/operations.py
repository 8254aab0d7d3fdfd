"""A window's life: opened by a scan, pressed by the device, finished or cancelled by its technician.

Every change is one conditional UPDATE on the database's clock: of many at once, one wins.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from devices import events
from devices.lifecycle import assignments
from devices.models import Device, DeviceModel, Event
from lib import live
from provisioning.models import Window
from tenants.models import Group, User

if TYPE_CHECKING:
    from datetime import datetime

    from provisioning.models import WindowQuerySet
    from tenants.models import ApiToken


class Busy(Exception):
    """Somebody else is registering this device; with `own` the same person, in another way than by this token."""

    def __init__(self, until: datetime, *, own: bool = False) -> None:
        super().__init__(f"until {until}")
        self.until, self.own = until, own


class Barred(Exception):
    """The device is locked or expired (its `status`, a `Device.Status`), and can't be registered until that ends."""

    def __init__(self, status: Device.Status) -> None:
        super().__init__(WHY_BARRED[status])
        self.status = status


class NotOpen(Exception):
    """The window can't be finished (any more): closed, expired, not pressed, or somebody else's."""


RECENT = 4  # groups to choose again
LOOKED_BACK = 50  # finished windows
WHY_BARRED = {
    Device.Status.LOCKED: "This device is locked. Ask an admin of your organisation to unlock it, then scan it again.",
    Device.Status.EXPIRED: (
        "This device never connected, and its activation window is over. "
        "Ask an admin of your organisation to open it again, then scan it again."
    ),
}


def open_window(*, device: Device, by: User, token: ApiToken | None = None) -> Window:
    """A fresh window; the same technician's earlier one is superseded, with a `token` that may less than its person the
    one opened with it. Raises `Busy` for any other, `Barred`."""
    for _ in range(3):  # two scans of one technician at once: the later one supersedes
        try:
            return _open(device, by, token)
        except IntegrityError:
            there = Window.objects.open().filter(device=device)
            if theirs := there.exclude(pk__in=there.opened_by(by, token).values("pk")).first():
                raise Busy(theirs.deadline, own=theirs.technician_id == by.pk) from None
    raise Busy(device.windows.latest("opened_at").deadline)


@transaction.atomic
def _open(device: Device, by: User, token: ApiToken | None) -> Window:
    refuse_barred(device)
    unclosed = Window.objects.filter(device=device, closed_at=None)
    unclosed.filter(deadline__lte=Now()).update(closed_at=F("deadline"), outcome=Window.State.EXPIRED)
    mine = list(unclosed.opened_by(by, token).values_list("key", flat=True))
    unclosed.opened_by(by, token).update(closed_at=Now(), outcome=Window.State.SUPERSEDED)
    _end_idle(unclosed, device, by)
    seconds = timedelta(seconds=device.organisation.window_seconds)
    window = Window.objects.create(device=device, technician=by, token=token, deadline=Now() + seconds)
    window.refresh_from_db()
    events.record(Event.Kind.WINDOW_OPENED, device=device, by=by)
    transaction.on_commit(lambda: live.announce(topic(key) for key in mine))
    return window


def _end_idle(windows: WindowQuerySet, device: Device, by: User) -> None:
    """End the window of somebody who could not finish it any more: it holds up nobody else."""
    for window in windows.select_related("technician"):
        if Device.objects.registrable_by(window.technician).filter(pk=device.pk).exists():
            continue
        if windows.filter(pk=window.pk).update(closed_at=Now(), outcome=Window.State.CANCELLED):
            events.record(Event.Kind.WINDOW_CANCELLED, device=device, by=by)


def finish(*, window: Window, by: User, name: str, group: Group, model: DeviceModel) -> Device:
    """Hand the device over to `group`; exactly one caller wins.

    Raises `NotOpen`, or `Barred` if the device was locked meanwhile, and then nothing has changed.
    """
    pressed_by_me = Q(technician=by, pressed_at__isnull=False)
    try:
        with transaction.atomic():
            if not window.close(Window.State.COMPLETED, only_if=pressed_by_me):
                raise NotOpen
            now = User.objects.get(pk=by.pk)  # with the roles of this moment
            group = Group.objects.registrable_by(now).get(pk=group.pk)
            device = Device.objects.registrable_by(now).get(pk=window.device_id)
            assignments.assign(device=device, group=group, name=name, model=model, by=by)
            refuse_barred(device)  # its row is held now: a lock is either seen here, or waits for us
            _announce(window, device)
    except (Device.DoesNotExist, Group.DoesNotExist, assignments.Moved):
        raise NotOpen from None
    return device


def placed_in(user: User) -> list[Group]:
    """The groups into which the user put devices lately and still may, the last one first."""
    done = Window.objects.filter(technician=user, outcome=Window.State.COMPLETED).order_by("-pk")
    lately = list(dict.fromkeys(done.values_list("device__group", flat=True)[:LOOKED_BACK]))
    groups = Group.objects.registrable_by(user).in_bulk([pk for pk in lately if pk])
    return [groups[pk] for pk in lately if pk in groups][:RECENT]


def refuse_barred(device: Device) -> None:
    """Raises `Barred`."""
    status = Device.Status(Device.objects.with_status().get(pk=device.pk).status)
    if status in WHY_BARRED:
        raise Barred(status)


def cancel(*, window: Window, by: User) -> bool:
    """Whether this call cancelled it."""
    with transaction.atomic():
        if not window.close(Window.State.CANCELLED, only_if=Q(technician=by)):
            return False
        events.record(Event.Kind.WINDOW_CANCELLED, device=window.device, by=by)
        _announce(window, window.device)
    return True


def topic(key: object) -> str:
    return f"window:{key}"


def _announce(window: Window, device: Device) -> None:
    transaction.on_commit(lambda: live.announce([topic(window.key), f"device:{device.device_id}"]))
