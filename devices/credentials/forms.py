"""What an admin decides about a device's credentials."""

from __future__ import annotations

from datetime import timedelta

from django import forms

from devices.credentials import presence_secrets


class PresenceForm(forms.Form):
    method = forms.ChoiceField(choices=presence_secrets.CHOICES)


class RotateForm(forms.Form):
    ENDS = (
        ("first-use", "As soon as the device connects with the new one"),
        ("1h", "In 1 hour"),
        ("1d", "In 1 day"),
        ("7d", "In 7 days"),
        ("30d", "In 30 days"),
        ("now", "At once: the device is cut off until it has the new one"),
    )
    LASTS = {
        "first-use": None,
        "1h": timedelta(hours=1),
        "1d": timedelta(days=1),
        "7d": timedelta(days=7),
        "30d": timedelta(days=30),
        "now": timedelta(),
    }

    ends = forms.ChoiceField(
        label="The current access keys end",
        choices=ENDS,
        error_messages={
            "required": "Choose when the current access keys end.",
            "invalid_choice": "Choose one of these times.",
        },
    )

    @property
    def lasts(self) -> timedelta | None:
        """Return how long they work from now; None is until the new one is used first."""
        return self.LASTS[self.cleaned_data["ends"]]
