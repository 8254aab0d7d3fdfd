"""What a token may: at most what its maker may."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone

from lib.fields import OneLineField
from tenants.models import Role
from tenants.picker import GroupField

if TYPE_CHECKING:
    from datetime import date

    from tenants.models import User

DAYS = 90
ROLES = {
    Role.VIEWER: "Viewer: read devices and what they report",
    Role.TECHNICIAN: "Technician: also register devices into groups",
    Role.ADMIN: "Admin: also change and manage",
}


class TokenForm(forms.Form):
    name = OneLineField(
        max_length=120,
        help_text="What will use it, so that you know which one to revoke.",
        error_messages={"required": "Name what will use it."},
    )
    role = forms.TypedChoiceField(coerce=int, help_text="The least that is enough.")
    group = GroupField(
        empty_label=None,
        help_text="It reaches this group and everything below it.",
        error_messages={"invalid_choice": "You don't reach this group (any more). Choose another one."},
    )
    last_day = forms.DateField(
        label="Works until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The last day, in UTC. Without one it works until it is revoked.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        groups: Any = self.fields["group"]
        groups.offer(user, "see")
        roles: Any = self.fields["role"]
        roles.choices = [(role.value, words) for role, words in ROLES.items() if user.reach(role)]
        self.initial = {"role": Role.VIEWER, "last_day": timezone.now().date() + timedelta(days=DAYS)}

    def clean_last_day(self) -> date | None:
        day: date | None = self.cleaned_data["last_day"]
        if day and day < timezone.now().date():
            raise forms.ValidationError("This day is over. Choose a later one, or none.")
        if day and day.year > 9000:
            raise forms.ValidationError("Choose an earlier day, or none.")
        return day

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        role, group = values.get("role"), values.get("group")
        if role and group and not self.user.may(role, group.path):
            self.add_error("role", f"You have a lower role in {group}. Choose that, or another group.")
        return values

    @property
    def token_fields(self) -> dict[str, Any]:
        """Return what `tokens.create` takes."""
        values = self.cleaned_data
        end = values["last_day"] and datetime.combine(values["last_day"] + timedelta(days=1), time(), UTC)
        return {"name": values["name"], "role": values["role"], "group": values["group"], "expires_at": end or None}
