from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from devices.models.delivery import Delivery
from devices.models.device import Device
from devices.models.import_job import Import
from devices.models.job import Job
from tenants.models import Role, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

UNDO_HOURS = 24


class BulkActionQuerySet(models.QuerySet["BulkAction"]):
    def manageable_by(self, user: User | AnonymousUser) -> BulkActionQuerySet:
        """Return an admin's own; to an admin of the whole organisation, everybody's in it."""
        if not isinstance(user, User) or not user.reach(Role.ADMIN):
            return self.none()
        whole = self.filter(organisation=user.organisation_id)
        return whole if user.owns_organisation else whole.filter(by=user)

    def undoable(self) -> BulkActionQuerySet:
        """Return those ended lately, by the database's clock, of a kind that has a way back, and not undone yet."""
        recent = Q(finished_at__gt=Now() - timedelta(hours=UNDO_HOURS))
        ended = Q(state__in=[BulkAction.State.DONE, BulkAction.State.CANCELLED, BulkAction.State.FAILED])
        kinds = Q(kind__in=BulkAction.REVERSIBLE, undo_of=None, undone_by=None)
        return self.filter(recent, ended, kinds, changed__gt=0)


class BulkAction(Job):
    """Record one thing done to many devices: waiting -> running -> done, or cancelled, or failed."""

    class Kind(models.TextChoices):
        MOVE = "move", "Move to a group"
        RELEASE = "release", "Release"
        TAG = "tag", "Add a tag"
        UNTAG = "untag", "Remove a tag"
        MODEL = "model", "Set the model"
        LOCK = "lock", "Lock"
        UNLOCK = "unlock", "Unlock"
        REOPEN = "reopen", "Open again for activation"
        REISSUE = "reissue", "Reissue credentials"
        REVOKE = "revoke", "Revoke credentials"
        RETIRE = "retire", "Retire"
        RESTORE = "restore", "Bring back"
        FREE = "free", "Give the serial free"
        REMOVE = "remove", "Remove"
        RECIPE = "recipe", "Bring to the recipe's last version"
        CHANGE = "change", "Change by a file"
        COMMAND = "command", "Send a command"
        TIE = "tie", "Tie to a gateway"
        UNTIE = "untie", "End ties to a gateway"
        PERSON = "person", "Give to a person"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    TASK = "devices.tasks.run_action"
    REVERSIBLE: ClassVar[tuple[str, ...]] = (
        Kind.MOVE,
        Kind.RELEASE,
        Kind.TAG,
        Kind.UNTAG,
        Kind.MODEL,
        Kind.LOCK,
        Kind.UNLOCK,
        Kind.RETIRE,
        Kind.RESTORE,
        Kind.RECIPE,
        Kind.CHANGE,
        Kind.TIE,
        Kind.UNTIE,
        Kind.PERSON,
    )
    # For admins of the whole organisation: serials and recipes are its own.
    OWNERS: ClassVar[tuple[str, ...]] = (Kind.FREE, Kind.REMOVE, Kind.RECIPE)

    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    selection = models.JSONField(default=dict)  # {"query": the list's query} or {"serials": how many}; for the record
    params = models.JSONField(default=dict)  # devices.bulk_actions.runner.Params
    changed = models.PositiveIntegerField(default=0)
    reached = models.BigIntegerField(default=0)  # the last device gone through: where a killed worker goes on
    undo_of = models.OneToOneField("self", models.SET_NULL, null=True, blank=True, related_name="undone_by")
    delivery = models.OneToOneField(Delivery, models.SET_NULL, null=True, blank=True, related_name="action")
    importing = models.OneToOneField(Import, models.SET_NULL, null=True, blank=True, related_name="action")

    objects = BulkActionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"])]

    def __str__(self) -> str:
        text = str(self.get_kind_display())
        if command := self.params.get("command"):
            text += f": {command}"
        if gateway := self.params.get("gateway"):
            text += f": {gateway}"
        if tag := self.params.get("tag"):
            text += f": {tag}: {self.params.get('value', '')}" if self.kind == self.Kind.TAG else f": {tag}"
        return f"Undo: {text}" if self.undo_of_id else text

    def get_absolute_url(self) -> str:
        return reverse("devices:action", kwargs={"key": self.key})

    @property
    def unchanged_count(self) -> int:
        """Count the devices gone through that it did not change."""
        return self.done - self.changed


class TouchedQuerySet(models.QuerySet["Touched"]):
    def of(self, action: BulkAction) -> TouchedQuerySet:
        return self.filter(action=action)


class Touched(models.Model):
    """Record a device of an action: first what was chosen, then what became of it."""

    action = models.ForeignKey(BulkAction, models.CASCADE, related_name="touched")
    device = models.ForeignKey(Device, models.CASCADE, related_name="+")
    verdict = models.CharField(
        max_length=12, blank=True
    )  # devices.bulk_actions.eligibility; empty: not gone through yet
    before = models.JSONField(default=dict)  # what undoing brings back
    after = models.JSONField(default=dict)  # by which undoing knows that nobody changed it since

    objects = TouchedQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "device"], name="touched_once")]
        indexes = [models.Index(fields=["action", "verdict"])]

    def __str__(self) -> str:
        return f"{self.action_id} {self.device_id} {self.verdict}"
