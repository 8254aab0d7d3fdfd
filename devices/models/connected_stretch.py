"""From when to when a device was connected, and why it was not any more: docs/decisions/0049."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q

from devices.models.device import Device


class ConnectedStretch(models.Model):
    """Record a time in which a device was connected. It is so until it has `ended_at`.

    A device that comes and goes has one of them: `flaps` counts how often it was away in between, `away` for how long
    in all, and `reason` says why last.
    """

    class Reason(models.TextChoices):
        CLOSED = "closed", "It closed the connection itself"
        KEEP_ALIVE = "keep-alive", "Nothing came within its keep-alive"
        LOST = "lost", "The connection broke"
        TAKEN_OVER = "taken-over", "Its client id connected anew"
        REFUSED = "refused", "It sent what it may not, and was ended"
        REVOKED = "revoked", "Its credential may be used no longer"
        LOCKED = "locked", "It was locked"
        RETIRED = "retired", "It was retired"
        LIMITED = "limited", "It sent too much, and was shut out"
        UNTIED = "untied", "It speaks no longer for another device"
        STOPPED = "broker-stopped", "The broker stopped"
        UNSEEN = "unseen", "The broker broke off, and told nobody why"
        UNHEARD = "unheard", "Nothing more was heard of it"
        UNTOLD = "untold", "The broker does not say why"

    # Without a constraint, so that the former release can still delete what these rows name.
    device = models.ForeignKey(Device, models.CASCADE, related_name="stretches", db_constraint=False, db_index=False)
    number = models.PositiveIntegerField()  # of the device's, counted up
    started_at = models.DateTimeField()
    connected_at = models.DateTimeField()  # the last time
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=16, choices=Reason.choices, blank=True, default="")
    flaps = models.PositiveIntegerField(default=0)
    away = models.DurationField(default=timedelta())
    connection = models.CharField(max_length=120, blank=True, default="")  # the broker's name for it, if it has one
    by_broker = models.BooleanField(default=True)  # told by the broker; else seen by what the device sends

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "number"], name="connected_stretch_once"),
            models.UniqueConstraint(fields=["device"], name="connected_stretch_open", condition=Q(ended_at=None)),
        ]
        indexes = [
            models.Index(fields=["ended_at"], name="connected_stretch_ended"),
            models.Index(
                fields=["connection"],
                name="connected_stretch_connection",
                condition=Q(ended_at=None) & ~Q(connection=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id}: {self.started_at} to {self.ended_at}"
