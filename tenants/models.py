"""Who: the tenant tree, the people in it, and what they may reach."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from treebeard.mp_tree import MP_Node, MP_NodeManager, MP_NodeQuerySet

from tenants import theme

if TYPE_CHECKING:
    from collections.abc import Iterable


class Role(models.IntegerChoices):
    """Each role includes the ones below it."""

    VIEWER = 10, "viewer"
    TECHNICIAN = 20, "technician"
    ADMIN = 30, "admin"


def under(paths: Iterable[str], field: str = "path") -> Q:
    """Rows whose tree path lies in one of the subtrees; no paths, no rows."""
    scope = Q(pk__in=[])
    for path in paths:
        scope |= Q(**{f"{field}__startswith": path})
    return scope


class GroupQuerySet(MP_NodeQuerySet):
    def visible_to(self, user: User | AnonymousUser, role: Role = Role.VIEWER) -> GroupQuerySet:
        """The subtrees in which the user has at least this role."""
        scoped: GroupQuerySet = self.filter(under(user.reach(role) if user.is_authenticated else ()))
        return scoped

    def manageable_by(self, user: User | AnonymousUser) -> GroupQuerySet:
        return self.visible_to(user, Role.ADMIN)

    def registrable_by(self, user: User | AnonymousUser) -> GroupQuerySet:
        """The leaves into which the user may place devices."""
        leaves: GroupQuerySet = self.visible_to(user, Role.TECHNICIAN).filter(numchild=0)
        return leaves


class GroupManager(MP_NodeManager):
    def get_queryset(self) -> GroupQuerySet:
        ordered: GroupQuerySet = GroupQuerySet(self.model, using=self._db).order_by("path")
        return ordered

    def visible_to(self, user: User | AnonymousUser, role: Role = Role.VIEWER) -> GroupQuerySet:
        scoped: GroupQuerySet = self.get_queryset().visible_to(user, role)
        return scoped

    def manageable_by(self, user: User | AnonymousUser) -> GroupQuerySet:
        return self.get_queryset().manageable_by(user)

    def registrable_by(self, user: User | AnonymousUser) -> GroupQuerySet:
        return self.get_queryset().registrable_by(user)


class Group(MP_Node):
    """A node of the tenant tree. A root is an organisation; only leaves hold devices."""

    name = models.CharField(max_length=120)

    objects: ClassVar[GroupManager] = GroupManager()

    def __str__(self) -> str:
        return self.name

    @property
    def root_path(self) -> str:
        return str(self.path[: self.steplen])

    @property
    def parent_path(self) -> str:
        return str(self.path[: -self.steplen])


def default_proofs() -> list[str]:
    return ["press"]


class Organisation(models.Model):
    """The settings of a root group: the isolation border."""

    root = models.OneToOneField(Group, models.PROTECT, related_name="organisation")
    slug = models.SlugField(unique=True)
    window_seconds = models.PositiveIntegerField(default=300, validators=[MinValueValidator(30)])
    allow_reprovisioning = models.BooleanField(default=False)
    proof_methods = models.JSONField(default=default_proofs)
    colour = models.CharField(max_length=7, default="#0f5cc0", validators=[RegexValidator(r"^#[0-9a-f]{6}\Z")])
    logo = models.BinaryField(null=True, blank=True, validators=[theme.validate_logo])
    logo_digest = models.CharField(max_length=12, blank=True, editable=False)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keeps the digest beside the logo, so that pages can name the picture without reading it."""
        if "logo" in self.__dict__:
            self.logo_digest = theme.digest(bytes(self.logo)) if self.logo else ""
            if "logo" in (fields := kwargs.get("update_fields") or ()):
                kwargs["update_fields"] = {*fields, "logo_digest"}
        super().save(*args, **kwargs)

    @property
    def theme_digest(self) -> str:
        return theme.digest(theme.stylesheet(self.colour).encode())

    @property
    def name(self) -> str:
        return self.root.name


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
