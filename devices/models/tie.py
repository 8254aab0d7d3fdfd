from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from devices.models.device import Assignment, Device

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.contrib.auth.models import AnonymousUser

    from tenants.models import User


class TieQuerySet(models.QuerySet["Tie"]):
    def visible_to(self, user: User | AnonymousUser) -> TieQuerySet:
        """Return those of which the user sees both ends."""
        seen = Device.objects.visible_to(user)
        return self.filter(device__in=seen, gateway__in=seen)

    def open(self) -> TieQuerySet:
        return self.filter(ended_at=None)

    def standing(self) -> TieQuerySet:
        """Return those that hold: not ended, and both devices are where they were when it was made."""
        device, gateway = (
            Q(**{f"{end}__assignment": F(own)}) | Q(**{f"{end}__assignment": None, own: None})
            for end, own in (("device", "assignment"), ("gateway", "gateway_assignment"))
        )
        return self.open().filter(device & gateway)

    def touching(self, devices: Collection[int]) -> TieQuerySet:
        """Return those of which one of the devices, by primary key, is either end."""
        return self.filter(Q(device__among=devices) | Q(gateway__among=devices))


class Tie(models.Model):
    """Record that a gateway may speak for a device: docs/decisions/0040. One that ended stays: brokers have to be told.

    The assignments are those of both ends when it was made; both in one group, or both in none.
    """

    device = models.ForeignKey(Device, models.CASCADE, related_name="ties")
    gateway = models.ForeignKey(Device, models.CASCADE, related_name="spoken_for")
    assignment = models.ForeignKey(
        Assignment, models.CASCADE, null=True, related_name="+", db_constraint=False, db_index=False
    )
    gateway_assignment = models.ForeignKey(
        Assignment, models.CASCADE, null=True, related_name="+", db_constraint=False, db_index=False
    )
    made_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    objects = TieQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "gateway"], condition=Q(ended_at=None), name="tie_once"),
            models.CheckConstraint(condition=~Q(device=F("gateway")), name="tie_of_two"),
        ]
        indexes = [models.Index(fields=["ended_at"], name="tie_ended", condition=Q(ended_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.device_id} through {self.gateway_id}"
