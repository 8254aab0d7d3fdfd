from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from devices.models.device import Assignment, Device
from tenants.models import Group, Organisation, Role, User, under

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


CONNECTION = Q(kind__in=["connected", "disconnected"])


class EventQuerySet(models.QuerySet["Event"]):
    def of(self, device: Device) -> EventQuerySet:
        """Return what happened in the device's current assignment; of a device in no group, since it has none."""
        return self.filter(device=device, assignment=device.assignment_id)

    def told_to(self, user: User | AnonymousUser, device: Device) -> EventQuerySet:
        """Return the part of the device's life that the user may know, who sees it now: its current assignment, and
        what happened to it in groups that they manage; all of it for an admin of the whole organisation."""
        if not isinstance(user, User) or user.organisation_id != device.organisation_id:
            return self.none()
        if user.owns_organisation:
            return self.filter(device=device)
        managed = under(user.reach(Role.ADMIN), "group__path")
        return self.filter(Q(assignment=device.assignment_id, assignment__isnull=False) | managed, device=device)


class Event(models.Model):
    """Record an immutable fact: audit, history and live updates come from it."""

    class Kind(models.TextChoices):
        REGISTERED = "registered", "Added"
        ACTIVATED = "activated", "Activated"
        OPENED_AGAIN = "opened-again", "Opened again for activation"
        WINDOW_OPENED = "window-opened", "Window opened"
        PRESSED = "pressed", "Button pressed"
        PRESENCE_PROVEN = "presence-proven", "Presence proven"
        WINDOW_CANCELLED = "window-cancelled", "Window cancelled"
        PROVISIONED = "provisioned", "Placed in a group"
        RELEASED = "released", "Released"
        MOVED = "moved", "Moved to another group"
        ASSIGNED = "assigned", "Given to a person"
        UNASSIGNED = "unassigned", "No longer a person's"
        CHANGED = "changed", "Changed"
        LOCKED = "locked", "Locked"
        UNLOCKED = "unlocked", "Unlocked"
        RETIRED = "retired", "Retired"
        BROUGHT_BACK = "brought-back", "Brought back"
        SERIAL_FREED = "serial-freed", "Serial given free"
        DEVICE_REMOVED = "device-removed", "Device removed"
        CREDENTIAL_ISSUED = "credential-issued", "Credential issued"
        CREDENTIAL_REVOKED = "credential-revoked", "Credential revoked"
        CREDENTIAL_ROTATED = "credential-rotated", "Credential rotated"
        PRESENCE_SECRET_MADE = "presence-secret-made", "Code of presence made"
        TIED = "tied", "Tied to a gateway, which may speak for it"
        UNTIED = "untied", "No longer tied to a gateway"
        CONNECTED = "connected", "Connected"
        DISCONNECTED = "disconnected", "Disconnected"
        COMMAND_SENT = "command-sent", "Command sent"
        COMMAND_ENDED = "command-ended", "Command ended"
        IDENTIFIED = "identified", "Asked to show which one it is"
        LIMITED = "limited", "Shut out for a time: it sent too much"
        NEEDS_ATTENTION = "needs-attention", "Needs attention"
        FINE_AGAIN = "fine-again", "Fine again"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
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
        DOOR_CHANGED = "door-changed", "Door changed"
        OPERATION_APPROVED = "operation-approved", "Device approved at a door"
        OPERATION_CANCELLED = "operation-cancelled", "Device turned away at a door"
        HOOK_CHANGED = "hook-changed", "Hook changed"
        ATTENTION_TOLD = "attention-told", "Told of what needs attention"

    # Written by the hundred thousand, and a log: the database need not check what an entry names.
    organisation = models.ForeignKey(
        Organisation, models.PROTECT, related_name="events", db_constraint=False, db_index=False
    )
    # Kept of a device that was removed: its key, never given out again, leads to the event that says what it was.
    device = models.ForeignKey(
        Device, models.DO_NOTHING, null=True, related_name="events", db_constraint=False, db_index=False
    )
    # Kept as well of one that was removed with its device.
    assignment = models.ForeignKey(
        Assignment, models.DO_NOTHING, null=True, related_name="events", db_constraint=False, db_index=False
    )
    # Of its assignment: whoever manages the group may read it, wherever the group lies by now. And which one it left.
    group = models.ForeignKey(Group, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False)
    former_group = models.ForeignKey(
        Group, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="events", db_constraint=False, db_index=False)
    kind = models.CharField(max_length=32, choices=Kind.choices)
    at = models.DateTimeField(db_default=Now())
    data = models.JSONField(default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["device", "assignment", "-id"]),
            # The journal's: of all but connections, of a kind, of a group, of a person.
            models.Index(fields=["organisation", "at", "id"], name="event_journal", condition=~CONNECTION),
            models.Index(fields=["organisation", "kind", "at", "id"], name="event_of_kind"),
            models.Index(
                fields=["group", "at", "id"],
                name="event_of_group",
                include=["kind"],  # to filter by it without reading the rows
                condition=~CONNECTION & Q(group__isnull=False),
            ),
            models.Index(
                fields=["group", "at", "id"], name="event_connections", condition=CONNECTION & Q(group__isnull=False)
            ),
            models.Index(
                fields=["former_group", "at", "id"],
                name="event_of_former_group",
                condition=Q(former_group__isnull=False),
            ),
            models.Index(fields=["by", "at", "id"], name="event_of_person", condition=Q(by__isnull=False)),
            # Which device had this serial.
            models.Index(
                F("organisation"), F("data__serial"), name="event_of_removed", condition=Q(kind="device-removed")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.device_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ValueError("Events are immutable.")
        super().save(*args, **kwargs)
