from __future__ import annotations

from django import forms

from lib.fields import OneLineField


class NameForm(forms.Form):
    """Ask for the name of a group."""

    name = OneLineField(max_length=120)
