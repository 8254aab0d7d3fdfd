from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class BrokerSession(models.Model):
    """Record a session of the consumers' at the broker, from the first one of its name on: that of all devices, or one
    of each part."""

    WHOLE = 1

    client_id = models.CharField(max_length=200)
    began_at = models.DateTimeField(db_default=Now())
    # When a broker had not kept it: until then reports may be lost. Null once somebody has seen to it.
    lost_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.client_id} since {self.began_at}"
