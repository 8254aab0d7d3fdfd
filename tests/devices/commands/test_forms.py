"""What a page asks for of a command, and what it sends."""

from __future__ import annotations

from typing import Any

import pytest

from devices.commands.forms import CommandForm
from devices.recipes.command_lines import Declared, clean_lines, find_problem

PROPERTIES: dict[str, dict[str, Any]] = {
    "load": {"type": "number", "title": "Load", "unit": "kW", "minimum": 0, "maximum": 500, "description": "At most."},
    "turns": {"type": "integer"},
    "mode": {"type": "string", "enum": ["eco", "full"]},
    "level": {"type": "integer", "enum": [1, 2]},
    "force": {"type": "boolean"},
    "note": {"type": "string", "maxLength": 5},
}
(LINE,) = clean_lines([{"name": "set", "schema": {"properties": PROPERTIES, "required": ["load"]}}])
DECLARED = Declared(**LINE)


@pytest.mark.parametrize(
    ("given", "payload"),
    [
        ({"load": "5"}, {"load": 5.0}),
        ({"load": "0", "force": "false"}, {"load": 0.0, "force": False}),
        (
            {"load": "1", "force": "true", "mode": "eco", "level": "2"},
            {"load": 1, "force": True, "mode": "eco", "level": 2},
        ),
        ({"load": "1", "turns": "-3", "note": " abc "}, {"load": 1, "turns": -3, "note": "abc"}),
        ({"load": "1", "turns": "", "note": "", "mode": "", "force": ""}, {"load": 1}),
    ],
    ids=str,
)
def test_what_is_filled_in_is_sent_as_the_schema_has_it(given: dict[str, str], payload: dict[str, Any]) -> None:
    form = CommandForm(DECLARED, given)
    assert form.is_valid(), form.errors
    assert form.payload == payload
    assert {key: type(value) for key, value in (form.payload or {}).items() if key != "load"} == {
        key: type(value) for key, value in payload.items() if key != "load"
    }
    assert find_problem(DECLARED, form.payload) is None


@pytest.mark.parametrize(
    ("given", "place", "cause"),
    [
        ({}, "load", "Give Load (kW)."),
        ({"load": "501"}, "load", "500"),
        ({"load": "x"}, "load", "number"),
        ({"load": "nan"}, "load", "number"),
        ({"load": "1", "turns": "1.5"}, "turns", "whole number"),
        ({"load": "1", "turns": str(2**53 + 1)}, "turns", str(2**53)),
        ({"load": "1", "mode": "Eco"}, "mode", "choice"),
        ({"load": "1", "level": "3"}, "level", "choice"),
        ({"load": "1", "force": "yes"}, "force", "choice"),
        ({"load": "1", "note": "123456"}, "note", "5"),
    ],
    ids=str,
)
def test_what_the_schema_does_not_allow_is_told_at_its_field(given: dict[str, str], place: str, cause: str) -> None:
    form = CommandForm(DECLARED, given)
    assert list(form.errors) == [place]
    assert cause in str(form.errors[place][0])


def test_fields_are_called_as_the_recipe_calls_them() -> None:
    form = CommandForm(DECLARED)
    assert [(str(field.label), str(field.help_text)) for field in form.fields.values()][:2] == [
        ("Load (kW)", "At most."),
        ("turns", ""),
    ]
    fields: dict[str, Any] = form.fields
    assert [choice for choice, _ in fields["mode"].choices] == ["", "eco", "full"]
    required = Declared("set", schema=LINE["schema"] | {"required": ["mode", "force"]})
    chosen: dict[str, Any] = CommandForm(required).fields
    assert [choice for choice, _ in chosen["mode"].choices] == ["eco", "full"]
    assert [choice for choice, _ in chosen["force"].choices] == ["true", "false"]


def test_a_command_without_properties_sends_no_payload() -> None:
    form = CommandForm(Declared("start"), {"anything": "1"})
    assert form.is_valid()
    assert form.payload is None
