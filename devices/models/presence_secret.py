from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from devices.models.device import Assignment, Device
from tenants.models import Presence


class PresenceSecret(models.Model):
    """Record what proves that somebody is at the device, by method: of a claim code its keyed digest, of rotating codes
    the sealed secret from which the device makes them, of challenges the one with which it signs them.

    A device has one of a method at most; a new one takes the place of the former, spent or not.
    """

    device = models.ForeignKey(Device, models.CASCADE, related_name="presence_secrets", db_index=False)
    method = models.CharField(max_length=16, choices=Presence.choices)
    digest = models.BinaryField(max_length=32, null=True, blank=True)  # lib.key_wrapping.list_digests
    sealed = models.BinaryField(null=True, blank=True)  # lib.key_wrapping.seal
    last_step = models.BigIntegerField(null=True, blank=True)  # of time: none at or before it is taken any more
    issued_at = models.DateTimeField(db_default=Now())
    # In which it was made, and with which it ends; none: the factory's, which stays.
    assignment = models.ForeignKey(
        Assignment, models.CASCADE, null=True, blank=True, related_name="+", db_index=False, db_constraint=False
    )
    spent_at = models.DateTimeField(null=True, blank=True)  # when a device was placed with it

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "method"], name="presence_secret_once")]

    def __str__(self) -> str:
        return f"{self.method} of {self.device_id}"
