"""What of a device its tenant has to look at: silent, out of the recipe's range, or a fault that it reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce, Now

from devices.models.device import Assignment, Device
from tenants.models import Organisation, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from devices.models.device import DeviceQuerySet


def select_mark() -> Coalesce:
    """Return, for a query of devices, a number that is another one as soon as something else of each needs attention
    or was acknowledged; 0 where nothing does."""
    now = Attention.objects.current().filter(device=OuterRef("pk")).order_by().values("device")
    seen = Case(When(acknowledged_at__isnull=False, then=1), default=0)
    each = F("pk") * 100_000 + F("times") * 2 + seen
    return Coalesce(Subquery(now.annotate(mark=Sum(each)).values("mark")), 0)


def with_attention(devices: DeviceQuerySet) -> DeviceQuerySet:
    """Add `attention_mark`: 0 where nothing needs attention."""
    annotations: dict[str, Any] = {"attention_mark": select_mark()}
    return devices.annotate(**annotations)


def narrow_needing(devices: DeviceQuerySet, organisation: int | None) -> DeviceQuerySet:
    """Return those of the organisation's devices that need attention."""
    needing = Attention.objects.current().filter(organisation=organisation)
    return devices.filter(pk__in=needing.values("device"))


def split_by_need(devices: DeviceQuerySet, organisation: int | None) -> tuple[DeviceQuerySet, DeviceQuerySet]:
    """Return those of the organisation's devices that need attention, and the others."""
    own = Attention.objects.current().filter(device=OuterRef("pk"))
    return narrow_needing(devices, organisation), devices.exclude(Exists(own))


class AttentionQuerySet(models.QuerySet["Attention"]):
    def in_use(self) -> AttentionQuerySet:
        """Return what is of devices that are in use, in their assignment of now: never of another one."""
        return self.filter(assignment=F("device__assignment"), device__retired_at=None, device__locked_at=None)

    def current(self) -> AttentionQuerySet:
        """Return what of it is so now."""
        return self.in_use().filter(ended_at=None)

    def visible_to(self, user: User | AnonymousUser) -> AttentionQuerySet:
        return self.current().filter(device__in=Device.objects.visible_to(user))

    def of(self, device: Device) -> AttentionQuerySet:
        """Return what is, or was, so in the device's current assignment, the first that began first."""
        own = self.filter(device=device, assignment=device.assignment_id, assignment__isnull=False)
        return own.select_related("by").order_by("since", "pk")


class Attention(models.Model):
    """Record one thing to look at, of one assignment: a row a cause and attribute, which is so until it has `ended_at`.

    What begins again within `devices.attention.operations.CALM` comes and goes: `times` counts how often it began
    since it was calm last, `told` how often people were told of it.
    """

    class Cause(models.TextChoices):
        FAULT = "fault", "Reports a fault"
        RANGE = "range", "Out of range"
        SILENT = "silent", "Silent"

    # Without constraints, so that the former release can still delete what these rows name.
    organisation = models.ForeignKey(
        Organisation, models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    device = models.ForeignKey(Device, models.CASCADE, related_name="attention", db_constraint=False, db_index=False)
    assignment = models.ForeignKey(
        Assignment, models.CASCADE, related_name="attention", db_constraint=False, db_index=False
    )
    cause = models.CharField(max_length=8, choices=Cause.choices)
    attribute = models.CharField(max_length=64, blank=True, default="")  # empty where it is silent
    value = models.JSONField(null=True, blank=True)  # with which it began
    since = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    times = models.PositiveIntegerField(default=1)
    told = models.PositiveSmallIntegerField(default=0)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_constraint=False, db_index=False)
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    objects = AttentionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "assignment", "cause", "attribute"], name="attention_once"),
        ]
        indexes = [  # few of many
            models.Index(fields=["organisation", "device"], name="attention_now", condition=Q(ended_at=None)),
            models.Index(fields=["device"], name="attention_of_device", condition=Q(ended_at=None)),
            models.Index(fields=["organisation"], name="attention_untold", condition=Q(told__lt=F("times"))),
        ]

    def __str__(self) -> str:
        return f"{self.device_id}: {self.cause} {self.attribute}"
