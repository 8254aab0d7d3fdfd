"""What happened to accounts: who signed in, from where, and what was changed of how they sign in and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tenants.models.people import User
from tenants.models.tree import Organisation

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class AccountEventQuerySet(models.QuerySet["AccountEvent"]):
    def of(self, user: User) -> AccountEventQuerySet:
        """Select one's own, whichever organisation one was in."""
        return self.filter(user=user)

    def by(self, who: str) -> AccountEventQuerySet:
        """Select those of people whose name or address contains this."""
        return self.filter(Q(user__name__icontains=who) | Q(user__email__icontains=who)) if who else self.all()

    def manageable_by(self, user: User | AnonymousUser) -> AccountEventQuerySet:
        """Select what happened while its person was in the organisation, for an admin of the whole of it."""
        if not isinstance(user, User) or not user.owns_organisation:
            return self.none()
        return self.filter(organisation=user.organisation_id, organisation__isnull=False)


class AccountEvent(models.Model):
    """Record an immutable fact about an account. Without a user: somebody tried an address that has none."""

    class Kind(models.TextChoices):
        SIGNED_IN = "signed-in", "Signed in"
        REFUSED = "refused", "Wrong password"
        CODE_REFUSED = "code-refused", "Wrong two-factor code"
        DISABLED = "disabled", "Tried to sign in to a disabled account"
        SIGNED_OUT = "signed-out", "Signed out"
        SIGNED_OUT_EVERYWHERE = "signed-out-everywhere", "Signed out everywhere"
        SESSION_ENDED = "session-ended", "Signed out another browser"
        PASSWORD_CHANGED = "password-changed", "Password changed"
        PASSWORD_RESET = "password-reset", "Password reset by a mailed link"
        TWO_FACTOR_ON = "two-factor-on", "Two-factor sign-in turned on"
        TWO_FACTOR_OFF = "two-factor-off", "Two-factor sign-in turned off"
        CODES_MADE = "codes-made", "New recovery codes made"
        TOKEN_MADE = "token-made", "API token made"
        TOKENS_REVOKED = "tokens-revoked", "API tokens revoked"
        CLOCK_CHOSEN = "clock-chosen", "Time zone or hours chosen"
        MAILS_CHOSEN = "mails-chosen", "Mails chosen"
        PUSH_ADDED = "push-added", "Messages to a browser turned on"
        PUSH_ENDED = "push-ended", "Messages to a browser turned off"

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="account_events")
    organisation = models.ForeignKey(Organisation, models.CASCADE, null=True, related_name="+")  # the user's, then
    kind = models.CharField(max_length=24, choices=Kind.choices)
    at = models.DateTimeField(db_default=Now())
    address = models.GenericIPAddressField(null=True)
    device = models.CharField(max_length=40, blank=True)
    data = models.JSONField(default=dict)
    unsent = models.BooleanField(default=False, db_default=False)  # a mail to the person about it waits

    objects = AccountEventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user", "-id"]),
            models.Index(fields=["organisation", "-id"]),
            models.Index(fields=["at"]),
            models.Index(fields=["id"], condition=Q(unsent=True), name="account_event_unsent"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ValueError("What happened is not changed.")
        super().save(*args, **kwargs)

    @property
    def detail(self) -> str:
        """Say more than the kind, in words."""
        parts = [", ".join(self.data.get("tokens", ()))]
        parts += [self.data.get("why", ""), self.data.get("clock", ""), self.data.get("mails", "")]
        parts += [self.data.get("browser", "")]
        parts += [f"by {self.data['by']}"] if self.data.get("by") else []
        parts += ["a browser that was not known"] if self.data.get("new") else []
        return "; ".join(filter(None, parts))
