"""Fields that several serializers have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from lib import names
from lib.parsing import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class _Text(serializers.CharField):
    # No docstrings here: those of fields are published. What is stored stays where it is sent unchanged, though it may
    # be of before a rule: of a row that is changed, the `instance` of `read`.

    rule: Callable[[str], str]  # text as it is kept; raises ValidationError

    def to_internal_value(self, data: Any) -> str:
        stored = getattr(self.root.instance, self.source or "", None)
        if isinstance(data, str) and isinstance(stored, str) and names.is_same(data, stored):
            return stored
        try:
            return self.rule(super().to_internal_value(data))
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from None


class Key(serializers.IntegerField):
    # The id of a row, where none is looked up.

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST, **kwargs)


class Flag(serializers.BooleanField):
    # `true` or `false`, and no other spelling of them: `"0"` and `"no"` are texts.

    default_error_messages = {"invalid": "Send true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if self.context.get("is_query"):  # where everything is a text
            data = {"true": True, "false": False}.get(data)
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class Day(serializers.DateField):
    # As ISO 8601 has it.

    default_error_messages = dict.fromkeys(("invalid", "datetime"), "Send a day as 2026-01-31: year, month, day.")


class Moment(serializers.DateTimeField):
    # A time with its zone: what 12:00 means depends on the reader.

    default_error_messages = dict.fromkeys(
        ("invalid", "date", "overflow"), "Send a time with its zone: 2026-01-31T12:00:00Z."
    )

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("invalid", format="")
        return super().enforce_timezone(value)


class OneLine(_Text):
    # What something is called: see `lib.names`.

    rule = staticmethod(names.clean_one_line)


class SeveralLines(_Text):
    # What is written about something: see `lib.names`.

    rule = staticmethod(names.clean_several_lines)
