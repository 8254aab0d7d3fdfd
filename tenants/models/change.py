"""What happened to groups, people, tokens and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tenants.models.people import User
from tenants.models.tree import Organisation, Role, under

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class ChangeQuerySet(models.QuerySet["Change"]):
    def matching(self, *, who: str = "", q: str = "") -> ChangeQuerySet:
        """By somebody whose name or address contains `who`; with `q` in its words."""
        rows = self.filter(Q(by__name__icontains=who) | Q(by__email__icontains=who)) if who else self.all()
        return rows.filter(what__icontains=q) if q else rows

    def visible_to(self, user: User | AnonymousUser) -> ChangeQuerySet:
        """What happened to the groups that the user manages; to the organisation itself, for its own admins."""
        if not isinstance(user, User):
            return self.none()
        return self.filter(under(user.reach(Role.ADMIN)), organisation=user.organisation_id)


class Change(models.Model):
    """An immutable fact about groups, people, tokens or settings. Devices have events of their own."""

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="changes")
    path = models.CharField(max_length=255)  # of the group that it is about, then
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    what = models.CharField(max_length=300)  # in words: "Sadler-Isberg renamed to Sadler"
    data = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())

    objects = ChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"])]

    def __str__(self) -> str:
        return self.what

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ValueError("Changes are immutable.")
        super().save(*args, **kwargs)
