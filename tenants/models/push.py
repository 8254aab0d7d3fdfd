"""Browsers that are sent messages by web push, and the key by which their push services know this site."""

from __future__ import annotations

import hashlib

from django.db import models
from django.db.models import F
from django.db.models.functions import Now

from tenants.models.people import User

LONGEST = 1_000  # characters of an endpoint


class PushKey(models.Model):
    """Hold the site's key pair, sealed: one row. Whoever subscribed with another one gets nothing any more."""

    sealed = models.BinaryField(editable=False)  # lib.key_wrapping, of the private half
    made_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.made_at}"


class PushSubscriptionQuerySet(models.QuerySet["PushSubscription"]):
    def live(self) -> PushSubscriptionQuerySet:
        """Select those whose person nobody signed out everywhere or disabled since."""
        return self.filter(user__is_active=True, epoch=F("user__epoch"))

    def of(self, user: User) -> PushSubscriptionQuerySet:
        return self.live().filter(user=user)


class PushSubscription(models.Model):
    """Say how one browser of a person is reached. It ends with what signs that browser out, not with a session that
    merely was not used."""

    user = models.ForeignKey(User, models.CASCADE, related_name="push_subscriptions", db_constraint=False)
    epoch = models.PositiveIntegerField()  # the user's, then
    session = models.CharField(max_length=40, blank=True)  # the last one known of this browser
    browser = models.CharField(max_length=24, blank=True)  # tenants.accounts.known_devices
    device = models.CharField(max_length=40, blank=True)  # in words
    endpoint = models.CharField(max_length=LONGEST)
    digest = models.BinaryField(max_length=32, unique=True)  # of the endpoint: one browser is one person's
    p256dh = models.BinaryField(max_length=65)
    auth = models.BinaryField(max_length=16)
    made_at = models.DateTimeField(db_default=Now())
    told_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)  # when its service did not take something last

    objects = PushSubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.device or "A browser"

    @staticmethod
    def digest_of(endpoint: str) -> bytes:
        return hashlib.sha256(endpoint.encode()).digest()

    @property
    def digest_words(self) -> str:
        """Return by what a page knows its own browser."""
        return bytes(self.digest).hex()

    @property
    def fails(self) -> bool:
        """Return whether its service took nothing since it refused something."""
        return self.failed_at is not None and (self.told_at is None or self.told_at < self.failed_at)
