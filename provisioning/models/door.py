"""Doors: the ways by which devices get themselves into the registry, what they made, and what they refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.urls import reverse

from devices.models import Device, Recipe
from lib.prepared import prepared
from lib.refusals import KeptRefusal
from tenants.models import Group, Organisation, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


def is_open(prefix: str = "") -> Q:
    """Match what is neither ended nor past its own end nor full, by the database's clock."""
    in_time = Q(**{f"{prefix}expires_at": None}) | Q(**{f"{prefix}expires_at__gt": Now()})
    has_room = Q(**{f"{prefix}cap": None}) | Q(**{f"{prefix}made__lt": F(f"{prefix}cap")})
    return Q(**{f"{prefix}ended_at": None}) & in_time & has_room


class State(models.TextChoices):
    """Say how a door, or a key of one, stands."""

    OPEN = "open", "Open"
    FULL = "full", "Full"
    EXPIRED = "expired", "Its time is over"
    ENDED = "ended", "Ended"


def express_state(prefix: str = "") -> Case:
    ended, expired = Q(**{f"{prefix}ended_at__isnull": False}), Q(**{f"{prefix}expires_at__lte": Now()})
    full = Q(**{f"{prefix}cap__isnull": False, f"{prefix}made__gte": F(f"{prefix}cap")})
    whens = [(ended, State.ENDED), (expired, State.EXPIRED), (full, State.FULL)]
    return Case(
        *(When(each, then=Value(state)) for each, state in whens),
        default=Value(State.OPEN),
        output_field=models.CharField(),
    )


def read_state(row: Door | DoorKey, *, again: bool = False) -> State:
    """Return how it stood when it was read `with_state`, else (and `again`) how it stands now; what is gone has
    ended."""
    if not again and (known := getattr(row, "state", None)):
        return State(known)
    rows: models.QuerySet[Any] = type(row).objects.filter(pk=row.pk)
    return State(rows.values_list(express_state(), flat=True).first() or State.ENDED)


class DoorQuerySet(models.QuerySet["Door"]):
    def manageable_by(self, user: User | AnonymousUser) -> DoorQuerySet:
        """Return the organisation's, to its admins: devices are added to the whole of it."""
        if not isinstance(user, User) or not user.owns_organisation:
            return self.none()
        return self.filter(organisation=user.organisation_id)

    def with_state(self) -> DoorQuerySet:
        """Add `state` (one of `State`), by the database's clock."""
        annotations: dict[str, Any] = {"state": express_state()}
        return self.annotate(**annotations)


class Door(models.Model):
    """Let devices of one recipe register themselves, within what its policy says.

    `settings` are its kind's own, as that kind's form (provisioning.doors) checked them.
    """

    class Kind(models.TextChoices):
        JWT = "jwt", "Signed token (JWT)"
        PROFILE = "profile", "Shared token of a profile"
        ACTIVATE = "activate", "Whitelist and activate"
        APPROVAL = "approval", "Provisioning token and approval"

    class Admits(models.TextChoices):
        NEW = "new", "Devices that nobody added"
        LISTED = "listed", "Only devices that were added before, without a credential"
        ANY = "any", "Both"

    if TYPE_CHECKING:  # annotated by `with_state`
        state: str

    key = models.UUIDField(unique=True, default=uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="doors")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=120)
    recipe = models.ForeignKey(Recipe, models.PROTECT, related_name="doors")
    # Into which they come. The release before this one, which knows of no doors, may delete it while both run.
    group = models.ForeignKey(Group, models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False)
    admits = models.CharField(max_length=6, choices=Admits.choices, default=Admits.NEW)
    pattern = models.CharField(max_length=120, blank=True, default="")  # of identities: `*` and `?` stand for others
    networks = models.JSONField(default=list, blank=True)  # from which it is open; none: from everywhere
    cap = models.PositiveIntegerField(null=True, blank=True)  # devices
    settings = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    made = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)  # by a device that it let in

    objects = DoorQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["organisation", "name"], name="door_name_once")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("provisioning:door", kwargs={"key": self.key})

    @property
    def is_group_unfit(self) -> bool:
        """Tell whether its group takes no devices, and the door so refuses all that come."""
        return self.group is not None and not self.group.takes_devices


class DoorKeyQuerySet(models.QuerySet["DoorKey"]):
    def of(self, door: Door) -> DoorKeyQuerySet:
        return self.filter(door=door)

    def at_door(self) -> DoorKeyQuerySet:
        """Read with each key its door, and the states of both: `get_door`."""
        annotations: dict[str, Any] = {"state": express_state(), "door_state": express_state("door__")}
        return self.select_related("door__recipe__organisation").annotate(**annotations)

    def with_state(self) -> DoorKeyQuerySet:
        """Add `state` (one of `State`), by the database's clock."""
        annotations: dict[str, Any] = {"state": express_state()}
        return self.annotate(**annotations)


class DoorKey(models.Model):
    """Hold one of the things by which callers are known at a door: a key that signs their tokens, or a token.

    A token's secret is stored as its SHA-256 (`secret_hash`), what signatures are checked with in `material`: a public
    key, or a shared secret sealed by lib.key_wrapping.
    """

    if TYPE_CHECKING:  # annotated by `with_state`, and by `at_door`
        state: str
        door_state: str

    door = models.ForeignKey(Door, models.CASCADE, related_name="keys")
    name = models.CharField(max_length=200, blank=True)  # of a signing key: its `kid`
    algorithm = models.CharField(max_length=8, blank=True, default="")
    secret_hash = models.BinaryField(max_length=32, null=True, blank=True, unique=True, editable=False)
    prefix = models.CharField(max_length=12, blank=True, default="", editable=False)  # what is shown of a token
    material = models.BinaryField(null=True, blank=True, editable=False)
    identity = models.CharField(max_length=120, blank=True, default="")  # of the only device that it is for
    cap = models.PositiveIntegerField(null=True, blank=True)  # devices
    created_at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    made = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = DoorKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name or f"{self.algorithm} {self.pk}".strip()

    def get_door(self) -> Door:
        """Return the door of a key that was read `at_door`, with its `state`."""
        self.door.state = self.door_state
        return self.door


@prepared
def select_key(kind: Door.Kind, secret_hash: bytes) -> models.QuerySet[DoorKey]:
    """Select the token of a door of this kind that has the hash, `at_door`."""
    return DoorKey.objects.at_door().filter(door__kind=kind, secret_hash=secret_hash)


class DoorRegistrationQuerySet(models.QuerySet["DoorRegistration"]):
    def of(self, door: Door) -> DoorRegistrationQuerySet:
        """Return what the door made, the last first."""
        return self.filter(door=door).select_related("device", "key").order_by("-pk")


class DoorRegistration(models.Model):
    """Record by which door, and by which key of it, a device came to its credential: once."""

    device = models.OneToOneField(Device, models.CASCADE, related_name="door_registration", db_constraint=False)
    door = models.ForeignKey(Door, models.CASCADE, related_name="registrations", db_index=False)
    key = models.ForeignKey(DoorKey, models.SET_NULL, null=True, blank=True, related_name="registrations")
    is_new = models.BooleanField(default=True, db_default=True)  # else somebody had added the device before
    at = models.DateTimeField(db_default=Now())

    objects = DoorRegistrationQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["door", "-id"], name="registration_of_door")]

    def __str__(self) -> str:
        return f"{self.device_id} by {self.door_id}"


class UsedToken(models.Model):
    """Record a token that may be used once, by what names it (a JWT's `jti`), until it would be refused for its age."""

    door = models.ForeignKey(Door, models.CASCADE, related_name="+", db_index=False)
    digest = models.BinaryField(max_length=32)
    at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["door", "digest"], name="token_used_once")]
        indexes = [models.Index(fields=["expires_at"], name="token_expires", condition=Q(expires_at__isnull=False))]

    def __str__(self) -> str:
        return bytes(self.digest).hex()


class JwtIssuer(models.Model):
    """Hold whose the name of an issuer is: of the organisation that took it first, for good.

    Tokens name nobody but their issuer. Were the name free again, the tokens of the one would act at the other's door.
    """

    name = models.CharField(max_length=200, unique=True)
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="jwt_issuers")

    def __str__(self) -> str:
        return self.name


class DoorVendor(models.Model):
    """Hold whose the name of a vendor is, which old firmware says: of the organisation that took it first, for good."""

    name = models.CharField(max_length=120, unique=True)
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="vendors")

    def __str__(self) -> str:
        return self.name


class DoorRefusalQuerySet(models.QuerySet["DoorRefusal"]):
    def of(self, door: Door) -> DoorRefusalQuerySet:
        """Return what the door refused, the last one first."""
        return self.filter(door=door).order_by("-last_at", "-pk")


class DoorRefusal(KeptRefusal, models.Model):
    """Count how often a door refused somebody for one reason: a row each, however often that was."""

    door = models.ForeignKey(Door, models.CASCADE, related_name="refusals", db_index=False)
    reason = models.CharField(max_length=60)  # a code of the one catalogue (lib.refusals)
    facts = models.JSONField(default=dict)  # of the reason's words
    sample = models.CharField(max_length=60, blank=True, default="")  # how the identity begins that was claimed last
    count = models.BigIntegerField(db_default=1, default=1)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    objects = DoorRefusalQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["door", "reason"], name="door_refusal_once")]

    def __str__(self) -> str:
        return f"{self.door_id}: {self.reason}"
