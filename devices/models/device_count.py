from __future__ import annotations

from django.db import models

from tenants.models import Group


class GroupDeviceCount(models.Model):
    """Hold a part of a leaf's number of devices, less the retired, which is the sum of its rows: kept by the database
    itself (migrations 0007 and 0009), whoever writes and however.

    Counting a large fleet for each page would take longer than the rest of the page. A transaction adds up those rows
    that nobody else is just writing, and puts one in their place, so that a technician never waits for an import into
    the same leaf. A row may be negative; those that come to nothing are not kept.
    """

    group = models.ForeignKey(Group, models.CASCADE, related_name="device_count")
    devices = models.IntegerField()

    class Meta:
        verbose_name_plural = "group device counts"

    def __str__(self) -> str:
        return f"{self.group_id}: {self.devices}"
