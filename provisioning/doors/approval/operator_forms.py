"""What somebody fills in who lets a device in, or looks for it by its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from lib.fields import OneLineField
from tenants.models import Role
from tenants.picker import GroupField

if TYPE_CHECKING:
    from provisioning.models import ProvisioningOperation
    from tenants.models import User

LONGEST_CODE = 40
CODE = {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}


class FindForm(forms.Form):
    code = forms.CharField(
        max_length=LONGEST_CODE,
        widget=forms.TextInput(attrs=CODE),
        help_text="Eight letters, as WDJB-MJHT. Capitals and the dash don't matter.",
        error_messages={"required": "Enter the code that the device shows."},
    )


class ApproveForm(forms.Form):
    code = forms.CharField(
        label="Code on the device",
        required=False,
        max_length=LONGEST_CODE,
        widget=forms.TextInput(attrs=CODE),
        help_text="It proves that you stand in front of it.",
        error_messages={"required": "Enter the code that the device shows."},
    )
    identity = OneLineField(
        label="ID",
        required=False,
        max_length=90,
        help_text="By which it goes: 4 to 90 letters, digits, dashes, underscores and dots.",
    )
    name = OneLineField(required=False, max_length=120, help_text="What people at the site call it. Empty: its ID.")
    group = GroupField(
        required=False,
        empty_label="None yet",
        help_text="Where it is installed.",
        error_messages={"invalid_choice": "This group can't take the device (any more). Choose another one."},
    )

    def __init__(self, *args: Any, user: User, operation: ProvisioningOperation, code: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        group: Any = self.fields["group"]
        group.offer(user, "place")
        self.fields["identity"].disabled = bool(operation.token.identity)
        if operation.door.group_id:
            group.empty_label = str(operation.door.group)
        if user.reach(Role.ADMIN):
            self.fields["code"].help_text += " Admins may leave it out."
        else:
            self.fields["code"].required = not operation.organisation.skip_presence
        self.initial = {"identity": operation.identity, "code": code}
