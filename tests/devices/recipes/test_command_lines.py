"""What a recipe may declare of its commands, to the last of each bound, and what may be sent with one."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError

from devices.models import RecipeVersion
from devices.recipes.command_lines import Declared, clean_lines, find_declared, find_problem, read_declared
from tenants.models import Role

if TYPE_CHECKING:
    from collections.abc import Callable

Given = dict[str, Any]
WEEK = 7 * 24 * 3600


def declare(**properties: object) -> Given:
    return {"name": "set", "schema": {"properties": properties}}


def cause(*lines: Given) -> str:
    """Why they are not kept."""
    with pytest.raises(ValidationError) as caught:
        clean_lines(lines)
    (told,) = caught.value.message_dict["commands"]
    return str(told)


def test_what_is_not_said_is_as_usual() -> None:
    assert clean_lines([{"name": "start"}]) == [
        {"name": "start", "label": "start", "role": "technician", "answers": True, "seconds": 300, "schema": {}}
    ]
    left_out: Given = {"name": "start", "label": "", "role": "", "seconds": None, "schema": None}
    assert clean_lines([left_out]) == clean_lines([{"name": "start"}])


def test_what_is_said_is_kept_in_its_order() -> None:
    said: list[Given] = [
        {"name": "stop", "label": " Stop  it ", "role": "admin", "answers": False, "seconds": 60},
        {"name": "Start", "role": "viewer", "schema": {"type": "object", "properties": {}}},
    ]
    kept: list[Given] = [
        {"label": "Stop it", "schema": {}},
        {"label": "Start", "answers": True, "seconds": 300, "schema": {}},
    ]
    assert clean_lines(said) == [line | more for line, more in zip(said, kept, strict=True)]


def test_a_schema_is_kept_whole_though_only_its_properties_were_given() -> None:
    load = {"type": "number", "title": "Load", "unit": "kW", "minimum": 0, "maximum": 500}
    (line,) = clean_lines([declare(load=load)])
    assert line["schema"] == {"type": "object", "properties": {"load": load}, "required": []}


KEPT: dict[str, Given] = {
    "a name of 64 characters": {"name": "a" * 64},
    "every mark in a name": {"name": "a.b_c-D9"},
    "a label of 120 characters": {"name": "a", "label": "x" * 120},
    "the shortest wait": {"name": "a", "seconds": 5},
    "a week": {"name": "a", "seconds": WEEK},
    "twenty properties": declare(**{f"p{n}": {"type": "boolean"} for n in range(20)}),
    "texts of 200 characters": declare(x={"type": "string", "title": "t" * 200, "description": "d" * 200}),
    "a minimum that is the maximum": declare(x={"type": "integer", "minimum": 2, "maximum": 2}),
    "the longest of texts": declare(x={"type": "string", "maxLength": 500}),
    "a text of one character": declare(x={"type": "string", "maxLength": 1}),
    "fifty choices": declare(x={"type": "integer", "enum": list(range(50))}),
    "one choice": declare(x={"type": "boolean", "enum": [True]}),
    "whole numbers among numbers": declare(x={"type": "number", "enum": [1, 2.5]}),
    "the largest whole number that every client reads": declare(x={"type": "integer", "maximum": 2**53}),
}


@pytest.mark.parametrize("line", KEPT.values(), ids=KEPT)
def test_the_last_that_fits_is_kept(line: Given) -> None:
    (kept,) = clean_lines([line])
    assert {name: kept[name] for name in line if name != "schema"} == {k: v for k, v in line.items() if k != "schema"}
    if "schema" in line:
        assert kept["schema"]["properties"] == line["schema"]["properties"]


REFUSED: list[tuple[Given, str]] = [
    ({}, "A command's name begins with a letter; then letters, digits, and . _ - fit. “” doesn't."),
    ({"name": "a" * 65}, f"“{'a' * 40}” doesn't."),
    ({"name": "ä"}, "“ä” doesn't."),
    ({"name": "a b"}, "“a b” doesn't."),
    ({"name": "a\n"}, "“a\n” doesn't."),
    ({"name": "a", "label": "x" * 121}, "A label has at most 120 characters. Shorten that of a."),
    ({"name": "a", "label": "x\u202ey"}, "U+202E"),
    ({"name": "a", "role": "owner"}, "Those who may send a are viewer, technician or admin."),
    ({"name": "a", "role": "ADMIN"}, "Those who may send a are"),
    ({"name": "a", "seconds": 4}, "a waits for 5 seconds at least, and 604800 (a week) at most."),
    ({"name": "a", "seconds": WEEK + 1}, "a waits for 5 seconds at least"),
    ({"name": "a", "seconds": 5.0}, "a waits for 5 seconds at least"),
    ({"name": "a", "seconds": True}, "a waits for 5 seconds at least"),
    ({"name": "a", "schema": []}, "The schema of a is a JSON object with “properties” and “required”."),
    ({"name": "a", "schema": {"items": {}}}, "The schema of a is a JSON object with"),
    ({"name": "a", "schema": {"type": "array"}}, "The schema of a is of type “object”"),
    ({"name": "a", "schema": {"properties": []}}, "“properties” is an object, “required” a list."),
    ({"name": "a", "schema": {"required": "x"}}, "“properties” is an object, “required” a list."),
    ({"name": "a", "schema": {"required": ["x"]}}, "What a requires has to stand among its properties."),
    ({"name": "a", "schema": {"properties": {}, "required": [["x"]]}}, "What a requires has to stand"),
    (declare(**{f"p{n}": {"type": "boolean"} for n in range(21)}), "set has at most 20 properties."),
    (declare(**{"1x": {"type": "string"}}), "The name 1x of set begins with a letter"),
    (declare(x="string"), "x of set has a type: number, integer, string or boolean."),
    (declare(x={}), "x of set has a type"),
    (declare(x={"type": "null"}), "x of set has a type"),
    (declare(x={"type": "string", "pattern": "x", "format": "y"}), "x of set: “format” is not understood here."),
    (declare(x={"type": "string", "title": "x" * 201}), "title, description and unit are texts of at most 200"),
    (declare(x={"type": "string", "unit": 5}), "title, description and unit are texts of at most 200"),
    (declare(x={"type": "string", "description": "a\0"}), "title, description and unit are texts of at most 200"),
    (declare(x={"type": "number", "minimum": 2, "maximum": 1}), "only numbers have a minimum and a maximum"),
    (declare(x={"type": "number", "minimum": True}), "only numbers have a minimum and a maximum"),
    (declare(x={"type": "number", "maximum": math.inf}), "only numbers have a minimum and a maximum"),
    (declare(x={"type": "number", "maximum": 2**53 + 1}), "only numbers have a minimum and a maximum"),
    (declare(x={"type": "string", "minimum": 1}), "only numbers have a minimum and a maximum"),
    (declare(x={"type": "number", "maxLength": 5}), "only texts have a maxLength, of 1 to 500."),
    (declare(x={"type": "string", "maxLength": 0}), "only texts have a maxLength, of 1 to 500."),
    (declare(x={"type": "string", "maxLength": 501}), "only texts have a maxLength, of 1 to 500."),
    (declare(x={"type": "string", "maxLength": True}), "only texts have a maxLength, of 1 to 500."),
    (declare(x={"type": "string", "maxLength": None}), "only texts have a maxLength, of 1 to 500."),
    (declare(x={"type": "string", "enum": []}), "“enum” is a list of 1 to 50 values."),
    (declare(x={"type": "string", "enum": "ab"}), "“enum” is a list of 1 to 50 values."),
    (declare(x={"type": "integer", "enum": list(range(51))}), "“enum” is a list of 1 to 50 values."),
    (declare(x={"type": "string", "enum": ["a", None]}), "each value of “enum” is a text."),
    (declare(x={"type": "integer", "enum": [1, 1.5]}), "each value of “enum” is a whole number."),
    (declare(x={"type": "boolean", "enum": [1]}), "each value of “enum” is true or false."),
    (declare(x={"type": "number", "enum": [True]}), "each value of “enum” is a number."),
]


@pytest.mark.parametrize(("line", "told"), REFUSED, ids=[f"{n} {told[:50]}" for n, (_, told) in enumerate(REFUSED)])
def test_what_can_not_be_declared_is_told_why(line: Given, told: str) -> None:
    assert told in cause(line)


def test_a_name_stands_once_and_a_recipe_has_fifty_commands() -> None:
    many = [{"name": f"c{n}"} for n in range(50)]
    assert len(clean_lines(many)) == 50
    assert cause(*many, {"name": "more"}) == "A recipe has at most 50 commands."
    assert cause({"name": "stop"}, {"name": "stop"}) == "A name of a command stands here twice. Remove one of them."
    assert len(clean_lines([{"name": "stop"}, {"name": "Stop"}])) == 2  # devices tell them apart


LOAD: dict[str, Given] = {
    "load": {"type": "number", "minimum": 0, "maximum": 500.5},
    "mode": {"type": "string", "enum": ["eco", "full"]},
    "note": {"type": "string", "maxLength": 5},
    "text": {"type": "string"},
    "turns": {"type": "integer", "minimum": -3},
    "force": {"type": "boolean"},
    "level": {"type": "integer", "enum": [1, 2]},
}
DECLARED = Declared("set", schema={"properties": LOAD, "required": ["load"]})
PLAIN = Declared("start")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"load": 0},
        {"load": 500.5},
        {"mode": "eco"},
        {"note": "12345"},
        {"text": "x" * 500},
        {"turns": -3},
        {"turns": 2**53},
        {"force": False},
        {"level": 2},
    ],
    ids=str,
)
def test_what_fits_may_be_sent(more: Given) -> None:
    assert find_problem(DECLARED, {"load": 5} | more) is None


@pytest.mark.parametrize(
    ("payload", "place", "told"),
    [
        (None, "", "Send an object with load, mode, note, text, turns, force, level."),
        ([], "", "Send an object with load"),
        ({}, "load", "Give load."),
        ({"load": 1, "x" * 50: 1}, "", f"It has no “{'x' * 40}”: send load, mode"),
        ({"load": -0.1}, "load", "load is at least 0."),
        ({"load": 501}, "load", "load is at most 500.5."),
        ({"load": True}, "load", "load is a number."),
        ({"load": None}, "load", "load is a number."),
        ({"load": math.nan}, "load", "load is a number."),
        ({"load": 2**53 + 1}, "load", "load is a number."),
        ({"load": 1, "mode": "Eco"}, "mode", "mode is one of eco, full."),
        ({"load": 1, "mode": 3}, "mode", "mode is a text."),
        ({"load": 1, "note": "123456"}, "note", "note has at most 5 characters."),
        ({"load": 1, "note": "\0"}, "note", "note is a text."),
        ({"load": 1, "text": "\ud800"}, "text", "text is a text."),
        ({"load": 1, "text": "x" * 501}, "text", "text has at most 500 characters."),
        ({"load": 1, "turns": -4}, "turns", "turns is at least -3."),
        ({"load": 1, "turns": 1.0}, "turns", "turns is a whole number."),
        ({"load": 1, "force": 1}, "force", "force is true or false."),
        ({"load": 1, "level": 3}, "level", "level is one of 1, 2."),
        ({"load": -1, "mode": "x"}, "load", "load is at least 0."),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told_with_its_place(payload: object, place: str, told: str) -> None:
    problem = find_problem(DECLARED, payload)
    assert problem is not None
    assert problem[0] == place
    assert problem[1].startswith(told)


@pytest.mark.parametrize(("payload", "fits"), [(None, True), ({}, True), ({"a": 1}, False), ([], False), (0, False)])
def test_a_command_without_properties_takes_nothing(payload: object, fits: bool) -> None:
    assert find_problem(PLAIN, payload) == (None if fits else ("", "It takes no payload: leave it out."))


def test_a_recipes_commands_are_found_by_their_whole_name() -> None:
    version = RecipeVersion(commands=clean_lines([{"name": "start"}, {"name": "stop", "role": "admin", "seconds": 90}]))
    assert [each.name for each in read_declared(version)] == ["start", "stop"]
    found = find_declared(version, "stop")
    assert found is not None
    assert (found.least, found.lasts) == (Role.ADMIN, timedelta(seconds=90))
    assert find_declared(version, "Stop") is None
    assert find_declared(version, "sto") is None


@pytest.mark.parametrize(
    ("word", "is_one"), [("number", math.isfinite), ("integer", lambda value: value == int(value))]
)
def test_what_may_be_declared_as_a_choice_may_be_sent(word: str, is_one: Callable[[float], bool]) -> None:
    for value in (0, -1, 7, 0.5, 2**53):
        if is_one(value):
            (line,) = clean_lines([declare(x={"type": word, "enum": [value]})])
            assert find_problem(Declared(**line), {"x": value}) is None
