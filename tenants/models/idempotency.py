from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from tenants.models.people import User


class IdempotencyRecord(models.Model):
    """Keep the answer to a creation for a day, so that the same request sent again creates nothing more.

    `body` is empty where the answer held a secret: secrets are shown once, and stored nowhere.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    route = models.CharField(max_length=255)
    digest = models.BinaryField(max_length=32)  # of the route, the scope and what was sent
    status = models.PositiveSmallIntegerField(default=0)
    location = models.CharField(max_length=500, blank=True)
    body = models.TextField(blank=True)  # JSON
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.key} {self.route}"
