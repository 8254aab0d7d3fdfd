from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.urls import reverse

from devices.models.file import File
from devices.models.job import Job
from tenants.models import User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class LabelPrintJobQuerySet(models.QuerySet["LabelPrintJob"]):
    def of(self, user: User | AnonymousUser) -> LabelPrintJobQuerySet:
        """Return what the user has asked for."""
        own = self.defer("devices")
        return own.filter(by=user) if isinstance(user, User) and user.is_active else own.none()


class LabelPrintJob(Job):
    """Record labels of many devices as PDF, made by a worker: waiting -> running -> done, failed or cancelled."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Being made"
        DONE = "done", "Ready"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    TASK = "devices.tasks.make_sheet"

    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    given = models.JSONField(default=dict)  # which labels and how, as the form had it
    words = models.CharField(max_length=300)  # the same for people
    origin = models.CharField(max_length=200)  # of the site that the labels name
    file = models.ForeignKey(File, models.SET_NULL, null=True, blank=True, related_name="+")
    devices = models.JSONField(null=True, blank=True)  # their primary keys: whoever takes the file still manages them
    notes = models.JSONField(null=True, blank=True)  # what is to be known of them, such as letters that no font has

    objects = LabelPrintJobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["by", "-id"])]

    def __str__(self) -> str:
        return f"{self.total} labels"

    def get_absolute_url(self) -> str:
        return reverse("devices:sheet", kwargs={"key": self.key})
