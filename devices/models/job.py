from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from tenants.models import Organisation, User


class Job(models.Model):
    """Record work on many devices that a worker does (`devices.jobs.leases`), and a page watches. Abstract."""

    TASK: ClassVar[str]  # the name of the one that works on it, given its id
    WORKING: ClassVar[frozenset[str]] = frozenset({"waiting", "running"})  # the states in which a worker is wanted

    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="+")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=10, default="waiting")
    total = models.PositiveIntegerField(default=0)  # rows
    done = models.PositiveIntegerField(default=0)  # rows gone through and committed: where a killed worker goes on
    cause = models.CharField(max_length=500, blank=True)  # why it failed, in words for people
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    worker = models.UUIDField(null=True, blank=True)  # who works on it, for as long as it is heard
    held_until = models.DateTimeField(null=True, blank=True)  # till then it is that worker's, or one may yet come to it

    class Meta:
        abstract = True

    @property
    def is_working(self) -> bool:
        """Return whether a worker is at it, or is to be."""
        return self.state in self.WORKING
