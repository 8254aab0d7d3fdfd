from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.urls import reverse

from devices.models.delivery import Delivery
from devices.models.device import Device
from devices.models.file import File
from devices.models.job import Job
from devices.models.recipe import RecipeVersion
from tenants.models import Group, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class ImportQuerySet(models.QuerySet["Import"]):
    def manageable_by(self, user: User | AnonymousUser) -> ImportQuerySet:
        """Return the organisation's, to its admins: devices are added to the whole of it."""
        if not isinstance(user, User) or not user.owns_organisation:
            return self.none()
        return self.filter(organisation=user.organisation_id)


class Import(Job):
    """Record many devices added at once: from the rows of a file, or as many as were asked for.

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

    class Act(models.TextChoices):
        ADD = "add", "Add devices"
        CHANGE = "change", "Change devices that are there"

    state = models.CharField(max_length=10, choices=State.choices, default=State.UPLOADED)
    act = models.CharField(max_length=6, choices=Act.choices, default=Act.ADD, db_default=Act.ADD)
    version = models.ForeignKey(RecipeVersion, models.PROTECT, related_name="imports")
    group = models.ForeignKey(Group, models.SET_NULL, null=True, blank=True, related_name="imports")
    file = models.ForeignKey(
        File, models.SET_NULL, null=True, blank=True, related_name="+"
    )  # none: `total` is asked for
    encoding = models.CharField(max_length=20, blank=True)
    # Where it is not sure: the encodings that it may be, with what each makes of the letters. The match has to say it.
    encoding_guesses = models.JSONField(null=True, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    sheet = models.CharField(max_length=100, blank=True, db_default="")  # of a workbook, which has neither of the two
    sheets = models.JSONField(null=True, blank=True)  # those that there are: {"name", "rows"}; of before, names
    dialect = models.CharField(max_length=8, choices=Dialect.choices, default=Dialect.OWN)
    header = models.JSONField(default=list, blank=True)  # the names of the file's columns
    header_row = models.PositiveIntegerField(default=1, db_default=1)  # that holds them; 0: none, the first is data
    columns = models.JSONField(default=list, blank=True)  # for each column the field it fills, or ""
    name_pattern = models.CharField(max_length=120, blank=True)  # of devices without a name; {serial} and {n}
    all_or_nothing = models.BooleanField(default=True)
    make_serials = models.BooleanField(default=False, db_default=False)  # for rows of the file that have none
    serials_to_make = models.PositiveIntegerField(default=0, db_default=0)  # as the check found
    made = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0, db_default=0)  # of those made, since
    refused = models.PositiveIntegerField(default=0)  # rows with a problem
    problem_groups = models.JSONField(null=True, blank=True)  # why, by cause, as the check found
    odd_serials = models.JSONField(null=True, blank=True)  # that fit, and look like no others, as the check found
    outlook = models.JSONField(null=True, blank=True)  # what else the check found: devices.imports.outlook
    double_columns = models.JSONField(null=True, blank=True)  # left out, though another says the same: rows that differ
    first_problems = models.JSONField(null=True, blank=True)  # [row, cells] of those that can be corrected on the page
    corrections = models.JSONField(null=True, blank=True)  # devices.imports.corrections
    changing = models.PositiveIntegerField(default=0, db_default=0)  # devices that would be changed, as the check found
    changed_fields = models.JSONField(null=True, blank=True)  # field -> how many of them
    delivery = models.OneToOneField(Delivery, models.SET_NULL, null=True, blank=True, related_name="importing")

    objects = ImportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"])]

    def __str__(self) -> str:
        return self.file.name if self.file else f"{self.total} devices"

    @property
    def sheet_names(self) -> list[str]:
        return [each["name"] if isinstance(each, dict) else each for each in self.sheets or []]

    def get_absolute_url(self) -> str:
        return reverse("devices:import", kwargs={"key": self.key})


class Change(models.Model):
    """Record what an import would change of a device: what the check found, and starting it does."""

    importing = models.ForeignKey(Import, models.CASCADE, related_name="changes")
    row = models.PositiveIntegerField()  # as a spreadsheet counts
    device = models.ForeignKey(Device, models.CASCADE, related_name="+")
    before = models.JSONField(default=dict)  # field -> value; models and groups by their keys
    after = models.JSONField(default=dict)

    class Meta:
        ordering = ["row"]
        constraints = [models.UniqueConstraint(fields=["importing", "row"], name="change_once_a_row")]

    def __str__(self) -> str:
        return f"{self.row}: {', '.join(self.after)}"


class Problem(models.Model):
    """Record why a row can't be imported."""

    importing = models.ForeignKey(Import, models.CASCADE, related_name="problems")
    row = models.PositiveIntegerField()  # as a spreadsheet counts: the header is row 1
    column = models.CharField(max_length=120, blank=True)  # as the header names it
    cause = models.CharField(max_length=300)

    class Meta:
        ordering = ["row", "id"]
        indexes = [models.Index(fields=["importing", "row"])]

    def __str__(self) -> str:
        return f"{self.row}: {self.cause}"
