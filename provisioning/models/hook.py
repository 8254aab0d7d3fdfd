"""Hooks: the back ends that an organisation has told where a device is, in order, and what each of them answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.urls import reverse

from devices.models import Device
from tenants.models import Organisation, User

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser


class HookQuerySet(models.QuerySet["Hook"]):
    def manageable_by(self, user: User | AnonymousUser) -> HookQuerySet:
        """Return the organisation's, to its admins: they hear of devices of all its groups."""
        if not isinstance(user, User) or not user.owns_organisation:
            return self.none()
        return self.filter(organisation=user.organisation_id)

    def working(self) -> HookQuerySet:
        """Return those that nobody ended, in the order in which they are called."""
        return self.filter(ended_at=None).order_by("position", "pk")


class Hook(models.Model):
    """Name a back end that is told of what `tells` says. Its secret signs what it is sent.

    Of the working ones of an organisation, the lowest `position` is called first, of two equal ones the older.
    """

    class Tells(models.TextChoices):
        PLACEMENTS = "placements", "Devices that are placed or released"
        ATTENTION = "attention", "What needs attention"
        EVERYTHING = "everything", "Both"

    key = models.UUIDField(unique=True, default=uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="hooks")
    name = models.CharField(max_length=120)
    url = models.CharField(max_length=500)
    position = models.PositiveSmallIntegerField(default=1)
    tells = models.CharField(
        max_length=10, choices=Tells.choices, default=Tells.PLACEMENTS, db_default=Tells.PLACEMENTS.value
    )
    sealed = models.BinaryField(editable=False)  # by lib.key_wrapping, since messages are signed with it
    # That it had before, which signs beside it for a while.
    former_sealed = models.BinaryField(null=True, blank=True, editable=False)
    former_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = HookQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], condition=Q(ended_at=None), name="hook_name_once")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("provisioning:hook", kwargs={"key": self.key})


class HookFeed(models.Model):
    """Hold until when an organisation's events were gone through for its hooks."""

    organisation = models.OneToOneField(Organisation, models.CASCADE, primary_key=True, related_name="+")
    read_until = models.DateTimeField(db_default=Now())
    # How far those are gone through again that may have come into sight late; none: from the beginning.
    swept_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.organisation_id} until {self.read_until}"


class HookSender(models.Model):
    """Hold which process sends: one at a time, for as long as it is heard from. There is one row."""

    worker = models.UUIDField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.worker)


def is_free() -> Q:
    """Match what no process has in hand, by the database's clock."""
    return Q(held_until=None) | Q(held_until__lte=Now())


class HookRunQuerySet(models.QuerySet["HookRun"]):
    def manageable_by(self, user: User | AnonymousUser) -> HookRunQuerySet:
        if not isinstance(user, User) or not user.owns_organisation:
            return self.none()
        return self.filter(organisation=user.organisation_id)

    def due(self) -> HookRunQuerySet:
        """Return those whose next call is to be made now; of one device the earlier comes first."""
        earlier = HookRun.objects.filter(device=OuterRef("device"), pk__lt=OuterRef("pk"), state__in=HookRun.OPEN)
        return self.filter(is_free(), ~Exists(earlier), state=HookRun.State.WAITING, overtaken=False, due_at__lte=Now())


class HookRun(models.Model):
    """Tell one event, of a device or of several, to all hooks of that time that are told of such, one after the other.

    `payload` is what each is sent, the same however often. `worker` has it until `held_until`.
    """

    class Kind(models.TextChoices):
        PLACED = "device.placed", "Placed"
        RELEASED = "device.released", "Released"
        ATTENTION = "attention.begun", "Needs attention"

    class State(models.TextChoices):
        WAITING = "waiting", "Under way"
        FAILED = "failed", "Failed: waits for you"
        DONE = "done", "Done"
        OVERTAKEN = "overtaken", "Overtaken by what came after"

    OPEN = (State.WAITING, State.FAILED)

    key = models.UUIDField(unique=True, default=uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="hook_runs", db_index=False)
    # None where it is about several: such a run waits for no other, and none overtakes it.
    device = models.ForeignKey(
        Device, models.CASCADE, null=True, related_name="hook_runs", db_constraint=False, db_index=False
    )
    event = models.BigIntegerField(unique=True)  # its key
    kind = models.CharField(max_length=16, choices=Kind.choices)
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    overtaken = models.BooleanField(default=False, db_default=False)  # it ends with the call that is being made
    due_at = models.DateTimeField(db_default=Now())
    worker = models.UUIDField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = HookRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organisation", "-id"], name="hook_run_listed"),
            models.Index(fields=["organisation", "state", "-id"], name="hook_run_in_state"),
            models.Index(fields=["device", "id"], name="hook_run_of_device"),
            models.Index(fields=["organisation", "due_at", "id"], name="hook_run_due", condition=Q(state="waiting")),
            models.Index(fields=["finished_at"], name="hook_run_finished", condition=Q(finished_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.device_id or ''}".strip()

    def get_absolute_url(self) -> str:
        return reverse("provisioning:hook-run", kwargs={"key": self.key})

    @property
    def serial(self) -> str:
        """Return the device's; empty where it is about several."""
        return self.device.serial if self.device else ""


class HookCallQuerySet(models.QuerySet["HookCall"]):
    def of(self, run: HookRun) -> HookCallQuerySet:
        """Return the run's calls, in their order."""
        return self.filter(run=run).select_related("hook").order_by("position")

    def waiting(self) -> HookCallQuerySet:
        """Return those that are to be made, with `now` by the database's clock."""
        clock: dict[str, Any] = {"now": Now()}
        return self.filter(state=HookCall.State.WAITING).annotate(**clock)


class HookCall(models.Model):
    """Record what became of one hook's part in a run: the last result counts."""

    if TYPE_CHECKING:  # annotated by `waiting`
        now: datetime

    class State(models.TextChoices):
        WAITING = "waiting", "Not yet"
        FAILED = "failed", "Failed"
        DONE = "done", "Done"
        SKIPPED = "skipped", "Skipped"

    run = models.ForeignKey(HookRun, models.CASCADE, related_name="calls", db_index=False)
    hook = models.ForeignKey(Hook, models.PROTECT, related_name="calls", db_index=False)
    position = models.PositiveSmallIntegerField()
    key = models.UUIDField(unique=True, default=uuid4, editable=False)  # the message's id, the same however often
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    attempted_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=16, blank=True, default="")  # of provisioning.hooks.results
    status = models.PositiveSmallIntegerField(null=True, blank=True)  # that it answered
    milliseconds = models.PositiveIntegerField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = HookCallQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="hook_call_once")]
        indexes = [models.Index(fields=["hook"], name="hook_call_open", condition=Q(state__in=["waiting", "failed"]))]

    def __str__(self) -> str:
        return f"{self.hook_id} of {self.run_id}"

    @property
    def message_id(self) -> str:
        return f"msg_{self.key.hex}"
