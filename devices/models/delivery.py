from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.db.models.functions import Now

from tenants.models import Organisation, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def of(self, user: User | AnonymousUser) -> DeliveryQuerySet:
        """Return the user's own: secrets are handed to whoever had them made, and to nobody else."""
        return self.filter(by=user) if isinstance(user, User) and user.is_active else self.none()

    def takeable(self) -> DeliveryQuerySet:
        """Return those neither taken nor expired, by the database's clock."""
        return self.filter(sealed__isnull=False, expires_at__gt=Now())


class Delivery(models.Model):
    """Hold secrets to be handed over once.

    They are not stored: each is made again from `sealed`, a random key that only the site's secret opens
    (devices.credentials.deliveries). Taking the delivery, or its expiry, destroys the key, and with it the only way
    to the secrets.
    """

    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="deliveries")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="deliveries")
    sealed = models.BinaryField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return str(self.key)
