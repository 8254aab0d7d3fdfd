from __future__ import annotations

from django import forms

from lib.fields import OneLineField


class ModelForm(forms.Form):
    name = OneLineField(label="Name", max_length=120, error_messages={"required": "Give the model a name."})
