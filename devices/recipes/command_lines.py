"""Commands that a recipe declares: a name, who may send it, and a schema of what is sent with it.

The schema is a part of JSON Schema: an object whose properties are numbers, integers, texts or booleans, so that a page
can ask for them and a device can hold them. It is kept as JSON in the recipe's version, which never changes.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

from lib import names
from lib.parsing import is_storable
from tenants.models import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from devices.models import RecipeVersion

MOST = 50
MOST_PROPERTIES = 20
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
TYPES: dict[str, type | tuple[type, ...]] = {
    "number": (int, float),
    "integer": int,
    "string": str,
    "boolean": bool,
}
WORDS = {"number": "a number", "integer": "a whole number", "string": "a text", "boolean": "true or false"}
KEYWORDS = {"type", "title", "description", "unit", "minimum", "maximum", "maxLength", "enum"}
IDENTIFY = "identify"
"""The command by which a device shows which one it is: a technician's window sends it, too."""
SHORTEST, USUAL, LONGEST = 5, 300, 7 * 24 * 3600
"""Seconds for which a command waits."""
LONGEST_TEXT = 500
LARGEST = 2**53


@dataclass(frozen=True)
class Declared:
    """Describe a command of a recipe; its place is that in the list.

    `role` is the least that may send it. Where `answers` is false, its devices answer nothing: sent, it is over.
    """

    name: str
    label: str = ""
    role: str = "technician"
    answers: bool = True
    seconds: int = USUAL
    schema: dict[str, Any] = field(default_factory=dict)

    @property
    def properties(self) -> Mapping[str, Mapping[str, Any]]:
        return self.schema.get("properties", {})  # type: ignore[no-any-return]

    @property
    def lasts(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    @property
    def least(self) -> Role:
        return Role[self.role.upper()]


def read_declared(version: RecipeVersion) -> list[Declared]:
    return [Declared(**each) for each in version.commands]


def find_declared(version: RecipeVersion, name: str) -> Declared | None:
    return next((each for each in read_declared(version) if each.name == name), None)


def clean_lines(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the commands as they are kept. Raises ValidationError of `commands`."""
    kept = [asdict(_clean(line)) for line in lines]
    if len(kept) > MOST:
        raise _wrong(f"A recipe has at most {MOST} commands.")
    if len({each["name"] for each in kept}) < len(kept):
        raise _wrong("A name of a command stands here twice. Remove one of them.")
    return kept


def _clean(line: Mapping[str, Any]) -> Declared:
    name = str(line.get("name", ""))
    if not NAME.fullmatch(name):
        raise _wrong(
            f"A command's name begins with a letter; then letters, digits, and . _ - fit. “{name[:40]}” doesn't."
        )
    label = names.clean_one_line(str(line.get("label") or name), "commands")
    if len(label) > 120:
        raise _wrong(f"A label has at most 120 characters. Shorten that of {name}.")
    role = line.get("role") or Declared.role
    if role not in {each.name.lower() for each in Role}:
        raise _wrong(f"Those who may send {name} are viewer, technician or admin.")
    seconds = line.get("seconds") or USUAL
    if type(seconds) is not int or not SHORTEST <= seconds <= LONGEST:
        raise _wrong(f"{name} waits for {SHORTEST} seconds at least, and {LONGEST} (a week) at most.")
    schema = clean_schema(name, {} if line.get("schema") is None else line["schema"])
    return Declared(name, label, str(role), bool(line.get("answers", True)), seconds, schema)


def clean_schema(name: str, schema: object) -> dict[str, Any]:
    """Return the schema, if it is one of those that can be kept; empty for no payload. Raises ValidationError."""
    if not isinstance(schema, dict) or schema.keys() - {"type", "properties", "required"}:
        raise _wrong(f"The schema of {name} is a JSON object with “properties” and “required”.")
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if schema.get("type", "object") != "object" or not isinstance(properties, dict) or not isinstance(required, list):
        raise _wrong(f"The schema of {name} is of type “object”: “properties” is an object, “required” a list.")
    if len(properties) > MOST_PROPERTIES:
        raise _wrong(f"{name} has at most {MOST_PROPERTIES} properties.")
    for key, each in properties.items():
        _check_property(name, key, each)
    if any(not isinstance(key, str) or key not in properties for key in required):
        raise _wrong(f"What {name} requires has to stand among its properties.")
    return {"type": "object", "properties": properties, "required": required} if properties else {}


def _check_property(name: str, key: str, wanted: object) -> None:
    about = f"{key[:40]} of {name}"
    if not NAME.fullmatch(key):
        raise _wrong(f"The name {about} begins with a letter; then letters, digits, and . _ - fit.")
    if not isinstance(wanted, dict) or str(wanted.get("type")) not in TYPES:
        raise _wrong(f"{about} has a type: number, integer, string or boolean.")
    if unknown := wanted.keys() - KEYWORDS:
        raise _wrong(f"{about}: “{sorted(unknown)[0][:40]}” is not understood here.")
    kind, numeric = wanted["type"], wanted["type"] in ("number", "integer")
    texts = [wanted[word] for word in ("title", "description", "unit") if word in wanted]
    if any(not isinstance(text, str) or len(text) > 200 or not is_storable(text) for text in texts):
        raise _wrong(f"{about}: title, description and unit are texts of at most 200 characters.")
    bounds = [wanted[word] for word in ("minimum", "maximum") if word in wanted]
    if bounds and (not numeric or not all(_is_of("number", bound) for bound in bounds) or bounds != sorted(bounds)):
        raise _wrong(f"{about}: only numbers have a minimum and a maximum, and the minimum is not above.")
    longest = wanted.get("maxLength", 1)
    if ("maxLength" in wanted and kind != "string") or type(longest) is not int or not 1 <= longest <= LONGEST_TEXT:
        raise _wrong(f"{about}: only texts have a maxLength, of 1 to {LONGEST_TEXT}.")
    choices = wanted.get("enum", [None])
    if not isinstance(choices, list) or not 1 <= len(choices) <= 50:
        raise _wrong(f"{about}: “enum” is a list of 1 to 50 values.")
    if "enum" in wanted and not all(_is_of(kind, choice) for choice in choices):
        raise _wrong(f"{about}: each value of “enum” is {WORDS[kind]}.")


def find_problem(declared: Declared, payload: object) -> tuple[str, str] | None:
    """Return what is wrong with a payload: the property (or none), and why; None if it may be sent."""
    if not declared.properties:
        return None if payload in (None, {}) else ("", "It takes no payload: leave it out.")
    if not isinstance(payload, dict):
        return "", f"Send an object with {', '.join(declared.properties)}."
    for key in payload:
        if key not in declared.properties:
            return "", f"It has no “{str(key)[:40]}”: send {', '.join(declared.properties)}."
    for key in declared.schema["required"]:
        if key not in payload:
            return key, f"Give {key}."
    problems = ((key, _find_cause(declared.properties[key], value)) for key, value in payload.items())
    return next(((key, f"{key} {cause}") for key, cause in problems if cause), None)


def _find_cause(wanted: Mapping[str, Any], value: object) -> str:
    kind = wanted["type"]
    if not _is_of(kind, value):
        return f"is {WORDS[kind]}."
    if "enum" in wanted and value not in wanted["enum"]:
        return f"is one of {', '.join(str(each) for each in wanted['enum'])}."
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < wanted.get("minimum", -math.inf):
            return f"is at least {wanted['minimum']:g}."
        if value > wanted.get("maximum", math.inf):
            return f"is at most {wanted['maximum']:g}."
    if isinstance(value, str) and len(value) > wanted.get("maxLength", LONGEST_TEXT):
        return f"has at most {wanted.get('maxLength', LONGEST_TEXT)} characters."
    return ""


def _is_of(kind: str, value: object) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, str):
        return kind == "string" and is_storable(value)
    if not isinstance(value, TYPES[kind]):
        return False
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LARGEST


def _wrong(cause: str) -> ValidationError:
    return ValidationError({"commands": cause})
