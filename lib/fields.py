"""Fields that several forms have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from lib import names

if TYPE_CHECKING:
    from collections.abc import Callable


class _Text(forms.CharField):
    """Clean a text, but keep what is `stored` where it is sent unchanged: it may be of before a rule."""

    stored = ""
    rule: Callable[[str], str]  # text as it is kept; raises ValidationError

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not isinstance(text, str):
            return text
        return self.stored if self.stored and names.is_same(text, self.stored) else self.rule(text)


class OneLineField(_Text):
    """Clean what something is called: see `lib.names`."""

    rule = staticmethod(names.clean_one_line)


class SeveralLinesField(_Text):
    """Clean what is written about something: see `lib.names`."""

    widget = forms.Textarea
    rule = staticmethod(names.clean_several_lines)
