"""Fields that several forms have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from lib import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


class _Rows(forms.models.ModelChoiceIterator):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        if self.field.empty_label is not None:
            yield ("", self.field.empty_label)
        for row in self.queryset or ():
            yield self.choice(row)


class RowField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Choose one of few rows: they are read once, where Django's own field opens a cursor for them each time."""

    iterator = _Rows
