from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now

from devices.models.device import Assignment, Device
from tenants.models import Organisation, User


class EventQuerySet(models.QuerySet["Event"]):
    def of(self, device: Device) -> EventQuerySet:
        """What happened in the device's current assignment; of a device in no group, since it has none."""
        return self.filter(device=device, assignment=device.assignment_id)


class Event(models.Model):
    """An immutable fact: audit, history and live updates come from it."""

    class Kind(models.TextChoices):
        REGISTERED = "registered", "Registered"
        ACTIVATED = "activated", "Activated"
        OPENED_AGAIN = "opened-again", "Opened again for activation"
        WINDOW_OPENED = "window-opened", "Window opened"
        PRESSED = "pressed", "Button pressed"
        WINDOW_CANCELLED = "window-cancelled", "Window cancelled"
        PROVISIONED = "provisioned", "Provisioned"
        RELEASED = "released", "Released"
        MOVED = "moved", "Moved to another group"
        CHANGED = "changed", "Changed"
        LOCKED = "locked", "Locked"
        UNLOCKED = "unlocked", "Unlocked"
        CREDENTIAL_ISSUED = "credential-issued", "Credential issued"
        CREDENTIAL_REVOKED = "credential-revoked", "Credential revoked"
        CREDENTIAL_ROTATED = "credential-rotated", "Credential rotated"
        CONNECTED = "connected", "Connected"
        DISCONNECTED = "disconnected", "Disconnected"
        LIMITED = "limited", "Shut out for a time: it sent too much"
        # Of the organisation, without a device.
        RECIPE_CHANGED = "recipe-changed", "Recipe changed"
        MODEL_CHANGED = "model-changed", "Model changed"
        IMPORT_STARTED = "import-started", "Import started"
        IMPORT_ENDED = "import-ended", "Import ended"
        ACTION_STARTED = "action-started", "Bulk action started"
        ACTION_ENDED = "action-ended", "Bulk action ended"
        RESULT_TAKEN = "result-taken", "Result with secrets downloaded"
        RESULT_REFUSED = "result-refused", "Result with secrets asked for again"
        LABELS_PRINTED = "labels-printed", "Labels printed"
        EXPORTED = "exported", "Exported"

    # Written by the hundred thousand, and a log: the database need not check what an entry names.
    organisation = models.ForeignKey(
        Organisation, models.PROTECT, related_name="events", db_constraint=False, db_index=False
    )
    device = models.ForeignKey(
        Device, models.CASCADE, null=True, related_name="events", db_constraint=False, db_index=False
    )
    assignment = models.ForeignKey(
        Assignment, models.CASCADE, null=True, related_name="events", db_constraint=False, db_index=False
    )
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="events", db_constraint=False, db_index=False)
    kind = models.CharField(max_length=32, choices=Kind.choices)
    at = models.DateTimeField(db_default=Now())
    data = models.JSONField(default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["device", "assignment", "-id"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.device}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ValueError("Events are immutable.")
        super().save(*args, **kwargs)
