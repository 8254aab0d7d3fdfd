"""Tokens with which programs act for a person."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tenants.models.people import User
from tenants.models.tree import Group, Organisation, Role, under

if TYPE_CHECKING:
    from datetime import date

    from django.contrib.auth.models import AnonymousUser


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def live(self) -> ApiTokenQuerySet:
        """Select those that open the API now, by the database's clock."""
        within = Q(expires_at=None) | Q(expires_at__gt=Now())
        return self.filter(within, revoked_at=None, user__is_active=True)

    def visible_to(self, user: User | AnonymousUser) -> ApiTokenQuerySet:
        """Select one's own, and those whose reach lies within what the user manages."""
        if not isinstance(user, User) or user.organisation_id is None:
            return self.none()
        managed = under(user.reach(Role.ADMIN), "group__path")
        return self.filter(Q(user=user) | managed, organisation=user.organisation_id)


class ApiToken(models.Model):
    """Act for `user`, in `group` and below it, with `role` at most; never with more than the user has by then."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=120)
    group = models.ForeignKey(Group, models.CASCADE, related_name="+")
    role = models.PositiveSmallIntegerField(choices=Role.choices)
    prefix = models.CharField(max_length=12, editable=False)  # what is shown of it
    secret_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)  # to the minute
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=Q(role__in=Role.values), name="token_role_is_known")]

    def __str__(self) -> str:
        return self.name

    @property
    def last_day(self) -> date | None:
        """Return the last day on which it works, in UTC; None if it does not expire."""
        return (self.expires_at - timedelta(microseconds=1)).astimezone(UTC).date() if self.expires_at else None

    def narrow(self, grants: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Return what is left of a user's grants: the lower role in the deeper group."""
        scope = str(self.group.path)
        left = []
        for role, path in grants:
            if path.startswith(scope) or scope.startswith(path):
                left.append((min(role, self.role), max(path, scope, key=len)))
        return left
