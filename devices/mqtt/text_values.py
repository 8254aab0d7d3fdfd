"""Values of this dialect are texts: what they mean is what the device's recipe declares."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from devices.models import Attribute

if TYPE_CHECKING:
    from devices.mqtt.messages import Value

LONGEST_NUMBER = 40
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)

_declared: dict[int, dict[str, str]] = {}
"""Attribute name -> type of each recipe version seen: a version's attributes never change."""


def read_types(version: int) -> dict[str, str]:
    """Return what a version of a recipe declares: attribute name -> type."""
    if version not in _declared:
        _declared[version] = dict(Attribute.objects.filter(version=version).values_list("name", "type"))
    return _declared[version]


def read_value(text: str, kind: str | None) -> object:
    """Return what the text is for an attribute of this type; as it is where it is no such, so that it is dropped and
    counted as that."""
    bare = text.strip()
    if kind == Attribute.Type.BOOLEAN:
        return BOOLEANS.get(bare.lower(), text)
    if kind == Attribute.Type.NUMBER and len(bare) <= LONGEST_NUMBER and _NUMBER.fullmatch(bare):
        return int(bare) if _WHOLE.fullmatch(bare) else float(bare)
    return text


def write_value(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)
