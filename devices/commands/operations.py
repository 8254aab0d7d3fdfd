"""Sending commands, and their end: docs/decisions/0041. Devices' answers: `answers`; who publishes them: `sender`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Least, Now

from devices import batches, events, refusals
from devices.commands.ends import build_end
from devices.events import Fact
from devices.models import Command, Device, Event
from devices.models.command import State
from devices.recipes import command_lines
from devices.recipes.command_lines import Declared
from lib import live
from lib.db import bulk_sql
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from tenants.models import User

MOST_OPEN = 20
"""Commands that wait for one device."""
IDENTIFY_SECONDS = 20
CHUNK = 500


def list_offered(device: Device, user: User) -> list[Declared]:
    """Return the commands that the user may send to the device, which they see; its version and group are loaded."""
    return [each for each in command_lines.read_declared(device.version) if _may(user, device, each)]


def find_offered(device: Device, user: User, name: str) -> Declared:
    """Return the command, if the user may send it. Raises Refusal: one that is not declared and one that is not theirs
    look the same."""
    found = next((each for each in list_offered(device, user) if each.name == name), None)
    if found is None:
        raise Refusal(refusals.COMMAND_UNKNOWN, field="name", name=name[:64])
    return found


def _may(user: User, device: Device, declared: Declared) -> bool:
    if user.organisation_id != device.organisation_id:
        return False
    return user.owns_organisation or (device.group is not None and user.may(declared.least, device.group.path))


def send(*, device: Device, name: str, payload: object, by: User, seconds: int = 0) -> Command:
    """Have a command wait for the device for so many seconds, 0: as its recipe says. Raises Refusal."""
    declared = find_offered(device, by, name)
    if problem := command_lines.find_problem(declared, payload):
        field, cause = problem
        raise Refusal(refusals.COMMAND_PAYLOAD, field=f"payload/{field}" if field else "payload", cause=cause)
    with transaction.atomic():
        sent = send_many([device], declared=declared, payload=payload, by=by, seconds=seconds)
        if not sent:
            _refuse(device)
    return sent[0]


def _refuse(device: Device) -> None:
    """Say why the device was sent nothing."""
    now = Device.objects.with_admitted().filter(pk=device.pk).first()
    if now is None or now.assignment_id != device.assignment_id:
        raise Refusal(refusals.DEVICE_MOVED)
    if not now.admitted:
        raise Refusal(refusals.COMMAND_BARRED)
    raise Refusal(refusals.COMMANDS_TOO_MANY, most=MOST_OPEN)


def send_many(
    devices: Collection[Device],
    *,
    declared: Declared,
    payload: object,
    by: User | None,
    seconds: int = 0,
    **facts: object,
) -> list[Command]:
    """Send the same to each, which `by` may; return the commands of those that may connect, are in the assignment that
    they were read with, and have few enough that wait. The facts go into their events.

    Raises Refusal where one of them is retired.
    """
    with transaction.atomic():
        held = batches.hold_as_read(devices)
        keys = [device.pk for device in held]
        fit = set(Device.objects.filter(Device.may_connect(), pk__among=keys).values_list("pk", flat=True))
        waiting = Command.objects.open().filter(device__among=keys).order_by().values("device")
        full = set(waiting.annotate(n=Count("pk")).filter(n__gte=MOST_OPEN).values_list("device", flat=True))
        chosen = [device for device in held if device.pk in fit - full]
        until = Now() + timedelta(seconds=seconds or declared.seconds)
        made = Command.objects.bulk_create(
            [_build(device, declared, payload, by, expires_at=until) for device in chosen], batch_size=CHUNK
        )
        told = [_tell_sent(device, command, facts) for device, command in zip(chosen, made, strict=True)]
        events.record_each(told, by=by)
        batches.announce(chosen)
    return made


def _build(device: Device, declared: Declared, payload: object, by: User | None, **fields: Any) -> Command:
    return Command(
        device=device,
        assignment_id=device.assignment_id,
        by=by,
        name=declared.name,
        label=declared.label or declared.name,
        role=declared.least,
        answers=declared.answers,
        payload=payload,
        **fields,
    )


def _tell_sent(device: Device, command: Command, facts: dict[str, object]) -> Fact:
    data = {"command": str(command.key), "name": command.name, **facts}
    return Fact.about(device, Event.Kind.COMMAND_SENT, data)


def identify(*, device: Device, by: User, window: str, until: datetime) -> Command | None:
    """Have the device of an open window show which one it is, if its recipe knows how, for a few seconds and no longer
    than the window lasts; None if it does not, or was asked already. No tenant is told of it."""
    declared = command_lines.find_declared(device.version, command_lines.IDENTIFY)
    if declared is None:
        return None
    ends = Least(Now() + timedelta(seconds=IDENTIFY_SECONDS), until)
    with transaction.atomic():
        batches.hold([device.pk])  # of two who ask at once, one asks the device
        if Command.objects.open().filter(device=device, window=window, state=State.QUEUED).exists():
            return None
        payload = {"seconds": IDENTIFY_SECONDS} if "seconds" in declared.properties else None
        command = _build(device, declared, payload, by, window=window, expires_at=ends)
        command.save()
        events.record(Event.Kind.IDENTIFIED, device=device, by=by, window=window)
    return command


def end_windows(windows: Collection[str]) -> None:
    """End what these windows sent: nothing is told to their devices any more."""
    Command.objects.filter(window__in=windows, ended_at=None).update(
        state=State.EXPIRED, ended_at=Now(), changed_at=Now()
    )


def expire(limit: int = CHUNK) -> int:
    """Write down of commands that are over that they are; return how many that were. Again it changes nothing."""
    over = Command.objects.filter(Command.is_over()).order_by("expires_at")
    keys = list(over.values_list("pk", flat=True)[:limit])
    with transaction.atomic():
        ended = bulk_sql.update(
            Command.objects.filter(pk__in=keys, ended_at=None),
            state=State.EXPIRED,
            ended_at=Now(),
            changed_at=Now(),
            worker=None,
            held_until=None,
        )
        record_ends(Command.objects.filter(pk__in=ended).select_related("device"))
    return len(ended)


def record_ends(commands: Iterable[Command]) -> None:
    """Record their ends, in the assignments that they were sent in, and wake whoever looks; within a transaction."""
    told = [command for command in commands if not command.window]
    events.record_each(build_end(command) for command in told)
    topics = {f"device:{command.device.device_id}" for command in told}
    transaction.on_commit(lambda: live.announce(topics))


def clear_old() -> int:
    """Delete what ended long ago; its events stay. Return how many."""
    kept = Q(ended_at__lt=Now() - timedelta(days=settings.COMMAND_KEEP_DAYS))
    cleared = 0
    while keys := list(Command.objects.filter(kept).order_by("ended_at").values_list("pk", flat=True)[:CHUNK]):
        cleared += Command.objects.filter(pk__in=keys).delete()[0]
    return cleared
