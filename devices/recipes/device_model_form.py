from __future__ import annotations

from lib.fields import OneLineField
from lib.stored_form import StoredForm


class ModelForm(StoredForm):
    name = OneLineField(label="Name", max_length=120, error_messages={"required": "Give the model a name."})
