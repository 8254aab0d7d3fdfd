from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from devices.identity import serials
from devices.models.recipe import DeviceModel, RecipeVersion
from lib.rendering.addresses import reverse_quickly
from tenants.models import Group, Organisation, Role, User, under

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser

    from tenants.models import GroupQuerySet


def new_device_id() -> str:
    return secrets.token_hex(12)


class DeviceQuerySet(models.QuerySet["Device"]):
    def visible_to(self, user: User | AnonymousUser, role: Role = Role.VIEWER) -> DeviceQuerySet:
        """Return those in the user's subtrees; to an admin of the whole organisation, those in no group too."""
        if not isinstance(user, User):
            return self.none()
        if owned := [path for path in user.reach(Role.ADMIN) if len(path) == Group.steplen]:
            whole = Organisation.objects.filter(root__path__in=owned).values("pk")
            return self.filter(organisation=whole[:1])  # one value, not a join: the index of names stays usable
        return self.filter(self._is_open_to(user), group__in=Group.objects.filter(under(user.reach(role))))

    def hidden_from(self, user: User) -> DeviceQuerySet:
        """Return other people's, in groups that the user sees without being an admin there."""
        mine = Q(person=user.pk) | Q(group__in=Group.objects.filter(under(user.reach(Role.ADMIN))))
        return self.filter(person__isnull=False, group__in=Group.objects.filter(under(user.reach()))).exclude(mine)

    @staticmethod
    def _is_open_to(user: User) -> Q:
        """Match those of nobody, the user's own, and those in groups that they manage: docs/decisions/0044."""
        if set(user.reach()) == set(managed := user.reach(Role.ADMIN)):
            return Q()
        return Q(person=None) | Q(person=user.pk) | Q(group__in=Group.objects.filter(under(managed)))

    def within_groups(self, user: User, groups: GroupQuerySet) -> DeviceQuerySet:
        """Return the user's devices in these groups, asked for so that the database goes along the names.

        Of many devices a page is then a few rows read; asked plainly it may read and sort them all. A condition
        inside CASE can't be turned into a join, on either database.
        """
        within = Case(When(group__in=groups, then=True), default=False)
        own = self.filter(self._is_open_to(user), organisation=user.organisation_id)
        return own.alias(within=within).filter(within=True)

    def manageable_by(self, user: User | AnonymousUser) -> DeviceQuerySet:
        return self.visible_to(user, Role.ADMIN)

    def registrable_by(self, user: User | AnonymousUser) -> DeviceQuerySet:
        """Return those for which the user may open a window: their organisation's, free or re-provisionable."""
        if not isinstance(user, User) or not user.reach(Role.TECHNICIAN):
            return self.none()
        free = Q(group=None) | Q(organisation__allow_reprovisioning=True)
        return self.filter(free, organisation=user.organisation_id)

    def with_admitted(self) -> DeviceQuerySet:
        """Add `admitted`: whether the device may connect and be registered, by the database's clock."""
        admitted: dict[str, Any] = {"admitted": Case(When(Device.may_connect(), then=True), default=False)}
        return self.annotate(**admitted)

    def with_status(self) -> DeviceQuerySet:
        """Add `status` (one of `Device.Status`) and whether it is `shut_out`, by the database's clock."""
        whens = [When(condition, then=Value(status)) for status, condition in Device.statuses().items()]
        status: Any = Case(*whens, default=Value(Device.Status.NEVER), output_field=models.CharField())
        shut_out = Case(When(Device.is_shut_out(), then=True), default=False)
        annotations = {"status": status, "shut_out": shut_out}
        return self.select_related("connection").annotate(**annotations)

    def in_status(self, status: str) -> DeviceQuerySet:
        """Return those whose status it is, by its own condition, which the database can look up."""
        if status == Device.Status.RETIRED:
            return self.filter(retired_at__isnull=False)
        locked = {"locked_at__isnull": status != Device.Status.LOCKED}
        return self.filter(Device.statuses()[status], retired_at=None, **locked)


class Device(models.Model):
    """Record a device of the registry. Only `devices.lifecycle.assignments` sets `group` and, with it, `assignment` and
    `person`."""

    class Status(models.TextChoices):
        ONLINE = "online", "Online"
        OFFLINE = "offline", "Offline"
        NEVER = "never", "Never connected"
        EXPIRED = "expired", "Activation expired"
        LOCKED = "locked", "Locked"
        RETIRED = "retired", "Retired"

    if (
        TYPE_CHECKING
    ):  # annotated by `with_status`, `with_admitted`, devices.access and devices.bulk_actions.eligibility
        status: str
        shut_out: bool
        admitted: bool
        verdict: str
        attempted_at: datetime | None
        attention_mark: int

    device_id = models.CharField(max_length=24, default=new_device_id, editable=False)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="devices", db_index=False)
    serial = models.CharField(max_length=serials.MAX_LENGTH)
    serial_key = models.CharField(max_length=serials.MAX_LENGTH, editable=False)
    version = models.ForeignKey(RecipeVersion, models.PROTECT, related_name="devices")
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=500, blank=True)
    model = models.ForeignKey(DeviceModel, models.PROTECT, null=True, blank=True, related_name="devices")
    tags = models.JSONField(default=dict, blank=True)
    group = models.ForeignKey(Group, models.PROTECT, null=True, blank=True, related_name="devices")
    # Once, by an index with a condition (below). To PostgreSQL a column that is unique without one is a key, and who
    # changes a key makes everybody wait who names the row, as every report does.
    assignment = models.ForeignKey(
        "Assignment", models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    # Whose it is within the group, as its assignment has it: of the group's other people, only admins see it then.
    person = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="devices", db_index=False)
    registered_at = models.DateTimeField(db_default=Now())
    activated_at = models.DateTimeField(null=True, blank=True, editable=False)  # when it connected first
    expires_at = models.DateTimeField(null=True, blank=True)  # if it has not connected until then
    locked_at = models.DateTimeField(null=True, blank=True)  # may neither connect nor be registered by anyone
    # Its life is over: in no list and no count, but its history, its group and its serial stay.
    retired_at = models.DateTimeField(null=True, blank=True)
    # Of a retired one whose serial was given free: what it was. Its own is another one since, that no label has.
    former_serial = models.CharField(max_length=serials.MAX_LENGTH, blank=True, default="", db_default="")
    source = models.ForeignKey(
        "Import", models.SET_NULL, null=True, blank=True, related_name="devices", db_constraint=False, db_index=False
    )
    row = models.PositiveIntegerField(null=True, blank=True)  # of its source's file
    # By which it goes at the door that made it, compared as written; its serial is what people read.
    own_id = models.CharField(max_length=90, blank=True, default="", db_default="", editable=False)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["device_id"], name="device_id_once"),
            models.UniqueConstraint(fields=["organisation", "serial_key"], name="serial_once"),
            models.UniqueConstraint(fields=["organisation", "own_id"], condition=~Q(own_id=""), name="own_id_once"),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(assignment__isnull=False), name="device_assignment_once"
            ),
            models.CheckConstraint(
                condition=Q(group=None, assignment=None) | Q(group__isnull=False, assignment__isnull=False),
                name="device_group_and_assignment_agree",
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "name", "id"]),
            models.Index(fields=["organisation", "id"], name="device_by_id"),
            models.Index(fields=["source", "row"]),
            # Few of many: a filter that finds them reads these alone.
            models.Index(fields=["group", "person"], name="device_personal", condition=Q(person__isnull=False)),
            models.Index(fields=["person"], name="device_of_person", condition=Q(person__isnull=False)),
            models.Index(fields=["organisation", "name"], name="device_locked", condition=Q(locked_at__isnull=False)),
            models.Index(fields=["organisation", "name"], name="device_retired", condition=Q(retired_at__isnull=False)),
            models.Index(
                fields=["organisation", "expires_at"],
                name="device_not_activated",
                condition=Q(activated_at=None, expires_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.serial = serials.canonical(self.serial)
            self.serial_key = serials.fold(self.serial)
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse_quickly("telemetry:dashboard", serial=self.serial)

    def clean(self) -> None:
        if cause := serials.RESERVED.get(serials.fold(self.serial)):
            raise ValidationError({"serial": cause})
        if self.version.recipe.organisation_id != self.organisation_id:
            raise ValidationError({"version": "This recipe belongs to another organisation."})
        if self.model and self.model.organisation_id != self.organisation_id:
            raise ValidationError({"model": "This model belongs to another organisation."})

    @staticmethod
    def online_for() -> timedelta:
        """Return for how long a device counts as online since it was heard."""
        return timedelta(seconds=settings.ONLINE_SECONDS)

    @staticmethod
    def is_online(prefix: str = "") -> Q:
        """Match who was heard of late, and was not seen to leave since, by the database's clock."""
        seen, left = f"{prefix}connection__last_seen_at", f"{prefix}connection__disconnected_at"
        stayed = Q(**{left: None}) | Q(**{f"{left}__lt": F(seen)})
        return Q(**{f"{seen}__gt": Now() - Device.online_for()}) & stayed

    @staticmethod
    def statuses() -> dict[str, Q]:
        """Return the condition of each status, by the database's clock; the first that holds is the device's."""
        gone = Q(connection__disconnected_at__gte=F("connection__last_seen_at"))
        silent = Q(connection__last_seen_at__lte=Now() - timedelta(seconds=settings.ONLINE_SECONDS))
        waits = Q(expires_at=None) | Q(expires_at__gt=Now()) | Q(activated_at__isnull=False)
        return {
            Device.Status.RETIRED: Q(retired_at__isnull=False),
            Device.Status.LOCKED: Q(locked_at__isnull=False),
            Device.Status.EXPIRED: Device.has_expired(),
            Device.Status.ONLINE: Device.is_online(),
            Device.Status.OFFLINE: silent | gone,
            Device.Status.NEVER: Q(connection=None) & waits,
        }

    @staticmethod
    def has_expired(prefix: str = "") -> Q:
        """Match who was added, never connected, and is past its activation window, by the database's clock."""
        return Q(**{f"{prefix}activated_at": None, f"{prefix}expires_at__lte": Now()})

    @staticmethod
    def may_connect(prefix: str = "") -> Q:
        """Match who is neither retired nor locked nor expired, by the database's clock."""
        open_end = Q(**{f"{prefix}expires_at": None}) | Q(**{f"{prefix}expires_at__gt": Now()})
        barred = Q(**{f"{prefix}retired_at": None, f"{prefix}locked_at": None})
        return barred & (open_end | Q(**{f"{prefix}activated_at__isnull": False}))

    @staticmethod
    def is_shut_out(prefix: str = "") -> Q:
        """Match who is shut out for now, since it sent too much."""
        return Q(**{f"{prefix}connection__limited_until__gt": Now()})

    @property
    def last_seen_at(self) -> datetime | None:
        """Return when it was heard last; None if before the current assignment, for that is the former tenant's."""
        try:
            at: datetime = self.connection.last_seen_at
        except Connection.DoesNotExist:
            return None
        return self.since_assigned(at)

    def since_assigned(self, at: datetime | None) -> datetime | None:
        """Return the time, unless it is from before the current assignment."""
        return None if at and self.assignment and at < self.assignment.opened_at else at

    @property
    def serial_grouped(self) -> str:
        return serials.format_in_fours(self.serial)

    @property
    def state_topic(self) -> str:
        return f"devices/{self.device_id}/state"


class Assignment(models.Model):
    """Record the period in which a device belongs to one group, or within it to one person."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="assignments")
    group = models.ForeignKey(Group, models.PROTECT, related_name="assignments")
    person = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False)
    opened_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)
    with_device = models.BooleanField(default=False, db_default=False)  # opened as the device was made, by the same act

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device"], condition=Q(closed_at=None), name="one_open_assignment")
        ]

    def __str__(self) -> str:
        return f"{self.device} in {self.group}"


class Connection(models.Model):
    """Record when the device was last heard, and whether the broker saw it leave since: a hot row."""

    device = models.OneToOneField(Device, models.CASCADE, primary_key=True, related_name="connection")
    last_seen_at = models.DateTimeField()
    reported_at = models.DateTimeField(null=True, blank=True)  # when it said something last, not merely stayed
    # For how long it may say nothing, from how often it did by then (telemetry.attention.silence).
    patience = models.DurationField(null=True, blank=True)
    patience_at = models.DateTimeField(null=True, blank=True)
    disconnected_at = models.DateTimeField(null=True, blank=True)
    limited_until = models.DateTimeField(null=True, blank=True)  # shut out until then, for it sent too much
    dropped = models.BigIntegerField(db_default=0, default=0)  # of its messages, since that began

    class Meta:
        indexes = [  # few of many
            models.Index(fields=["limited_until"], name="connection_limited", condition=Q(limited_until__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.device_id}: {self.last_seen_at}"
