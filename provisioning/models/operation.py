"""Devices that wait at a door until somebody approves them, and the tokens with which they then register."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Now

from devices.models import Device
from provisioning.models.door import Door, DoorKey
from tenants.models import Group, Organisation, Role, User

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser


class ProvisioningOperationQuerySet(models.QuerySet["ProvisioningOperation"]):
    def visible_to(self, user: User | AnonymousUser) -> ProvisioningOperationQuerySet:
        """Return those of the organisation, to whoever may register devices in it: what somebody else decided is told
        to its owners alone."""
        if not isinstance(user, User) or not user.reach(Role.TECHNICIAN):
            return self.none()
        own = self.filter(organisation=user.organisation_id)
        return own if user.owns_organisation else own.filter(Q(outcome="") | Q(by=user))

    def of(self, door: Door) -> ProvisioningOperationQuerySet:
        return self.filter(door=door)

    def pending(self) -> ProvisioningOperationQuerySet:
        """Return those that wait for somebody, by the database's clock."""
        return self.filter(outcome="", expires_at__gt=Now())

    def with_state(self) -> ProvisioningOperationQuerySet:
        """Add `state` (`ProvisioningOperation.State`) and `now`, both by the database's clock."""
        of = ProvisioningOperation.State
        whens = [
            When(outcome=of.CANCELLED, then=Value(of.CANCELLED)),
            When(registered_at__isnull=False, then=Value(of.REGISTERED)),
            When(expires_at__lte=Now(), then=Value(of.EXPIRED)),
            When(outcome=of.APPROVED, then=Value(of.APPROVED)),
        ]
        state = Case(*whens, default=Value(of.PENDING), output_field=models.CharField())
        annotations: dict[str, Any] = {"state": state, "now": Now()}
        return self.annotate(**annotations)


class ProvisioningOperation(models.Model):
    """Record that a device asked to come in, what it said of itself, and what somebody decided.

    Until then it waits while `expires_at` lies ahead; approved, it has until then to fetch its token.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waits for approval"
        APPROVED = "approved", "Approved"
        REGISTERED = "registered", "Registered"
        CANCELLED = "cancelled", "Cancelled"
        EXPIRED = "expired", "Its time is over"

    if TYPE_CHECKING:  # annotated by `with_state`
        state: str
        now: datetime

    key = models.UUIDField(unique=True, default=uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+", db_index=False)
    door = models.ForeignKey(Door, models.CASCADE, related_name="operations")
    token = models.ForeignKey(DoorKey, models.CASCADE, related_name="+", db_index=False)  # with which it came
    code = models.CharField(max_length=8)  # that the device shows, without its dash
    # The ID that it goes by: as its token has it, as it said, or as the approver did.
    identity = models.CharField(max_length=90, blank=True, default="")
    said = models.JSONField(default=dict)  # of itself: name -> text
    address = models.CharField(max_length=64, blank=True, default="")  # from which it came
    started_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    wrong_codes = models.PositiveIntegerField(default=0, db_default=0)  # that people entered
    asked_at = models.DateTimeField(null=True)  # by the device, last, where it is told how often it may
    outcome = models.CharField(max_length=10, choices=State.choices, blank=True, default="")
    decided_at = models.DateTimeField(null=True)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")  # who approved or cancelled it
    name = models.CharField(max_length=120, blank=True, default="")
    group = models.ForeignKey(Group, models.SET_NULL, null=True, related_name="+", db_constraint=False)
    # That is approved once more, or that came to be by it.
    device = models.ForeignKey(Device, models.CASCADE, null=True, related_name="+", db_constraint=False)
    registered_at = models.DateTimeField(null=True)

    objects = ProvisioningOperationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "code"], condition=Q(outcome=""), name="operation_code_once"
            )
        ]
        indexes = [models.Index(fields=["organisation", "expires_at"], name="operation_open", condition=Q(outcome=""))]

    def __str__(self) -> str:
        return f"{self.code[:4]}-{self.code[4:]}"

    @property
    def topic(self) -> str:
        return build_operations_topic(self.organisation_id)

    def close(self, outcome: State, *, only_if: Q, **fields: Any) -> bool:
        """Decide it by one conditional UPDATE on the database's clock; return whether this call did."""
        rows = ProvisioningOperation.objects.filter(only_if, pk=self.pk, expires_at__gt=Now())
        return rows.update(outcome=outcome, decided_at=Now(), **fields) == 1


def build_operations_topic(organisation: int | None) -> str:
    """Return the live topic of what waits in an organisation."""
    return f"operations:{organisation}"


class RegistrationTokenQuerySet(models.QuerySet["RegistrationToken"]):
    def standing(self) -> RegistrationTokenQuerySet:
        """Return those neither ended nor past their own end, by the database's clock."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), ended_at=None)

    def with_state(self) -> RegistrationTokenQuerySet:
        """Add whether it is `over`, and `now`, both by the database's clock."""
        over = Case(When(expires_at__lte=Now(), then=True), default=False)
        annotations: dict[str, Any] = {"over": over, "now": Now()}
        return self.annotate(**annotations)


class RegistrationToken(models.Model):
    """Record the token with which an approved device registers, again and again; of it only the SHA-256 stays."""

    if TYPE_CHECKING:  # annotated by `with_state`
        over: bool
        now: datetime
        door_state: str  # annotated where it registers
        token_state: str

    operation = models.ForeignKey(ProvisioningOperation, models.CASCADE, related_name="registration_tokens")
    token_hash = models.BinaryField(max_length=32, unique=True)
    issued_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # The token that it was refreshed into; that one unused, the answer with it may have been lost.
    successor = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    used_at = models.DateTimeField(null=True)

    objects = RegistrationTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.pk} of {self.operation_id}"
