"""The docs page says of each operation what the OpenAPI document does, with an example that can be sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from config.api_docs.document import Field, Operation, format_prose, list_sections
from config.api_docs.refusals import drop_facts


def describe(
    answer: dict[str, Any] | None = None,
    *,
    body: dict[str, Any] | None = None,
    kind: str = "application/json",
    **own: Any,
) -> Operation:
    """Return the one operation of a document; `$ref` names one of SCHEMAS."""
    described: dict[str, Any] = {"operationId": "own", "tags": ["Devices"], **own}
    if body is not None:
        described["requestBody"] = {"content": {kind: {"schema": body}}}
    content = {"content": {"application/json": {"schema": answer}}} if answer else {}
    described.setdefault("responses", {"404": {}, "200": content})
    document = {"paths": {"/api/v1/devices/": {"post": described}}, "components": {"schemas": SCHEMAS}}
    ((operation,),) = [section.operations for section in list_sections(document)]
    return operation


TEXT: dict[str, Any] = {"type": "string"}
SCHEMAS: dict[str, Any] = {
    "Group": {"type": "object", "properties": {"id": {"type": "integer"}, "name": TEXT}, "required": ["id"]},
    "Kind": {"enum": ["press", "claim-code"], "type": "string", "description": "How presence is proved."},
}


def make(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        (TEXT, "text"),
        ({"type": "integer"}, "whole number"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "true or false"),
        ({"type": "array", "items": TEXT}, "list"),
        ({}, "any"),
        ({"type": "string", "format": "date-time"}, "time"),
        ({"type": "string", "format": "uuid"}, "UUID"),
        ({"type": "string", "format": "uri"}, "address"),
        ({"type": "string", "format": "email"}, "text"),
        ({"type": ["string", "null"]}, "text, or null"),
        ({"type": ["null", "integer"]}, "whole number, or null"),
        ({"type": "string", "maxLength": 120}, "text, up to 120 characters"),
        ({"type": ["string", "null"], "maxLength": 9, "enum": ["a", None]}, "one of a, up to 9 characters, or null"),
        ({"$ref": "#/components/schemas/Kind"}, "one of press, claim-code"),
        ({"allOf": [{"$ref": "#/components/schemas/Kind"}]}, "one of press, claim-code"),
        ({"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Kind"}]}, "one of press, claim-code, or null"),
        ({"anyOf": [{"type": "integer"}, TEXT]}, "whole number"),
    ],
)
def test_a_type_is_told_in_words(schema: dict[str, Any], kind: str) -> None:
    (field, *_) = describe(make(own=schema)).answer
    assert (field.name, field.kind) == ("own", kind)


def test_fields_within_fields_are_named_by_their_way() -> None:
    group = {"$ref": "#/components/schemas/Group"}
    answer = make(
        group={"oneOf": [group, {"type": "null"}], "description": "Where it is."},
        rows={"type": "array", "items": group},
    )
    told = describe({**answer, "required": ["rows"]}).answer
    assert [(field.name, field.required) for field in told] == [
        ("group", False),
        ("group.id", True),
        ("group.name", False),
        ("rows", True),
        ("rows[].id", True),
        ("rows[].name", False),
    ]
    assert told[0].text == "Where it is."
    assert told[0].kind == "object, or null"


def test_the_first_success_is_the_answer() -> None:
    responses = {"400": {}, "201": {"content": {"application/json": {"schema": make(serial=TEXT)}}}, "204": {}}
    told = describe(responses=responses)
    assert (told.status, told.method, told.path) == ("201", "POST", "/api/v1/devices/")
    assert json.loads(told.answered) == {"serial": "K7QX2M9TB4WC"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (make(name=TEXT), {"name": "Generator 2"}),
        (make(note=TEXT), {"note": "…"}),
        (make(group={"$ref": "#/components/schemas/Group"}), {"group": {"id": 17, "name": "Boise"}}),
        (make(at={"type": "string", "format": "date-time"}), {"at": "2026-01-31T12:00:00Z"}),
        (make(kind={"$ref": "#/components/schemas/Kind"}), {"kind": "press"}),
        (make(serials={"type": "array", "items": TEXT}), {"serials": ["…"]}),
        (make(tags={"type": "object"}), {"tags": {}}),
        (make(next={"type": ["string", "null"]}), {"next": None}),
        (make(value={"type": ["number", "null"]}), {"value": 42.5}),
        (make(on={"type": "boolean"}), {"on": True}),
    ],
)
def test_an_example_has_a_value_for_each_field(schema: dict[str, Any], value: dict[str, Any]) -> None:
    assert json.loads(describe(schema).answered) == value


def test_what_is_sent_is_what_has_to_be() -> None:
    body = {**make(name=TEXT, note=TEXT, days={"type": "integer"}), "required": ["name"]}
    told = describe(body=body)
    assert json.loads(told.sent) == {"name": "Generator 2"}
    assert [field.name for field in told.body] == ["name", "note", "days"]
    may = make(note=TEXT, days={"type": "integer"})
    assert json.loads(describe(body=may).sent) == {"note": "…", "days": 17}
    assert json.loads(describe(body={**may, "required": []}).sent) == {"note": "…"}


def test_an_endpoints_own_example_comes_first() -> None:
    content = {"schema": make(name=TEXT), "examples": {"own": {"value": {"serials": ["A"], "tags": {"line": "2"}}}}}
    told = describe(requestBody={"content": {"application/json": content}})
    assert json.loads(told.sent) == {"serials": ["A"], "tags": {"line": "2"}}


CURL = "curl -X POST $HANDOVER/api/v1/devices/"
TOKEN = '-H "Authorization: Bearer $TOKEN"'


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({}, [CURL, TOKEN]),
        ({"security": []}, [CURL]),
        ({"security": [{}]}, [CURL, TOKEN]),
        (
            {"body": {**make(name=TEXT), "required": ["name"]}},
            [CURL, TOKEN, '-H "Content-Type: application/json"', "-d '{\"name\": \"Generator 2\"}'"],
        ),
        (
            {"body": make(file={"type": "string", "format": "binary"}), "kind": "multipart/form-data"},
            [CURL, TOKEN, "-F file=@serials.csv"],
        ),
        (
            {"body": make(serial=TEXT), "kind": "application/x-www-form-urlencoded", "security": []},
            [CURL, "-d serial=K7QX2M9TB4WC"],
        ),
        (
            {"parameters": [{"name": "Idempotency-Key", "in": "header", "schema": TEXT}]},
            [CURL, TOKEN, '-H "Idempotency-Key: $(uuidgen)"'],
        ),
    ],
)  # fmt: skip
def test_the_command_is_what_a_program_would_send(given: dict[str, Any], lines: list[str]) -> None:
    assert describe(**given).curl.split(" \\\n  ") == lines


def test_what_only_reads_needs_no_method() -> None:
    described = {"operationId": "own", "tags": ["Devices"], "responses": {"200": {}}}
    ((operation,),) = [each.operations for each in list_sections({"paths": {"/api/v1/me/": {"get": described}}})]
    assert operation.curl.startswith("curl $HANDOVER/api/v1/me/ \\\n")


def test_parameters_say_where_they_stand() -> None:
    asked = {"name": "after", "in": "query", "schema": TEXT, "required": True, "description": "Of `next`."}
    ((field, place),) = describe(parameters=[asked]).parameters
    assert (field, place) == (Field("after", "text", True, "Of `next`."), "query")
    assert field.prose == "Of <code>next</code>."


def test_sections_are_the_tags_in_the_order_of_addresses() -> None:
    def of(tag: str, name: str) -> dict[str, Any]:
        return {"operationId": name, "tags": [tag, "Other"], "responses": {"200": {}}}

    paths = {
        "/b/": {"delete": of("What devices call", "3"), "get": of("Groups", "1"), "post": of("Groups", "2")},
        "/a/": {"get": of("Groups", "4"), "options": of("Nothing", "5"), "parameters": []},
    }
    sections = list_sections({"paths": paths})
    assert [(each.name, each.anchor, [one.anchor for one in each.operations]) for each in sections] == [
        ("Groups", "groups", ["1", "2", "4"]),
        ("What devices call", "what-devices-call", ["3"]),
    ]


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("plain", "plain"),
        ("`a` and `b<c>`.", "<code>a</code> and <code>b&lt;c&gt;</code>."),
        ("<b> `x`", "&lt;b&gt; <code>x</code>"),
        ("an open ` tick", "an open ` tick"),
        ("", ""),
    ],
)
def test_prose_has_code_and_no_html_of_its_own(text: str, prose: str) -> None:
    assert format_prose(text) == prose


def test_facts_of_a_refusal_are_left_out() -> None:
    assert drop_facts("“{name}” is the {count}th of {most_}.") == "“…” is the …th of …."
    assert drop_facts("A {} or { } is none.") == "A {} or { } is none."
