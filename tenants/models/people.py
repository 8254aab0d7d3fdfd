"""People, and what they may reach."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from allauth.mfa.models import Authenticator
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.crypto import salted_hmac

from tenants.models.tree import Group, Organisation, Role, under

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class UserQuerySet(models.QuerySet["User"]):
    def manageable_by(self, user: User | AnonymousUser) -> UserQuerySet:
        """Members of the groups that the user manages; to an admin of the whole organisation, everybody in it."""
        if not isinstance(user, User):
            return self.none()
        colleagues = self.filter(organisation=user.organisation_id, organisation__isnull=False)
        if user.owns_organisation:
            return colleagues
        reached = Membership.objects.filter(under(user.reach(Role.ADMIN), "group__path"))
        return colleagues.filter(pk__in=reached.values("user"))


class UserManager(BaseUserManager["User"]):
    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def manageable_by(self, user: User | AnonymousUser) -> UserQuerySet:
        return self.get_queryset().manageable_by(user)

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
    epoch = models.PositiveIntegerField(default=0, editable=False)  # a higher one ends every session before it

    came_by: int | None = None  # the id of the token, if this person's program asks

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Of the password, as Django makes it, and the epoch."""
        value = f"{self.epoch}:{self.password}"
        return salted_hmac("tenants.session", value, secret=secret, algorithm="sha256").hexdigest()

    @cached_property
    def grants(self) -> list[tuple[int, str]]:
        """(role, path of the group) of every membership: one query per user object.

        None where the organisation asks for a second factor that the user has not set up.
        """
        if not self.is_active:
            return []
        return list(self.memberships.in_force().values_list("role", "group__path"))

    @property
    def lacks_second_factor(self) -> bool:
        """Whether that alone keeps the user from everything."""
        return not self.grants and self.is_active and self.memberships.exists()

    def reach(self, role: Role = Role.VIEWER) -> list[str]:
        """Paths of the groups whose subtree the user may enter with this role."""
        return [path for granted, path in self.grants if granted >= role]

    @property
    def tenant(self) -> str:
        """The path of the first of the groups right below the root that the user reaches; the root's own people are one
        too. For counting at this moment, never to be kept."""
        return min((path[: 2 * Group.steplen] for path in self.reach()), default="")

    @property
    def owns_organisation(self) -> bool:
        """Whether the user is an admin of the whole organisation."""
        return any(len(path) == Group.steplen for path in self.reach(Role.ADMIN))

    def may(self, role: Role, path: str) -> bool:
        return any(path.startswith(reached) for reached in self.reach(role))


class MembershipQuerySet(models.QuerySet["Membership"]):
    def in_force(self) -> MembershipQuerySet:
        """Without those of people who lack the second factor that their organisation asks for."""
        factor = Authenticator.objects.filter(user=OuterRef("user"), type=Authenticator.Type.TOTP)
        return self.filter(Q(user__organisation__require_two_factor=False) | Exists(factor))

    def manageable_by(self, user: User | AnonymousUser) -> MembershipQuerySet:
        if not isinstance(user, User):
            return self.none()
        return self.filter(under(user.reach(Role.ADMIN), "group__path"))


class Membership(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    group = models.ForeignKey(Group, models.PROTECT, related_name="memberships")
    role = models.PositiveSmallIntegerField(choices=Role.choices)

    objects = MembershipQuerySet.as_manager()

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
