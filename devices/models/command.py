"""Commands to devices, and who subscribed to them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from devices.models.device import Assignment, Device
from tenants.models import User

if TYPE_CHECKING:
    from datetime import datetime

SETTLES = timedelta(milliseconds=500)
"""After a broker asked whether a device may subscribe, until it surely has: that is asked before."""


class CommandQuerySet(models.QuerySet["Command"]):
    def of(self, device: Device) -> CommandQuerySet:
        """Return those of the device's current assignment; not what a technician's window sent."""
        return self.filter(device=device, assignment=device.assignment_id, window="")

    def with_state(self) -> CommandQuerySet:
        """Add `stage` (`Command.State`) by the database's clock: what is over is, before anybody wrote it down."""
        over = Case(When(Command.is_over(), then=Value(Command.State.EXPIRED.value)), default=F("state"))
        annotations: dict[str, Any] = {"stage": over}
        return self.annotate(**annotations)

    def open(self) -> CommandQuerySet:
        """Return those that a device may still be told, and may answer."""
        return self.filter(Command.is_here(), ended_at=None, expires_at__gt=Now())

    def due(self) -> CommandQuerySet:
        """Return those that are to be sent now, to devices that hear them: the first time, and once more to one that
        answers commands and subscribed anew since."""
        settled = Q(device__listening__subscribed_at__lte=Now() - SETTLES)
        missed = Q(answers=True, device__listening__subscribed_at__gt=F("sent_at")) & settled
        free = Q(held_until=None) | Q(held_until__lte=Now())
        may = Device.may_connect("device__") & ~Q(device__connection__limited_until__gt=Now())
        return (
            self.open()
            .filter(free, may, Q(state=Command.State.QUEUED) | missed & Q(state=Command.State.SENT))
            .filter(Command.is_heard(settled))
            .order_by("pk")
        )


class Command(models.Model):
    """Record a command to a device, in the assignment that it was sent in: docs/decisions/0041.

    It is open while `ended_at` is null, `expires_at` is ahead of the database's clock, and the device is still in that
    assignment. `worker` publishes it until `held_until`.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waits for the device"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "The device has it"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused by the device"
        EXPIRED = "expired", "Expired"

    if TYPE_CHECKING:  # annotated by `with_state`
        stage: str

    key = models.UUIDField(unique=True, default=uuid4, editable=False)
    device = models.ForeignKey(Device, models.CASCADE, related_name="commands", db_constraint=False, db_index=False)
    assignment = models.ForeignKey(
        Assignment, models.CASCADE, null=True, related_name="+", db_constraint=False, db_index=False
    )
    # Of the technician's window that sent it: nothing that the device's group is told.
    window = models.CharField(max_length=36, blank=True, default="")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_constraint=False, db_index=False)
    name = models.CharField(max_length=64)
    label = models.CharField(max_length=120)
    role = models.PositiveSmallIntegerField()  # the least that may send it, asked again when it is sent
    answers = models.BooleanField(default=True)
    payload = models.JSONField(null=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)  # when a broker had it last
    ended_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=200, blank=True, default="")  # of its end, the device's or ours
    result = models.JSONField(null=True)  # what the device answered beside
    worker = models.UUIDField(null=True)
    held_until = models.DateTimeField(null=True)

    objects = CommandQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["device", "assignment", "-id"], name="command_of_device"),
            models.Index(fields=["device", "-changed_at"], name="command_changed"),
            models.Index(fields=["expires_at"], name="command_open", condition=Q(ended_at=None)),
            models.Index(fields=["ended_at"], name="command_ended", condition=Q(ended_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.name} to {self.device_id}"

    @staticmethod
    def is_here() -> Q:
        """Match what was sent in the assignment that its device is still in."""
        return Q(assignment=F("device__assignment")) | Q(assignment=None, device__assignment=None)

    @staticmethod
    def is_over() -> Q:
        """Match what ended by its time, or since its device left, and nobody wrote it down yet."""
        left = Q(assignment__isnull=False) & (Q(device__assignment=None) | ~Q(assignment=F("device__assignment")))
        entered = Q(assignment=None, device__assignment__isnull=False)
        return Q(ended_at=None) & (Q(expires_at__lte=Now()) | left | entered)

    @staticmethod
    def is_heard(settled: Q) -> Q:
        """Match those whose device hears now: it spoke of late, or just subscribed, and was not seen to leave since."""
        online = Device.is_online("device__")
        gone = Q(device__connection__disconnected_at__gte=F("device__listening__subscribed_at"))
        fresh = Q(device__listening__subscribed_at__gt=Now() - Device.online_for())
        never_left = Q(device__connection=None) | Q(device__connection__disconnected_at=None) | ~gone
        return online | settled & fresh & never_left


class Listening(models.Model):
    """Record when a device was last let to subscribe to its commands: a hot row."""

    device = models.OneToOneField(
        Device, models.CASCADE, primary_key=True, related_name="listening", db_constraint=False
    )
    subscribed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.device_id}: {self.subscribed_at}"


def read_moment(at: datetime) -> str:
    """Return it as devices read it: in UTC, always with three digits of a second, since real clients read no other."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


State = Command.State
