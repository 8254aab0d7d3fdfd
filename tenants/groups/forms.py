from __future__ import annotations

from lib.fields import OneLineField
from lib.stored_form import StoredForm


class NameForm(StoredForm):
    """Ask for the name of a group."""

    name = OneLineField(max_length=120)
