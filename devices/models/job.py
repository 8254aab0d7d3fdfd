from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

from tenants.models import Organisation, User


class Job(models.Model):
    """Work on many devices that a worker does, and a page watches. Abstract."""

    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="+")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    total = models.PositiveIntegerField(default=0)  # rows
    done = models.PositiveIntegerField(default=0)  # rows gone through and committed: where a killed worker goes on
    cause = models.CharField(max_length=500, blank=True)  # why it failed, in words for people
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
