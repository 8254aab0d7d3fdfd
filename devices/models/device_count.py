from __future__ import annotations

from django.db import models

from tenants.models import Group


class Tally(models.Model):
    """How many devices are in a leaf: kept by the database itself (migration 0006), whoever writes and however.

    Counting a large fleet for each page would take longer than the rest of the page. Only leaves have a row, so that
    two technicians wait for each other in one leaf alone, not at the organisation's root.
    """

    group = models.OneToOneField(Group, models.CASCADE, primary_key=True, related_name="tally")
    devices = models.IntegerField(default=0)

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.group_id}: {self.devices}"
