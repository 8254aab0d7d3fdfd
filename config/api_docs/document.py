"""The OpenAPI document as a page shows it: sections, operations, fields and examples."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.html import format_html, format_html_join
from django.utils.text import slugify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.utils.safestring import SafeString

METHODS = ("get", "post", "put", "patch", "delete")
EXAMPLES = {
    "binary": "@serials.csv",
    "boolean": True,
    "integer": 17,
    "number": 42.5,
    "date-time": "2026-01-31T12:00:00Z",
    "uuid": "4f3c2a10-5d8e-4b7a-9c61-0e2f7a8b9c0d",
}
TEXTS = {
    "serial": "K7QX2M9TB4WC",
    "text": "K7QX 2M9T B4WC",
    "name": "Generator 2",
    "group.name": "Boise",
    "grants.name": "Boise",
    "model.name": "KG-250",
    "token.name": "Nightly export",
    "organisation": "Kanarra",
    "attribute": "rpm",
    "label": "Engine speed",
    "unit": "rpm",
    "email": "admin@kanarra.example",
    "next": None,
}


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    required: bool
    text: str

    @property
    def prose(self) -> SafeString:
        return prose(self.text)


@dataclass(frozen=True)
class Operation:
    anchor: str
    method: str
    path: str
    summary: str
    text: str
    parameters: list[tuple[Field, str]]  # and where each stands
    body: list[Field]
    status: str
    answer: list[Field]
    sent: str  # the example's body
    form: dict[str, Any]  # the same, where a file is sent
    answered: str

    @property
    def prose(self) -> SafeString:
        return prose(self.text)

    @property
    def curl(self) -> str:
        lines = [f"curl $HANDOVER{self.path}", '-H "Authorization: Bearer $TOKEN"']
        lines[0] = lines[0] if self.method == "GET" else f"curl -X {self.method} $HANDOVER{self.path}"
        if any(field.name == "Idempotency-Key" for field, _ in self.parameters):
            lines.append('-H "Idempotency-Key: $(uuidgen)"')
        lines += [f"-F {name}={value}" for name, value in self.form.items()]
        if self.sent:
            lines += ['-H "Content-Type: application/json"', f"-d '{self.sent}'"]
        return " \\\n  ".join(lines)


@dataclass(frozen=True)
class Section:
    name: str
    operations: list[Operation]

    @property
    def anchor(self) -> str:
        return slugify(self.name)


def prose(text: str) -> SafeString:
    """Words between backticks are code."""
    plain, *coded = re.split(r"`([^`]+)`", text)
    rest = zip(coded[::2], coded[1::2], strict=True)
    return format_html("{}{}", plain, format_html_join("", "<code>{}</code>{}", rest))


def sections(document: dict[str, Any]) -> list[Section]:
    """One for each tag, in the order of the addresses."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                found.setdefault(methods[method]["tags"][0], []).append(_operation(document, path, method))
    return [Section(name, operations) for name, operations in found.items()]


def _operation(document: dict[str, Any], path: str, method: str) -> Operation:
    told = document["paths"][path][method]
    form = _json(told.get("requestBody", {}), "multipart/form-data")
    body = form or _json(told.get("requestBody", {}))
    shown = _example(document, body, required_only=True) if body else None
    shown = _given(told.get("requestBody", {}), shown)
    status, answer = next((code, each) for code, each in told["responses"].items() if code.startswith("2"))
    answered = _json(answer)
    example = json.dumps(_example(document, answered), indent=2, ensure_ascii=False) if answered else ""
    return Operation(
        anchor=told["operationId"],
        method=method.upper(),
        path=path,
        summary=told.get("summary", ""),
        text=told.get("description", ""),
        parameters=[(_parameter(each), each["in"]) for each in told.get("parameters", [])],
        body=list(_fields(document, body)),
        status=status,
        answer=list(_fields(document, answered)),
        sent=json.dumps(shown) if body and not form else "",
        form=shown if form else {},
        answered=example,
    )


def _json(content: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    schema: dict[str, Any] = content.get("content", {}).get(kind, {}).get("schema", {})
    return schema


def _given(content: dict[str, Any], made: Any) -> Any:
    """The example that the endpoint itself gives, if it does; fields alone can't say which of them go together."""
    own: dict[str, Any] = content.get("content", {}).get("application/json", {}).get("examples", {})
    return next((each["value"] for each in own.values()), made)


def _parameter(told: dict[str, Any]) -> Field:
    return Field(told["name"], _kind(told["schema"]), told.get("required", False), told.get("description", ""))


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Without references; of alternatives the first that is not null."""
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            first: dict[str, Any] = next((each for each in schema[several] if each.get("type") != "null"), {})
            return _resolved(document, first | {name: schema[name] for name in ("description",) if name in schema})
    if "$ref" in schema:
        named: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return _resolved(document, named | {name: schema[name] for name in ("description",) if name in schema})
    return schema


def _fields(document: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> Iterator[Field]:
    """Fields in fields have their names joined by a point; `[]` marks those of a list."""
    told = _resolved(document, schema)
    for name, inner in told.get("properties", {}).items():
        whole = _resolved(document, inner)
        required = name in told.get("required", ())
        yield Field(f"{prefix}{name}", _kind(whole, inner), required, whole.get("description", ""))
        if whole.get("type") == "array":
            yield from _fields(document, whole["items"], f"{prefix}{name}[].")
        elif "properties" in whole:
            yield from _fields(document, whole, f"{prefix}{name}.")


def _kind(schema: dict[str, Any], outer: dict[str, Any] | None = None) -> str:
    """In words: text, number, one of …"""
    named = schema.get("type", "any")
    kinds = named if isinstance(named, list) else [named]
    nullable = "null" in kinds or any(each.get("type") == "null" for each in (outer or {}).get("oneOf", ()))
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}
    plain = [*(str(kind) for kind in kinds if kind != "null"), "any"][0]
    formats = {"date-time": "time", "uuid": "UUID", "uri": "address"}
    plain = formats.get(str(schema.get("format")), words.get(plain, plain))
    if choices := [str(each) for each in schema.get("enum", ()) if each is not None]:
        plain = f"one of {', '.join(choices)}"
    if most := schema.get("maxLength"):
        plain += f", up to {most} characters"
    return f"{plain}, or null" if nullable else plain


def _example(document: dict[str, Any], schema: dict[str, Any], *, name: str = "", required_only: bool = False) -> Any:
    told = _resolved(document, schema)
    kinds = told.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    last = name.rpartition(".")[2]
    if kind == "string" and (name in TEXTS or last in TEXTS):
        return TEXTS.get(name, TEXTS.get(last))
    if "enum" in told:
        return told["enum"][0]
    if "properties" in told:
        names = told.get("required", list(told["properties"])) if required_only else list(told["properties"])
        names = names or list(told["properties"])[:1]
        return {each: _example(document, told["properties"][each], name=f"{last}.{each}") for each in names}
    if kind == "array":
        return [_example(document, told["items"], name=name)]
    if kind == "object":
        return {}
    return EXAMPLES.get(told.get("format", ""), EXAMPLES.get(kind, "…"))
