"""State: what devices report, one row per report, and the latest value of each attribute."""

from __future__ import annotations

from typing import Self, TypeVar

from django.db import models

from devices.models import Assignment, Device

M = TypeVar("M", bound=models.Model)


class TenureQuerySet(models.QuerySet[M]):
    def of(self, device: Device) -> Self:
        """What belongs to the device's current assignment; of a device in no group, to none."""
        return self.filter(device=device, assignment=device.assignment_id)


class ReportQuerySet(TenureQuerySet["Report"]):
    pass


class LatestQuerySet(TenureQuerySet["Latest"]):
    pass


class Report(models.Model):
    """What a device reported for one millisecond. Values later reported for the same one are merged in.

    `assignment` is the one that was current when it arrived and had begun by `at`, else none:
    readers filter by it, so a new tenant never sees what came before.
    """

    pk = models.CompositePrimaryKey("device_id", "at")
    device = models.ForeignKey(Device, models.CASCADE, related_name="reports")
    at = models.DateTimeField()
    assignment = models.ForeignKey(Assignment, models.CASCADE, null=True, related_name="reports", db_index=False)
    data = models.JSONField()
    timed = models.BooleanField(default=True)  # whether the device gave the time itself

    objects = ReportQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.device_id} {self.at}"


class Latest(models.Model):
    """Hot row: attribute name -> [value, milliseconds since the epoch], of one assignment."""

    device = models.OneToOneField(Device, models.CASCADE, primary_key=True, related_name="latest")
    assignment = models.ForeignKey(Assignment, models.CASCADE, null=True, related_name="+")
    data = models.JSONField(default=dict)

    objects = LatestQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.device_id}"
