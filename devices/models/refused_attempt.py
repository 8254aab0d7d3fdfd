from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Max, OuterRef, Q, Subquery
from django.db.models.functions import Now

from devices.models.device import Assignment, Device
from lib.refusals import KeptRefusal

if TYPE_CHECKING:
    from devices.models.device import DeviceQuerySet


def compute_mark(last: datetime | str | None) -> int:
    """Return `RefusedAttemptQuerySet.mark_last` of the last one's time; SQLite gives that as text, in UTC."""
    if isinstance(last, str):
        last = datetime.fromisoformat(last).replace(tzinfo=UTC)
    return int(last.timestamp()) // 10 if last else 0


def select_last_attempt() -> Subquery:
    """Return, for a query of devices, when each was refused last; None where it never was."""
    own = RefusedAttempt.objects.filter(device=OuterRef("pk")).order_by("-last_at")
    return Subquery(own.values("last_at")[:1])


def with_last_attempt(devices: DeviceQuerySet) -> DeviceQuerySet:
    """Add `attempted_at`: when each was refused last, None where it never was."""
    annotations: dict[str, Any] = {"attempted_at": select_last_attempt()}
    return devices.annotate(**annotations)


class RefusedAttemptQuerySet(models.QuerySet["RefusedAttempt"]):
    def of(self, device: Device) -> RefusedAttemptQuerySet:
        """Return the device's, the last one first, of its current assignment: what was refused under its former
        tenant is not the next one's to know."""
        current = Q(assignment=device.assignment_id) if device.assignment_id else Q(assignment=None)
        return self.filter(current, device=device).order_by("-last_at", "-pk")

    def since(self, moment: datetime) -> RefusedAttemptQuerySet:
        return self.filter(last_at__gte=moment)

    def mark_last(self) -> int:
        """Return a number that changes, every ten seconds at most, while more of them come."""
        return compute_mark(self.aggregate(last=Max("last_at"))["last"])

    def unresolved(self) -> RefusedAttemptQuerySet:
        """Return those after which the device was not heard any more."""
        return self.filter(Q(device__connection=None) | Q(last_at__gt=F("device__connection__last_seen_at")))


class RefusedAttempt(KeptRefusal, models.Model):
    """Count how often a door refused a known device for one reason: a row each, however often that was.

    `reason` is a code of the one catalogue (lib.refusals), `door` where the device came to last, and `facts` go into
    the reason's words. Never what the device sent: it may be a secret, of this site or of another one.
    """

    device = models.ForeignKey(
        Device, models.CASCADE, related_name="refused_attempts", db_index=False, db_constraint=False
    )
    # In which it was counted: with another one, counting begins anew.
    assignment = models.ForeignKey(
        Assignment, models.CASCADE, null=True, blank=True, related_name="+", db_index=False, db_constraint=False
    )
    door = models.CharField(max_length=20)
    reason = models.CharField(max_length=60)
    facts = models.JSONField(default=dict)
    count = models.BigIntegerField(db_default=1)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    objects = RefusedAttemptQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "reason"], name="refused_attempt_once")]

    def __str__(self) -> str:
        return f"{self.device_id}: {self.reason}"
