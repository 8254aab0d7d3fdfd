from __future__ import annotations

from django import forms


class NameForm(forms.Form):
    """The name of a group: one line."""

    name = forms.CharField(max_length=120)

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())
