from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from tenants.models import Organisation


class File(models.Model):
    """Hold bytes that the web hands to a worker or a worker to the web: in the database, which both can reach."""

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="files")
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=80)
    size = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Part(models.Model):
    file = models.ForeignKey(File, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="file_part_once")]

    def __str__(self) -> str:
        return f"{self.file_id} {self.number}"
