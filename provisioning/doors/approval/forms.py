"""What an admin says of a door of approval, and of a token of it."""

from __future__ import annotations

from typing import Any

from django import forms

from lib.fields import OneLineField
from lib.refusals import Refusal
from lib.stored_form import StoredForm
from provisioning.doors import own_ids

LONGEST_WAIT, LONGEST_LIFE = 1440, 3650  # minutes; days


def _whole(most: int, *, empty: bool = False) -> dict[str, str]:
    words = f"Write a whole number from 1 to {most:,}" + (", or leave it empty." if empty else ".")
    return dict.fromkeys(("required", "invalid", "min_value", "max_value"), words)


class ApprovalForm(StoredForm):
    waits = forms.IntegerField(
        label="A device waits for approval, in minutes",
        min_value=1,
        max_value=LONGEST_WAIT,
        initial=60,
        help_text="After that it asks again, with a new code.",
        error_messages=_whole(LONGEST_WAIT),
    )
    token_days = forms.IntegerField(
        label="A registration token works for, in days",
        required=False,
        min_value=1,
        max_value=LONGEST_LIFE,
        initial=90,
        help_text="A little longer than a device may be off: it refreshes the token while it runs. Empty: for ever.",
        error_messages=_whole(LONGEST_LIFE, empty=True),
    )
    credential_days = forms.IntegerField(
        label="A credential works for, in days",
        min_value=1,
        max_value=LONGEST_LIFE,
        initial=30,
        help_text="The device gets the next one by itself, with its registration token.",
        error_messages=_whole(LONGEST_LIFE),
    )

    def __init__(self, *args: Any, kept: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, stored=kept or None, **kwargs)

    @property
    def settings(self) -> dict[str, Any]:
        """Return what the door keeps."""
        return dict(self.cleaned_data)


class TokenForm(forms.Form):
    identity = OneLineField(
        label="For the device with this ID alone",
        required=False,
        max_length=90,
        help_text="Empty: devices share it, and each says its own ID, or the approver gives it one.",
    )

    def clean_identity(self) -> str:
        text = str(self.cleaned_data["identity"])
        try:
            return own_ids.check_id(text) if text else ""
        except Refusal as refusal:
            raise forms.ValidationError(refusal.next_step) from None
