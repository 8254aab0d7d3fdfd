"""Fields that several forms have."""

from __future__ import annotations

from typing import Any

from django import forms

from lib import names


class _Text(forms.CharField):
    """`stored` stays what it is where it is sent unchanged, though it may be of before a rule."""

    stored = ""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not isinstance(text, str):
            return text
        return self.stored if self.stored and names.is_same(text, self.stored) else self.clean_text(text)

    def clean_text(self, text: str) -> str:
        raise NotImplementedError


class OneLineField(_Text):
    """What something is called: see `lib.names`."""

    def clean_text(self, text: str) -> str:
        return names.one_line(text)


class SeveralLinesField(_Text):
    """What is written about something: see `lib.names`."""

    widget = forms.Textarea

    def clean_text(self, text: str) -> str:
        return names.several_lines(text)
