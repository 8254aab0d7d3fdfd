from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.urls import reverse

from devices.models.delivery import Delivery
from devices.models.file import File
from devices.models.job import Job
from devices.models.recipe import RecipeVersion
from tenants.models import Group, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class ImportQuerySet(models.QuerySet["Import"]):
    def manageable_by(self, user: User | AnonymousUser) -> ImportQuerySet:
        """Devices are registered into the whole organisation, so by its admins."""
        if not isinstance(user, User) or not user.owns_organisation:
            return self.none()
        return self.filter(organisation=user.organisation_id)


class Import(Job):
    """Many devices registered at once: from the rows of a CSV file, or as many as were asked for.

    uploaded -> checking -> checked -> waiting -> running -> done; cancelled or failed from any of them.
    """

    class State(models.TextChoices):
        UPLOADED = "uploaded", "Columns to be matched"
        CHECKING = "checking", "Being checked"
        CHECKED = "checked", "Checked"
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    TASK = "devices.tasks.work_on_import"
    WORKING = frozenset({State.CHECKING, State.WAITING, State.RUNNING})

    class Dialect(models.TextChoices):
        OWN = "own", "Comma-separated values"
        WEST = "west", "West Connectivity whitelist"
        LOSANT = "losant", "Losant device recipe"

    state = models.CharField(max_length=10, choices=State.choices, default=State.UPLOADED)
    version = models.ForeignKey(RecipeVersion, models.PROTECT, related_name="imports")
    group = models.ForeignKey(Group, models.SET_NULL, null=True, blank=True, related_name="imports")
    file = models.ForeignKey(
        File, models.SET_NULL, null=True, blank=True, related_name="+"
    )  # none: `total` is asked for
    encoding = models.CharField(max_length=20, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    dialect = models.CharField(max_length=8, choices=Dialect.choices, default=Dialect.OWN)
    header = models.JSONField(default=list, blank=True)  # the file's first row
    columns = models.JSONField(default=list, blank=True)  # for each column the field it fills, or ""
    name_pattern = models.CharField(max_length=120, blank=True)  # of devices without a name; {serial} and {n}
    all_or_nothing = models.BooleanField(default=True)
    made = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)  # rows with a problem
    delivery = models.OneToOneField(Delivery, models.SET_NULL, null=True, blank=True, related_name="importing")

    objects = ImportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"])]

    def __str__(self) -> str:
        return self.file.name if self.file else f"{self.total} devices"

    def get_absolute_url(self) -> str:
        return reverse("devices:import", kwargs={"key": self.key})


class Problem(models.Model):
    """Why a row can't be imported."""

    importing = models.ForeignKey(Import, models.CASCADE, related_name="problems")
    row = models.PositiveIntegerField()  # as a spreadsheet counts: the header is row 1
    column = models.CharField(max_length=120, blank=True)  # as the header names it
    cause = models.CharField(max_length=300)

    class Meta:
        ordering = ["row", "id"]
        indexes = [models.Index(fields=["importing", "row"])]

    def __str__(self) -> str:
        return f"{self.row}: {self.cause}"
