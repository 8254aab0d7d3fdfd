from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from lib.fields import OneLineField
from lib.stored_form import StoredForm
from tenants.models import Membership, Role, User

if TYPE_CHECKING:
    from tenants.models import Group, Invitation

ROLES = [
    (Role.VIEWER, "Viewer: sees the devices and what they report"),
    (Role.TECHNICIAN, "Technician: registers devices here too"),
    (Role.ADMIN, "Admin: manages groups, people and devices here too"),
]


class RoleForm(StoredForm):
    role = forms.TypedChoiceField(
        choices=ROLES,
        coerce=lambda value: Role(int(value)),
        widget=forms.RadioSelect,
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose one of the three roles."),
    )


class InviteForm(RoleForm):
    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        error_messages={
            "required": "Whom do you invite? Give their e-mail address.",
            "invalid": "This is no e-mail address. Write it whole, such as name@company.example.",
        },
    )

    field_order = ["email", "role"]

    def __init__(self, *args: Any, user: User, group: Group, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._members = Membership.objects.manageable_by(user).filter(group=group)

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip().lower()
        if member := self._members.filter(user__email=email).first():
            role = member.get_role_display()
            raise ValidationError(f"Is {role} of this group already. Change the role below People instead.")
        return email


class JoinForm(forms.Form):
    name = OneLineField(max_length=120, label="Your name")
    password = forms.CharField(
        widget=forms.PasswordInput,
        strip=False,
        max_length=1000,
        help_text="At least 12 characters, of any kind; four random words are good.",
    )

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._email, self._organisation = invitation.email, invitation.organisation

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        user = User(email=self._email, name=self.cleaned_data.get("name", ""), organisation=self._organisation)
        validate_password(password, user)
        return password
