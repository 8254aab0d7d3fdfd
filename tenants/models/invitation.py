"""Invitations: how people come to have an account."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from tenants.models.people import User
from tenants.models.tree import Group, Organisation, Role, under

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

LASTS = timedelta(days=7)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def manageable_by(self, user: User | AnonymousUser) -> InvitationQuerySet:
        """Select those into groups of which the user is an admin."""
        if not isinstance(user, User):
            return self.none()
        return self.filter(under(user.reach(Role.ADMIN), "group__path"), organisation=user.organisation_id)

    def waiting(self) -> InvitationQuerySet:
        """Select those neither accepted nor withdrawn; they may have expired."""
        return self.filter(accepted_at=None, withdrawn_at=None)

    def valid(self) -> InvitationQuerySet:
        return self.waiting().filter(expires_at__gt=Now())


def hash_token(token: str) -> str:
    return sha256(token.encode()).hexdigest()


class Invitation(models.Model):
    """Let whoever holds the link accept, once, as the person with this address. Only the link's hash is kept."""

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="invitations")
    group = models.ForeignKey(Group, models.CASCADE, related_name="invitations")
    role = models.PositiveSmallIntegerField(choices=Role.choices)
    email = models.EmailField()
    by = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")  # none: by the site's operator
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)  # when the mail server took it
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["email", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "email"],
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="one_waiting_invitation",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role_is_known"),
        ]
        indexes = [models.Index(fields=["organisation", "created_at"])]

    def __str__(self) -> str:
        return f"{self.email}: {self.get_role_display()} of {self.group}"

    @property
    def is_expired(self) -> bool:
        """Tell pages whether its time is over; what counts is the database's clock."""
        return self.expires_at <= timezone.now()
