"""Taking commands that are due, and writing what became of it: conditional UPDATEs on the database's clock.

A command counts as attempted before it is published. Whoever is killed meanwhile leaves a lease that runs out, and then
it is published again under the same id: at least once.
"""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from django.db.models import Case, F, Value, When
from django.db.models.functions import Now

from devices.commands.operations import record_ends
from devices.models import Command, Device
from devices.models.command import State, read_moment
from devices.mqtt import topics
from tenants.models import Role, User

if TYPE_CHECKING:
    from uuid import UUID

LEASE = timedelta(seconds=10)
AT_ONCE = 50
NO_LEAVE = "whoever sent it may no longer"


class Job(NamedTuple):
    command: Command
    token: UUID

    @property
    def messages(self) -> list[tuple[str, bytes]]:
        """Return topic and payload, under each name of the device's topic: it subscribes to one of them."""
        body = build_body(self.command)
        device_id = self.command.device.device_id
        return [(topics.build_topic(device_id, "command", root), body) for root in topics.ROOTS]


def build_body(command: Command) -> bytes:
    created, expires = (read_moment(at.astimezone(UTC)) for at in (command.created_at, command.expires_at))
    body = {"id": str(command.key), "name": command.name, "payload": command.payload}
    return json.dumps(body | {"time": {"$date": created}, "expires": {"$date": expires}}).encode()


def claim_due() -> list[Job]:
    """Take what is due, the oldest first; end what nobody may send any more."""
    found = Command.objects.due().select_related("device__organisation", "by")[:AT_ONCE]
    return [job for command in found if (job := _claim(command))]


def _claim(command: Command) -> Job | None:
    if not _may_send(command):
        _end_without_leave(command)
        return None
    token = uuid4()
    due = Command.objects.due().order_by().filter(pk=command.pk)
    taken = Command.objects.filter(pk__in=due.values("pk"), attempts=command.attempts)
    if taken.update(worker=token, held_until=Now() + LEASE, attempts=F("attempts") + 1) != 1:
        return None
    return Job(command, token)


def _may_send(command: Command) -> bool:
    """Ask once more, when it is sent, whether its sender may: they may have lost their role since."""
    if command.by_id is None:
        return False
    by = User.objects.filter(pk=command.by_id, is_active=True).first()
    if by is None:
        return False
    own, role = Device.objects, Role(command.role)
    scope = own.registrable_by(by) if command.window else own.visible_to(by, role)
    return bool(scope.filter(pk=command.device_id).exists())


def _end_without_leave(command: Command) -> None:
    ended = {"state": State.EXPIRED, "reason": NO_LEAVE, "ended_at": Now(), "changed_at": Now()}
    if Command.objects.filter(pk=command.pk, ended_at=None).update(**ended) == 1:
        record_ends(Command.objects.filter(pk=command.pk).select_related("device"))


def record_sent(job: Job) -> bool:
    """Write down that the broker has it; one that nobody answers is over then. Return whether it was still ours."""
    mine = Command.objects.filter(pk=job.command.pk, worker=job.token, ended_at=None)
    state = Case(When(state=State.QUEUED, then=Value(State.SENT.value)), default=F("state"))
    over = None if job.command.answers else Now()
    kept = {"state": state, "sent_at": Now(), "changed_at": Now(), "ended_at": over, "worker": None}
    if mine.update(**kept, held_until=None) != 1:
        return False
    sent = Command.objects.filter(pk=job.command.pk).select_related("device")
    if over is not None:
        record_ends(sent)
    return True


def give_back(job: Job) -> None:
    """Let go of what no broker took: it is due again."""
    Command.objects.filter(pk=job.command.pk, worker=job.token).update(worker=None, held_until=None)
