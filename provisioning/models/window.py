"""How: the window in which one technician may finish provisioning one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Now

from devices.models import Assignment, Device
from tenants.models import ApiToken, Presence, Role, User

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser


def build_topic(key: object) -> str:
    """Return the live topic of the window that has the key."""
    return f"window:{key}"


class WindowQuerySet(models.QuerySet["Window"]):
    def visible_to(self, user: User | AnonymousUser, token: ApiToken | None = None) -> WindowQuerySet:
        """Return the user's own windows, while they may still register devices in that organisation.

        Of a `token` that may less than its person, those opened with it.
        """
        if not isinstance(user, User) or not user.reach(Role.TECHNICIAN):
            return self.none()
        return self.opened_by(user, token).filter(device__organisation=user.organisation_id)

    def opened_by(self, user: User, token: ApiToken | None) -> WindowQuerySet:
        return self.filter(technician=user, token=token) if token else self.filter(technician=user)

    def open(self) -> WindowQuerySet:
        """Return those open by the database's clock; nobody needs to close a window for it to end."""
        return self.filter(closed_at=None, deadline__gt=Now())

    def with_state(self) -> WindowQuerySet:
        """Add `state` (`Window.State`) and `now`, both by the database's clock."""
        ended = [
            When(outcome=outcome, then=Value(outcome))
            for outcome in (Window.State.COMPLETED, Window.State.CANCELLED, Window.State.SUPERSEDED)
        ]
        state = Case(
            *ended,
            When(Q(outcome=Window.State.EXPIRED) | Q(deadline__lte=Now()), then=Value("expired")),
            When(pressed_at__isnull=False, then=Value("pressed")),
            default=Value("waiting"),
            output_field=models.CharField(),
        )
        annotations: dict[str, Any] = {"state": state, "now": Now()}
        return self.annotate(**annotations)


class Window(models.Model):
    """Record the time in which one technician may finish provisioning one device.

    Open while `closed_at` is null and the deadline lies ahead of the database's clock.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        PRESSED = "pressed"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        SUPERSEDED = "superseded"
        EXPIRED = "expired"

    if TYPE_CHECKING:  # annotated by `with_state`
        state: str
        now: datetime

    key = models.UUIDField(unique=True, default=uuid4, editable=False)
    device = models.ForeignKey(Device, models.CASCADE, related_name="windows")
    technician = models.ForeignKey(User, models.CASCADE, related_name="windows")
    # With which it was opened: one that may less than its person meets no other window of theirs.
    token = models.ForeignKey(ApiToken, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    opened_at = models.DateTimeField(db_default=Now())
    deadline = models.DateTimeField()
    # What it asks for, as it was said when it was opened; and when that was had: pressed, or proved in another way.
    method = models.CharField(max_length=16, choices=Presence.choices, default="press", db_default="press")
    pressed_at = models.DateTimeField(null=True, blank=True)
    # Digits that its page shows and somebody enters at the device, where a signed answer is asked for.
    challenge = models.CharField(max_length=8, blank=True, default="", db_default="")
    label = models.JSONField(null=True, blank=True)  # what its label says beside the serial, without secrets
    wrong_codes = models.PositiveIntegerField(default=0, db_default=0)
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=State.choices, blank=True)
    # That it led to: its group's admins may know of the window.
    assignment = models.ForeignKey(
        Assignment, models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False, db_index=False
    )

    objects = WindowQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["opened_at"], name="window_opened"),
            models.Index(fields=["assignment"], name="window_of_assignment", condition=Q(assignment__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["device"], condition=Q(closed_at=None), name="one_open_window"),
            models.CheckConstraint(
                condition=Q(closed_at=None, outcome="") | (Q(closed_at__isnull=False) & ~Q(outcome="")),
                name="window_outcome_when_closed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} by {self.technician}"

    @property
    def topic(self) -> str:
        return build_topic(self.key)

    def close(self, outcome: State, *, only_if: Q) -> bool:
        """Close the window by one conditional UPDATE on the database's clock; return whether this call did."""
        still_open = Window.objects.filter(only_if, pk=self.pk, closed_at=None, deadline__gt=Now())
        return still_open.update(closed_at=Now(), outcome=outcome) == 1
