"""State: what devices report, one row per report, and the latest value of each attribute."""

from __future__ import annotations

from typing import Self, TypeVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from devices.models import Assignment, Device
from tenants.models import PushSubscription, User

SAMPLES_LENGTH = 400

M = TypeVar("M", bound=models.Model)


class TenureQuerySet(models.QuerySet[M]):
    def of(self, device: Device) -> Self:
        """Return what belongs to the device's current assignment; of a device in no group, to none."""
        return self.filter(device=device, assignment=device.assignment_id)


class ReportQuerySet(TenureQuerySet["Report"]):
    pass


class LatestQuerySet(TenureQuerySet["Latest"]):
    pass


class DropQuerySet(TenureQuerySet["Drop"]):
    pass


class Report(models.Model):
    """Record what a device reported for one millisecond. Values later reported for the same one are merged in.

    `assignment` is the one that was current when it arrived and had begun by `at`, else none:
    readers filter by it, so a new tenant never sees what came before.
    On PostgreSQL there is a table a month below it (telemetry.ingest.partitions). Instead of constraints, which cost
    more than the insert itself, whoever stores reports holds their devices (telemetry.ingest.senders), and whoever
    deletes a device locks it first, and deletes its reports with it: docs/decisions/0046.
    """

    pk = models.CompositePrimaryKey("device_id", "at")
    device = models.ForeignKey(
        Device, models.CASCADE, related_name="reports", db_constraint=False, db_index=False
    )  # the key begins with it
    at = models.DateTimeField()
    # An assignment goes with its device alone, and the reports with that one: nothing has to look for them by it.
    assignment = models.ForeignKey(
        Assignment, models.DO_NOTHING, null=True, related_name="reports", db_constraint=False, db_index=False
    )
    data = models.JSONField()
    timed = models.BooleanField(default=True)  # whether the device gave the time itself

    objects = ReportQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.device_id} {self.at}"


class Latest(models.Model):
    """Hold, of one assignment, attribute name -> [value, milliseconds since the epoch]: a hot row.

    `ahead` has, of values from ahead of our clock, attribute name -> [those milliseconds, the device's own]: a value
    with others is not meant. `newest` are the largest of `data`'s milliseconds, `names` stand for its names; each is
    null where that is not known. By them most is stored without a look at what was (telemetry.ingest.latest).
    """

    device = models.OneToOneField(Device, models.CASCADE, primary_key=True, related_name="latest")
    assignment = models.ForeignKey(Assignment, models.CASCADE, null=True, related_name="+")
    data = models.JSONField(default=dict)
    ahead = models.JSONField(null=True)
    newest = models.BigIntegerField(null=True)
    names = models.BigIntegerField(null=True)

    objects = LatestQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.device_id}"


class Drop(models.Model):
    """Record what of a device's messages was not kept for one cause: how much, when, and a sample. One row a cause.

    It belongs to the assignment that was current when it arrived; what another one dropped before is forgotten.
    """

    class Cause(models.TextChoices):
        TOO_OLD = "too-old", "Too old"
        PAST_KEPT = "past-kept", "Older than reports are kept"
        AHEAD = "ahead", "Ahead of the clock"
        BAD_TIME = "bad-time", "A time that can't be read"
        MISTYPED = "mistyped", "A value of another type"
        UNKEPT = "unkept", "A value that can't be kept"
        AS_TEXT = "as-text", "A number written as text"
        UNDECLARED = "undeclared", "An attribute that its recipe does not declare"
        BESIDE = "beside-data", "Beside “data”, where nothing but “time” is read"
        DOUBLED = "doubled", "A name that stands twice"
        MALFORMED = "malformed", "Not JSON"
        NO_DATA = "no-data", "JSON without “data”"
        OVERSIZE = "oversize", "Too large"
        BARRED = "barred", "Sent while it was locked, expired or retired"
        LIMITED = "limited", "Sent too fast"
        OVERLOAD = "overload", "More came than the site could take"
        RETAINED = "retained", "A copy that the broker kept"
        FAILED = "failed", "It could not be stored"
        ANSWER = "command-answer", "An answer to no open command"
        BEFORE = "before-handover", "Dated before the device was handed over"

    pk = models.CompositePrimaryKey("device_id", "cause")
    # Without constraints, so that the former release can still delete what these rows name.
    device = models.ForeignKey(Device, models.CASCADE, related_name="drops", db_constraint=False, db_index=False)
    cause = models.CharField(max_length=16)
    assignment = models.ForeignKey(
        Assignment, models.CASCADE, null=True, related_name="+", db_constraint=False, db_index=False
    )
    count = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    sample = models.CharField(
        max_length=SAMPLES_LENGTH, blank=True
    )  # names of attributes, or times: lines, newest first

    objects = DropQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.device_id}: {self.cause}"


class AttentionMail(models.Model):
    """Keep for one person what of `devices.models.Attention`, by primary keys, they are told in one mail."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    rows = models.JSONField()
    made_at = models.DateTimeField(db_default=Now())
    unsent = models.BooleanField(default=True, db_default=True)

    class Meta:
        indexes = [models.Index(fields=["id"], condition=Q(unsent=True), name="attention_mail_unsent")]

    def __str__(self) -> str:
        return f"{self.user_id}: {len(self.rows)}"


class AttentionPush(models.Model):
    """Keep for one browser what of `devices.models.Attention`, by primary keys, its person is told in one message."""

    subscription = models.ForeignKey(
        PushSubscription, models.CASCADE, related_name="+", db_constraint=False, db_index=True
    )
    rows = models.JSONField()
    made_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="attention_push_due")]

    def __str__(self) -> str:
        return f"{self.subscription_id}: {len(self.rows)}"


class RollUpQuerySet(models.QuerySet["RollUp"]):
    def of(self, device: Device) -> Self:
        """Return those of the device's current assignment; of a device in no group, of none."""
        return self.filter(device=device, tenure=device.assignment_id or NO_TENURE)


NO_TENURE = 0


class RollUp(models.Model):
    """Hold the sums of what a device reported in one assignment and one bucket of time, of all its attributes.

    Made of reports alone, and at any time again: `telemetry.history.roller`. Its text: `telemetry.history.rollups`.
    """

    pk = models.CompositePrimaryKey("device_id", "tenure", "seconds", "start")
    device = models.ForeignKey(Device, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    tenure = models.BigIntegerField()  # the assignment's primary key, NO_TENURE for none
    seconds = models.IntegerField()  # the length of the bucket
    start = models.BigIntegerField()  # in seconds since the epoch, a multiple of its length
    data = models.TextField()

    objects = RollUpQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.device_id} {self.start}+{self.seconds}"


class PackedDayQuerySet(models.QuerySet["PackedDay"]):
    def of(self, device: Device) -> Self:
        """Return those of the device's current assignment; of a device in no group, of none."""
        return self.filter(device=device, tenure=device.assignment_id or NO_TENURE)


class PackedDay(models.Model):
    """Hold what a device reported in one assignment and one day in UTC, together: instead of its reports.

    What comes later for such a day lies beside it as a `Report`, and counts for more, until it is packed as well: so
    who reads takes reports first, then packed days (`telemetry.history.reports`). Packed by `telemetry.history.packer`.
    """

    pk = models.CompositePrimaryKey("device_id", "tenure", "day")
    device = models.ForeignKey(Device, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    tenure = models.BigIntegerField()  # the assignment's primary key, NO_TENURE for none
    day = models.IntegerField()  # since the epoch
    reports = models.IntegerField()
    body = models.BinaryField()  # telemetry.ingest.day_format
    # What roll-ups hold of the day, and of its hours (telemetry.history.packed_sums); null where reports are so few
    # that they are summed as they are read.
    sums = models.BinaryField(null=True)
    hours = models.BinaryField(null=True)

    objects = PackedDayQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.device_id} {self.day}"


class RollUpMark(models.Model):
    """Say how far roll-ups and packed days reach: one row. Times are seconds since the epoch, of whole hours.

    What is older than `until` when it is stored is noted as a `LateReport`. Roll-ups stand for what lies between
    `since` and `rolled`, except for hours that have such a note. What lies before `packed` is packed, but for what was
    noted, and for days that are too large; nothing is before `packing_from` has come, so that a site of the release
    that knew of no packed days has ended by then.
    """

    since = models.BigIntegerField()
    rolled = models.BigIntegerField()
    until = models.BigIntegerField()
    packed = models.BigIntegerField(default=0, db_default=0)
    packing_from = models.DateTimeField(null=True)
    worker = models.UUIDField(null=True)
    held_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.since} to {self.rolled}"


class LateReport(models.Model):
    """Note that an hour of a device has to be summed anew. Only ever inserted and deleted, so that nobody waits."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="+", db_constraint=False)
    hour = models.BigIntegerField()  # its start in seconds since the epoch

    def __str__(self) -> str:
        return f"{self.device_id} {self.hour}"
