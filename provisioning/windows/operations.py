"""A window's life: opened by a scan, pressed by the device, finished or cancelled by its technician.

Every change is one conditional UPDATE on the database's clock: of many at once, one wins.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from devices import events
from devices.credentials import presence_secrets
from devices.lifecycle import assignments
from devices.models import Device, DeviceModel, Event, RefusedAttempt
from devices.models.refused_attempt import with_last_attempt
from devices.refusals import DEVICE_MOVED
from lib import live, names
from lib.db import deadlocks
from lib.prepared import prepared
from lib.refusals import Refusal
from provisioning import refusals
from provisioning.models import Window, build_topic
from provisioning.presence import challenge
from provisioning.windows import identify
from tenants.models import Group, Presence, Role, User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet

    from lib.refusals import Kind
    from provisioning.models import WindowQuerySet
    from tenants.models import ApiToken


RECENT = 4  # groups to choose again
LOOKED_BACK = 50  # finished windows
BARRED = {
    Device.Status.RETIRED: refusals.RETIRED,
    Device.Status.LOCKED: refusals.DEVICE_LOCKED,
    Device.Status.EXPIRED: refusals.DEVICE_EXPIRED,
}
UNPROVEN: dict[str, Kind] = {
    Presence.PRESS: refusals.NOT_PRESSED,
    Presence.CHALLENGE: refusals.CHALLENGE_UNANSWERED,
}
WHY_NOT: dict[str, Kind] = {
    Window.State.COMPLETED: refusals.WINDOW_COMPLETED,
    Window.State.CANCELLED: refusals.WINDOW_CANCELLED,
    Window.State.SUPERSEDED: refusals.WINDOW_SUPERSEDED,
    Window.State.EXPIRED: refusals.WINDOW_EXPIRED,
}


def open_window(
    *, device: Device, by: User, token: ApiToken | None = None, label: Mapping[str, str] | None = None
) -> Window:
    """Open a fresh window; the same technician's earlier one is superseded.

    `label` is what its label says beside the serial (devices.identity.label_facts), without secrets. With a `token`
    that may less than its person, the one opened with it. Raises Refusal for any other, and where the device is locked
    or expired.
    """
    for _ in range(3):  # two scans of one technician at once: the later one supersedes
        try:
            return _open(device, by, token, label)
        except IntegrityError:
            open_ones = Window.objects.open().filter(device=device)
            if theirs := open_ones.exclude(pk__in=open_ones.opened_by(by, token).values("pk")).first():
                raise _refuse_busy(theirs, by) from None
    raise _refuse_busy(device.windows.latest("opened_at"), None)


def _refuse_busy(window: Window, by: User | None) -> Refusal:
    left = ceil((window.deadline - timezone.now()).total_seconds() / 60)
    kind = refusals.WINDOW_YOURS if by and window.technician_id == by.pk else refusals.WINDOW_BUSY
    return Refusal(kind, field="text", members={"until": window.deadline.isoformat()}, minutes=max(left, 1))


@transaction.atomic
def _open(device: Device, by: User, token: ApiToken | None, label: Mapping[str, str] | None) -> Window:
    refuse_barred(device)
    unclosed = Window.objects.filter(device=device, closed_at=None)
    unclosed.filter(deadline__lte=Now()).update(closed_at=F("deadline"), outcome=Window.State.EXPIRED)
    superseded = list(unclosed.opened_by(by, token).values_list("key", flat=True))
    unclosed.opened_by(by, token).update(closed_at=Now(), outcome=Window.State.SUPERSEDED)
    _end_idle(unclosed, device, by)
    seconds = timedelta(seconds=device.organisation.window_seconds)
    method = presence_secrets.choose_method(device)
    if method == Presence.NONE:
        refuse_without_proof(device, by)
    window = Window.objects.create(
        device=device,
        technician=by,
        token=token,
        method=method,
        challenge=challenge.make_challenge(device) if method == Presence.CHALLENGE else "",
        label=dict(label or {}) or None,
        deadline=Now() + seconds,
        pressed_at=Now() if method == Presence.NONE else None,
    )
    window.refresh_from_db()
    events.record(Event.Kind.WINDOW_OPENED, device=device, by=by, window=str(window.key))
    identify.end(superseded)
    if identify.can_identify(device):
        identify.identify(window=window, by=by)
    transaction.on_commit(lambda: live.announce(build_topic(key) for key in superseded))
    return window


def refuse_without_proof(device: Device, by: User, group: Group | None = None) -> None:
    """Raise Refusal unless the user may register what asks for no proof: an admin, into a group that they manage."""
    is_admin = by.may(Role.ADMIN, group.path) if group else bool(by.reach(Role.ADMIN))
    if not device.organisation.skip_presence and not is_admin:
        raise Refusal(refusals.WITHOUT_PROOF, field="group" if group else "text")


def _end_idle(windows: WindowQuerySet, device: Device, by: User) -> None:
    """End the window of somebody who could not finish it any more: it holds up nobody else."""
    for window in windows.select_related("technician"):
        if Device.objects.registrable_by(window.technician).filter(pk=device.pk).exists():
            continue
        if windows.filter(pk=window.pk).update(closed_at=Now(), outcome=Window.State.CANCELLED):
            events.record(Event.Kind.WINDOW_CANCELLED, device=device, by=by, window=str(window.key))
            identify.end([window.key])


def finish_window(
    *, window: Window, by: User, name: str, group: Group, model: DeviceModel, person: User | None = None
) -> Device:
    """Hand the device over to `group`, or within it to the `person`; exactly one caller wins.

    Raises Refusal, also if the device was locked meanwhile, and then nothing has changed. A removal holds the device
    first and its windows then, the other way round.
    """
    return deadlocks.try_again(partial(_finish, window, by, name, group, model, person))


def _finish(window: Window, by: User, name: str, group: Group, model: DeviceModel, person: User | None) -> Device:
    pressed_by_me = Q(technician=by, pressed_at__isnull=False)
    with transaction.atomic():
        if not window.close(Window.State.COMPLETED, only_if=pressed_by_me):
            now = Window.objects.with_state().filter(pk=window.pk).first()
            raise _refuse_finish(now)
        taker = User.objects.get(pk=by.pk)  # with the roles of this moment
        leaf = Group.objects.registrable_by(taker).filter(pk=group.pk).first()
        device = Device.objects.registrable_by(taker).filter(pk=window.device_id).first()
        if leaf is None or device is None:
            raise Refusal(DEVICE_MOVED)
        _settle_proof(window, device, leaf, taker)
        assignments.assign(device=device, group=leaf, name=name, model=model, by=by, person=person)
        Window.objects.filter(pk=window.pk).update(assignment=device.assignment_id)
        refuse_barred(device)  # its row is held now: a lock is either seen here, or waits for us
        identify.end([window.key])
        _announce(window, device)
    return device


def _refuse_finish(now: Window | None) -> Refusal:
    if now and now.state == Window.State.WAITING:
        return Refusal(UNPROVEN.get(now.method, refusals.PRESENCE_NOT_PROVEN))
    return Refusal(WHY_NOT.get(now.state if now else "", DEVICE_MOVED))


def _settle_proof(window: Window, device: Device, leaf: Group, taker: User) -> None:
    """Spend the claim code with which presence was proven: of many windows, over time, it places one. Or ask once more
    who may do without a proof. Raises Refusal."""
    proven_at = Window.objects.values_list("pressed_at", flat=True).get(pk=window.pk)
    if window.method == Presence.NONE:
        refuse_without_proof(device, taker, leaf)
    if window.method == Presence.CLAIM_CODE and not presence_secrets.spend_claim_code(device.pk, proven_at):
        raise Refusal(refusals.CLAIM_CODE_GONE)


def find_finished(
    window: Window, *, name: str, group: Group, model: DeviceModel, person: User | None = None
) -> Device | None:
    """Return the window's device, if the window was finished in just this way, and it still is so."""
    place = {"group": group, "person": person}
    as_asked = Device.objects.filter(pk=window.device_id, name=names.clean_name(name), model=model, **place)
    finished = Window.objects.filter(pk=window.pk, outcome=Window.State.COMPLETED)
    return as_asked.select_related("group").first() if finished.exists() else None


def list_recent_groups(user: User) -> list[Group]:
    """Return the groups into which the user put devices lately and still may, the last one first."""
    lately = [pk for pk in dict.fromkeys(_select_lately(user.pk)) if pk]
    groups = Group.objects.registrable_by(user).in_bulk(lately) if lately else {}
    return [groups[pk] for pk in lately if pk in groups][:RECENT]


@prepared
def _select_lately(technician: int) -> QuerySet[Window, int | None]:
    done = Window.objects.filter(technician=technician, outcome=Window.State.COMPLETED).order_by("-pk")
    return done.values_list("device__group", flat=True)[:LOOKED_BACK]


def refuse_barred(device: Device) -> None:
    """Raise Refusal if the device is retired, locked, expired, or gone."""
    now = Device.objects.with_status().filter(pk=device.pk).first()
    if now is None:
        raise Refusal(refusals.UNKNOWN_SERIAL, field="text")
    if kind := BARRED.get(Device.Status(now.status)):
        raise Refusal(kind, field="text")


def find_barred(device: Device, user: User) -> Device | None:
    """Return a device that may not be registered as it stands, where the user may change that."""
    managed = Device.objects.manageable_by(user).with_status().filter(pk=device.pk).first()
    return managed if managed and managed.status in BARRED else None


def load_device(window: Window) -> Device:
    """Return the window's device as it is now: with its status, and `attempted_at`, when it was refused last."""
    if not (found := _select_device(window.device_id)):
        raise Device.DoesNotExist
    return found[0]


@prepared
def _select_device(key: int) -> QuerySet[Device]:
    return with_last_attempt(Device.objects.with_status()).filter(pk=key)


def list_attempts(window: Window, device: Device, *, known: bool) -> list[RefusedAttempt]:
    """Return what was refused of the device (of `load_device`), by whichever door, since the window opened, and since
    it was heard last; of one that is still somebody else's (not `known`) since the window opened alone."""
    if window.state != Window.State.WAITING or device.attempted_at is None:
        return []
    attempts = RefusedAttempt.objects.of(device)
    here = attempts.since(window.opened_at)
    return list(here | attempts.unresolved() if known else here)


def cancel_window(*, window: Window, by: User) -> bool:
    """Cancel the window; return whether this call did."""
    with transaction.atomic():
        if not window.close(Window.State.CANCELLED, only_if=Q(technician=by)):
            return False
        events.record(Event.Kind.WINDOW_CANCELLED, device=window.device, by=by, window=str(window.key))
        identify.end([window.key])
        _announce(window, window.device)
    return True


def _announce(window: Window, device: Device) -> None:
    transaction.on_commit(lambda: live.announce([window.topic, f"device:{device.device_id}"]))
