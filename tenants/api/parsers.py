from __future__ import annotations

import codecs
from math import isfinite
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.utils import json

from lib.refusals import Refusal
from tenants import refusals


class BoundedJSONParser(JSONParser):
    """Answer what is too large, nested too deeply or says a thing twice as the sender's mistake (413, 400)."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        told = parser_context or {}
        sent = told.get("request")
        if sent is not None and int(sent.META.get("CONTENT_LENGTH") or 0) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0):
            raise Refusal(refusals.TOO_LARGE)
        text: Any = codecs.getreader(told.get("encoding", settings.DEFAULT_CHARSET))(stream)
        constant = json.strict_constant if self.strict else None
        try:
            return json.load(
                text, parse_constant=constant, parse_float=_parse_finite, object_pairs_hook=_refuse_repeated
            )
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None
        except RecursionError:
            raise ParseError("The body is nested too deeply. Send JSON, as the docs show it.") from None


def _parse_finite(text: str) -> float:
    """Return the number. One that is too large for a float would silently mean infinity."""
    number = float(text)
    if not isfinite(number):
        raise ParseError(f"{text[:64]} is too large a number.")
    return number


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. A name that stands in it twice would silently mean the last one."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ParseError(f"“{name[:64]}” stands twice in one object. Send it once.")
        found[name] = value
    return found
