"""Fields that several forms have."""

from __future__ import annotations

from typing import Any

from django import forms

from lib import names


class OneLineField(forms.CharField):
    """What something is called: see `lib.names`."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return names.one_line(text) if isinstance(text, str) else text
