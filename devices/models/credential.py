from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, When
from django.db.models.functions import Now

from devices.models.device import Assignment, Device

NOTED_EVERY = timedelta(seconds=5)
"""How exact the time of a credential's last use is."""


class CredentialQuerySet(models.QuerySet["Credential"]):
    def standing(self) -> CredentialQuerySet:
        """Return those neither revoked nor past their own end, by the database's clock."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), revoked_at=None)

    def live(self) -> CredentialQuerySet:
        """Return those with which a device may connect now: standing, and it is neither locked nor expired."""
        return self.standing().filter(Device.may_connect("device__"))

    def of(self, device: Device) -> CredentialQuerySet:
        return self.filter(device=device)

    def with_limited(self) -> CredentialQuerySet:
        """Add `limited`: whether its device sent too much and is shut out for now, by the database's clock."""
        shut_out = When(Device.is_shut_out("device__"), then=True)
        annotations: dict[str, Any] = {"limited": Case(shut_out, default=False)}
        return self.annotate(**annotations)

    def with_due(self) -> CredentialQuerySet:
        """Add what is to be done when it is used now: `unnoted`, to note that, and `has_former`, others end by it."""
        noted = Q(use__last_at__gt=Now() - NOTED_EVERY)
        former = Credential.objects.filter(superseded_by=OuterRef("pk"), revoked_at=None)
        due: dict[str, Any] = {"unnoted": Case(When(noted, then=False), default=True), "has_former": Exists(former)}
        return self.annotate(**due)


class Credential(models.Model):
    """Record what a device authenticates with; the secret is stored as its SHA-256 only."""

    class Kind(models.TextChoices):
        ACCESS_KEY = "access-key", "Access key and secret"
        CERTIFICATE = "certificate", "X.509 certificate"

    if TYPE_CHECKING:  # annotated by `with_due` and `with_limited`
        limited: bool
        unnoted: bool
        has_former: bool

    device = models.ForeignKey(Device, models.CASCADE, related_name="credentials")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.ACCESS_KEY)
    # Of a certificate: its SHA-256 in hex; the hash is that of the whole certificate (DER) then.
    access_key = models.CharField(max_length=64)
    secret_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(db_default=Now())
    # In which it was issued, and with which it ends; none: the factory's, which stays.
    assignment = models.ForeignKey(Assignment, models.CASCADE, null=True, blank=True, related_name="+", db_index=False)
    expires_at = models.DateTimeField(null=True, blank=True)  # not live from then on
    # Dies when this one is used first: a rotation that a device finishes by itself.
    superseded_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="supersedes", db_index=False
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["access_key"], name="access_key_once")]
        indexes = [  # few of many
            models.Index(fields=["revoked_at"], name="credential_revoked", condition=Q(revoked_at__isnull=False)),
            models.Index(fields=["expires_at"], name="credential_ends", condition=Q(expires_at__isnull=False)),
            models.Index(
                fields=["superseded_by"], name="credential_superseded", condition=Q(superseded_by__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.access_key


class CredentialUse(models.Model):
    """Record when a credential was used first and last: a hot row."""

    credential = models.OneToOneField(Credential, models.CASCADE, primary_key=True, related_name="use")
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.credential_id}: {self.last_at}"
