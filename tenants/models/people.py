"""People, and what they may reach."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from tenants.models.tree import Group, Organisation, Role


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person, signing in by e-mail. Everybody belongs to one organisation at most."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    organisation = models.ForeignKey(Organisation, models.PROTECT, null=True, blank=True, related_name="users")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    @cached_property
    def grants(self) -> list[tuple[int, str]]:
        """(role, path of the group) of every membership: one query per user object."""
        if not self.is_active:
            return []
        return list(self.memberships.values_list("role", "group__path"))

    def reach(self, role: Role = Role.VIEWER) -> list[str]:
        """Paths of the groups whose subtree the user may enter with this role."""
        return [path for granted, path in self.grants if granted >= role]

    @property
    def owns_organisation(self) -> bool:
        """Whether the user is an admin of the whole organisation."""
        return any(len(path) == Group.steplen for path in self.reach(Role.ADMIN))

    def may(self, role: Role, path: str) -> bool:
        return any(path.startswith(reached) for reached in self.reach(role))


class Membership(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    group = models.ForeignKey(Group, models.PROTECT, related_name="memberships")
    role = models.PositiveSmallIntegerField(choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "group"], name="one_membership_per_group"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()} of {self.group}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.clean()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        organisation = self.user.organisation
        if organisation is None or organisation.root.path != self.group.root_path:
            raise ValidationError({"group": "This group belongs to another organisation."})
