"""People, and what they may reach."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from allauth.mfa.models import Authenticator
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Aggregate, Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.utils.crypto import salted_hmac

from lib import zones
from lib.prepared import prepared
from tenants.models.tree import Group, Organisation, Role, under

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import QuerySet
    from django.db.models.sql.compiler import SQLCompiler


class UserQuerySet(models.QuerySet["User"]):
    def manageable_by(self, user: User | AnonymousUser) -> UserQuerySet:
        """Select members of groups that the user manages; for an admin of the whole organisation, all its people."""
        if not isinstance(user, User):
            return self.none()
        colleagues = self.filter(organisation=user.organisation_id, organisation__isnull=False)
        if user.owns_organisation:
            return colleagues
        reached = Membership.objects.filter(under(user.reach(Role.ADMIN), "group__path"))
        return colleagues.filter(pk__in=reached.values("user"))

    def known_to(self, user: User) -> UserQuerySet:
        """Select those of whom the user is told that they did something: the members of groups that they reach, and
        themselves; to an admin of the whole organisation its people, and those who belong to none any more."""
        if user.owns_organisation:
            return self.filter(Q(organisation=user.organisation_id) | Q(organisation=None))
        reached = Membership.objects.filter(under(user.reach(), "group__path"))
        return self.filter(Q(pk__in=reached.values("user")) | Q(pk=user.pk))

    def with_organisation(self) -> UserQuerySet:
        """Load the organisation too, which whatever the person asks for goes by; not its logo."""
        return self.select_related("organisation__root").defer("organisation__logo")

    def called(self, text: str) -> UserQuerySet:
        """Select those whose name or address contains the text."""
        return self.filter(Q(name__icontains=text) | Q(email__icontains=text))


class UserManager(BaseUserManager["User"]):
    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def manageable_by(self, user: User | AnonymousUser) -> UserQuerySet:
        return self.get_queryset().manageable_by(user)

    def known_to(self, user: User) -> UserQuerySet:
        return self.get_queryset().known_to(user)

    def with_organisation(self) -> UserQuerySet:
        return self.get_queryset().with_organisation()

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """Hold a person, who signs in by e-mail. Everybody belongs to one organisation at most."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    organisation = models.ForeignKey(Organisation, models.PROTECT, null=True, blank=True, related_name="users")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Their own; empty: the organisation's.
    time_zone = models.CharField(max_length=64, blank=True, default="", db_default="", validators=[zones.validate_zone])
    clock = models.CharField(max_length=2, choices=zones.Clock.choices, blank=True, default="", db_default="")
    attention_mails = models.BooleanField(default=True, db_default=True)  # of devices in reach that need attention
    label_looks = models.JSONField(null=True, blank=True, editable=False)  # how labels were printed last
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
        """Hash the password, as Django does, and the epoch."""
        value = f"{self.epoch}:{self.password}"
        return salted_hmac("tenants.session", value, secret=secret, algorithm="sha256").hexdigest()

    def find_clock(self) -> zones.PersonClock:
        """Return the person's time zone and hours; the organisation's where they chose none."""
        own = self.organisation
        return zones.PersonClock(
            self.time_zone or (own.time_zone if own else "UTC"), self.clock or (own.clock if own else "24")
        )

    def list_values(self) -> tuple[Any, ...]:
        """Return what scopes of rows take from a person (lib.prepared)."""
        return self.pk, self.organisation_id, tuple((Role(role), path) for role, path in self.grants)

    def make_stand_in(self, values: tuple[Any, ...]) -> User:
        pk, organisation, grants = values
        stand_in = User(pk=pk, organisation_id=organisation)
        stand_in.grants = list(grants)
        return stand_in

    @cached_property
    def grants(self) -> list[tuple[int, str]]:
        """Return (role, path of the group) of every membership: one query per user object.

        None where the organisation asks for a second factor that the user has not set up.
        """
        if not self.is_active:
            return []
        loaded: Organisation | None = self._state.fields_cache.get("organisation")
        may_lack = loaded is None or loaded.require_two_factor
        return _select_grants(self.pk, may_lack)

    @property
    def lacks_second_factor(self) -> bool:
        """Tell whether that alone keeps the user from everything."""
        return not self.grants and self.is_active and self.memberships.exists()

    def reach(self, role: Role = Role.VIEWER) -> list[str]:
        """Return the paths of the groups whose subtree the user may enter with this role."""
        return [path for granted, path in self.grants if granted >= role]

    @property
    def tenant(self) -> str:
        """Return the path of the first of the groups right below the root that the user reaches; the root's own people
        are one too. For counting at this moment, never to be kept."""
        return min((path[: 2 * Group.steplen] for path in self.reach()), default="")

    @property
    def owns_organisation(self) -> bool:
        """Tell whether the user is an admin of the whole organisation."""
        return any(len(path) == Group.steplen for path in self.reach(Role.ADMIN))

    def may(self, role: Role, path: str) -> bool:
        return any(path.startswith(reached) for reached in self.reach(role))


class MembershipQuerySet(models.QuerySet["Membership"]):
    def in_force(self) -> MembershipQuerySet:
        """Leave out those of people who lack the second factor that their organisation asks for."""
        factor = Authenticator.objects.filter(user=OuterRef("user"), type=Authenticator.Type.TOTP)
        return self.filter(Q(user__organisation__require_two_factor=False) | Exists(factor))

    def manageable_by(self, user: User | AnonymousUser) -> MembershipQuerySet:
        if not isinstance(user, User):
            return self.none()
        return self.filter(under(user.reach(Role.ADMIN), "group__path"))


@prepared
def _select_grants(person: int, may_lack: bool) -> QuerySet[Membership, tuple[int, str]]:
    of_person = Membership.objects.filter(user=person)
    return (of_person.in_force() if may_lack else of_person).values_list("role", "group__path")


def find_person(pk: int) -> User | None:
    """Return the person with the organisation and what they may reach: one query."""
    return read_person(_select_person(pk))


def read_person(rows: list[User]) -> User | None:
    """Return the person of `select_person`, if there is one, knowing what they may reach."""
    user: Any = next(iter(rows), None)
    if user is None:
        return None
    allowed = user.is_active and (user.has_factor or not (user.organisation and user.organisation.require_two_factor))
    user.grants = _read_grants(user.granted) if allowed else []
    found: User = user
    return found


def select_person(pk: int) -> QuerySet[User]:
    """Select the person with the organisation, for `read_person`."""
    written = Concat(Cast("role", models.TextField()), Value(":"), "group__path", output_field=models.TextField())
    own = Membership.objects.filter(user=OuterRef("pk")).order_by().values("user")
    factor = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
    granted = Subquery(own.annotate(written=Joined(written)).values("written"))
    rows = User.objects.with_organisation().filter(pk=pk)
    annotations: dict[str, Any] = {"granted": granted, "has_factor": Exists(factor)}
    return rows.annotate(**annotations)


_select_person = prepared(select_person)


class Joined(Aggregate):
    """Join texts by commas."""

    function = "STRING_AGG"
    template = "%(function)s(%(expressions)s, ',')"
    output_field = models.TextField()

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, function="GROUP_CONCAT", **extra)


def _read_grants(written: str | None) -> list[tuple[int, str]]:
    """Return (role, path of the group) of texts such as 30:00010002."""
    pairs = (each.partition(":") for each in written.split(",")) if written else ()
    return [(int(role), path) for role, _, path in pairs]


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
