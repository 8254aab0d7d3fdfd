"""Fields that several serializers have."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from lib import names


class OneLine(serializers.CharField):
    # What something is called: see `lib.names`. No docstring: those of fields are published.

    def to_internal_value(self, data: Any) -> str:
        try:
            return names.one_line(super().to_internal_value(data))
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from None
