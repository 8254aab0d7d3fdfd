from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class ConsumerProcessQuerySet(models.QuerySet["ConsumerProcess"]):
    def live(self) -> ConsumerProcessQuerySet:
        """Return those that were heard in time, by the database's clock."""
        return self.filter(until__gt=Now())


class ConsumerProcess(models.Model):
    """Record a process that stores what devices report: it lives `until` then, unless it says so anew."""

    name = models.CharField(max_length=100, primary_key=True)
    parts = models.PositiveSmallIntegerField()  # into how many it divides
    until = models.DateTimeField()

    objects = ConsumerProcessQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class ConsumerPart(models.Model):
    """Record whose a part of the devices is: the consumer's of that name, as long as it lives or nobody took it."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    holder = models.CharField(max_length=100, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.number} of {self.holder or 'nobody'}"
