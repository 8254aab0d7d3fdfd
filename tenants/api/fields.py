"""Fields that several serializers have."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from lib import names
from lib.parsing import LARGEST


class _Text(serializers.CharField):
    # No docstrings here: those of fields are published. What is stored stays where it is sent unchanged, though it may
    # be of before a rule: of a row that is changed, the `instance` of `read`.

    def to_internal_value(self, data: Any) -> str:
        stored = getattr(self.root.instance, self.source or "", None)
        if isinstance(data, str) and isinstance(stored, str) and names.is_same(data, stored):
            return stored
        try:
            return self.clean_text(super().to_internal_value(data))
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from None

    def clean_text(self, text: str) -> str:
        raise NotImplementedError


class Key(serializers.IntegerField):
    # The id of a row, where none is looked up.

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST, **kwargs)


class OneLine(_Text):
    # What something is called: see `lib.names`.

    def clean_text(self, text: str) -> str:
        return names.one_line(text)


class SeveralLines(_Text):
    # What is written about something: see `lib.names`.

    def clean_text(self, text: str) -> str:
        return names.several_lines(text)
