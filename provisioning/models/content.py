"""Content: files that an admin leaves at a door, for the devices that came by it."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from provisioning.models.door import Door
from tenants.models import User


class DoorContentQuerySet(models.QuerySet["DoorContent"]):
    def of(self, door: Door) -> DoorContentQuerySet:
        """Return a door's, without their bytes."""
        return self.filter(door=door).defer("data")


class DoorContent(models.Model):
    """Hold one file, whole: what devices of this dialect download is small, and has to be there with the database."""

    door = models.ForeignKey(Door, models.CASCADE, related_name="content")
    name = models.CharField(max_length=120)  # its id, as devices say it
    content_type = models.CharField(max_length=80)
    meta = models.CharField(max_length=200, blank=True, default="")
    size = models.PositiveIntegerField()  # bytes
    data = models.BinaryField()
    updated_at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = DoorContentQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["door", "name"], name="door_content_once")]

    def __str__(self) -> str:
        return self.name
