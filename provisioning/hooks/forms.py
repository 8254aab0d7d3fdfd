"""What an admin says of a hook."""

from __future__ import annotations

from django import forms

from lib.fields import OneLineField
from lib.outgoing.addresses import LONGEST
from lib.stored_form import StoredForm
from provisioning.hooks.operations import MOST_POSITION
from provisioning.models import Hook


class HookForm(StoredForm):
    name = OneLineField(max_length=120, error_messages={"required": "Give the hook a name."})
    url = forms.CharField(
        label="Address",
        max_length=LONGEST,
        widget=forms.URLInput(attrs={"placeholder": "https://join.example/hooks"}),
        help_text="Messages are posted there by https.",
        error_messages={"required": "Write the address that is to be told."},
    )
    tells = forms.ChoiceField(label="It is told of", choices=Hook.Tells.choices, required=False)
    position = forms.IntegerField(
        label="Place in the order",
        min_value=1,
        max_value=MOST_POSITION,
        help_text="1 is told first. The next one is told once this one took its message.",
        error_messages={
            "required": f"Write a number from 1 to {MOST_POSITION}.",
            "invalid": f"Write a number from 1 to {MOST_POSITION}.",
            "min_value": f"Write a number from 1 to {MOST_POSITION}.",
            "max_value": f"Write a number from 1 to {MOST_POSITION}.",
        },
    )

    def clean_tells(self) -> str:
        return self.cleaned_data["tells"] or Hook.Tells.PLACEMENTS
