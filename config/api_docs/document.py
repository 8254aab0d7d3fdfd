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
        return format_prose(self.text)


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
    fields: dict[str, Any]  # the same, where a form is sent
    answered: str
    is_open: bool  # to callers without a token of a person

    @property
    def prose(self) -> SafeString:
        return format_prose(self.text)

    @property
    def curl(self) -> str:
        lines = [f"curl $HANDOVER{self.path}", *([] if self.is_open else ['-H "Authorization: Bearer $TOKEN"'])]
        lines[0] = lines[0] if self.method == "GET" else f"curl -X {self.method} $HANDOVER{self.path}"
        if any(field.name == "Idempotency-Key" for field, _ in self.parameters):
            lines.append('-H "Idempotency-Key: $(uuidgen)"')
        lines += [f"-F {name}={value}" for name, value in self.form.items()]
        lines += [f"-d {name}={value}" for name, value in self.fields.items()]
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


def format_prose(text: str) -> SafeString:
    """Return text as HTML, words between backticks as code."""
    plain, *coded = re.split(r"`([^`]+)`", text)
    rest = zip(coded[::2], coded[1::2], strict=True)
    return format_html("{}{}", plain, format_html_join("", "<code>{}</code>{}", rest))


def list_sections(document: dict[str, Any]) -> list[Section]:
    """Return a section for each tag, in the order of the addresses."""
    by_tag: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                by_tag.setdefault(methods[method]["tags"][0], []).append(_build_operation(document, path, method))
    return [Section(name, operations) for name, operations in by_tag.items()]


def _build_operation(document: dict[str, Any], path: str, method: str) -> Operation:
    described = document["paths"][path][method]
    form = _find_schema(described.get("requestBody", {}), "multipart/form-data")
    fields = _find_schema(described.get("requestBody", {}), "application/x-www-form-urlencoded")
    body = form or fields or _find_schema(described.get("requestBody", {}))
    example_body = _make_example(document, body, required_only=True) if body else None
    example_body = _choose_example(described.get("requestBody", {}), example_body)
    status, answer = next((code, answer) for code, answer in described["responses"].items() if code.startswith("2"))
    answered = _find_schema(answer)
    example = json.dumps(_make_example(document, answered), indent=2, ensure_ascii=False) if answered else ""
    return Operation(
        anchor=described["operationId"],
        method=method.upper(),
        path=path,
        summary=described.get("summary", ""),
        text=described.get("description", ""),
        parameters=[(_build_parameter(parameter), parameter["in"]) for parameter in described.get("parameters", [])],
        body=list(_list_fields(document, body)),
        status=status,
        answer=list(_list_fields(document, answered)),
        sent=json.dumps(example_body) if body and not form and not fields else "",
        form=example_body if form else {},
        fields=example_body if fields and not form else {},
        answered=example,
        is_open=described.get("security") == [],
    )


def _find_schema(content: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    schema: dict[str, Any] = content.get("content", {}).get(kind, {}).get("schema", {})
    return schema


def _choose_example(content: dict[str, Any], default: Any) -> Any:
    """Return the endpoint's own example, else `default`: fields alone can't say which of them go together."""
    examples: dict[str, Any] = content.get("content", {}).get("application/json", {}).get("examples", {})
    return next((example["value"] for example in examples.values()), default)


def _build_parameter(described: dict[str, Any]) -> Field:
    return Field(
        described["name"],
        _describe_kind(described["schema"]),
        described.get("required", False),
        described.get("description", ""),
    )


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without references; of alternatives the first that is not null."""
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            first: dict[str, Any] = next((choice for choice in schema[several] if choice.get("type") != "null"), {})
            return _resolve(document, first | {name: schema[name] for name in ("description",) if name in schema})
    if "$ref" in schema:
        named: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return _resolve(document, named | {name: schema[name] for name in ("description",) if name in schema})
    return schema


def _list_fields(document: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> Iterator[Field]:
    """Yield all fields; those in fields have their names joined by a point, `[]` marks those of a list."""
    described = _resolve(document, schema)
    for name, inner in described.get("properties", {}).items():
        whole = _resolve(document, inner)
        required = name in described.get("required", ())
        yield Field(f"{prefix}{name}", _describe_kind(whole, inner), required, whole.get("description", ""))
        if whole.get("type") == "array":
            yield from _list_fields(document, whole["items"], f"{prefix}{name}[].")
        elif "properties" in whole:
            yield from _list_fields(document, whole, f"{prefix}{name}.")


def _describe_kind(schema: dict[str, Any], outer: dict[str, Any] | None = None) -> str:
    """Describe the type in words: text, whole number, one of …"""
    named = schema.get("type", "any")
    kinds = named if isinstance(named, list) else [named]
    nullable = "null" in kinds or any(choice.get("type") == "null" for choice in (outer or {}).get("oneOf", ()))
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}
    plain = [*(str(kind) for kind in kinds if kind != "null"), "any"][0]
    formats = {"date-time": "time", "uuid": "UUID", "uri": "address"}
    plain = formats.get(str(schema.get("format")), words.get(plain, plain))
    if choices := [str(choice) for choice in schema.get("enum", ()) if choice is not None]:
        plain = f"one of {', '.join(choices)}"
    if most := schema.get("maxLength"):
        plain += f", up to {most} characters"
    return f"{plain}, or null" if nullable else plain


def _make_example(
    document: dict[str, Any], schema: dict[str, Any], *, name: str = "", required_only: bool = False
) -> Any:
    described = _resolve(document, schema)
    kinds = described.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    last = name.rpartition(".")[2]
    if kind == "string" and (name in TEXTS or last in TEXTS):
        return TEXTS.get(name, TEXTS.get(last))
    if "enum" in described:
        return described["enum"][0]
    if "properties" in described:
        names = (
            described.get("required", list(described["properties"])) if required_only else list(described["properties"])
        )
        names = names or list(described["properties"])[:1]
        return {key: _make_example(document, described["properties"][key], name=f"{last}.{key}") for key in names}
    if kind == "array":
        return [_make_example(document, described["items"], name=name)]
    if kind == "object":
        return {}
    return EXAMPLES.get(described.get("format", ""), EXAMPLES.get(kind, "…"))
