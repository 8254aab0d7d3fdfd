from __future__ import annotations

from django import forms

from devices.forms.recipes import plain


class ModelForm(forms.Form):
    name = forms.CharField(
        label="Name",
        max_length=120,
        error_messages={"required": "Give the model a name."},
    )

    def clean_name(self) -> str:
        return plain(self.cleaned_data["name"])
