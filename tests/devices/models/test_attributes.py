"""What a recipe says of a value: its range in words, what is outside, what is a fault, and how it is called."""

from __future__ import annotations

import math
import re

import pytest

from devices.models import Attribute
from devices.models.recipe import ATTRIBUTE_NAME, is_number


@pytest.mark.parametrize(
    ("low", "high", "value", "outside"),
    [
        (0, 10, 0, False),
        (0, 10, 10, False),
        (0, 10, -0.1, True),
        (0, 10, 10.1, True),
        (0, None, 10**20, False),
        (0, None, -1, True),
        (None, 0, 1, True),
        (None, None, 10**20, False),
        (5, 10, True, False),  # yes is no number
        (5, 10, "1", False),
        (5, 10, None, False),
        (0, 10, math.nan, False),
    ],
)
def test_only_a_number_is_outside(low: float | None, high: float | None, value: object, outside: bool) -> None:
    assert Attribute(minimum=low, maximum=high).is_outside(value) is outside


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-40, 85, "\u221240 to 85"),
        (0, 0, "0 to 0"),
        (None, 0, "at most 0"),
        (1234567.5, None, "at least 1,234,567.5"),
        (1e-7, 1e15, "1e\u221207 to 1e+15"),
    ],
)
def test_a_range_is_said_as_people_write_numbers(low: float | None, high: float | None, words: str) -> None:
    assert Attribute(minimum=low, maximum=high).span == words


@pytest.mark.parametrize(
    ("faults", "values"),
    [("", []), (" , ,", []), ("a", ["a"]), (" a , b c,", ["a", "b c"]), ("3,4", ["3", "4"])],
)
def test_the_faults_stand_between_commas(faults: str, values: list[str]) -> None:
    assert Attribute(faults=faults).fault_values == values


@pytest.mark.parametrize(
    ("faults", "value", "is_one"),
    [
        ("3, 4.0", 3.0, True),
        ("3, 4.0", 4, True),
        ("03", 3, True),
        ("inf", math.inf, False),
        ("b c", "b c", True),
        ("b c", "b", False),
        ("1", True, False),
        ("True", True, False),
        ("none", None, False),
    ],
)
def test_a_value_is_a_fault_as_it_is_written_or_as_the_number_that_it_is(
    faults: str, value: object, is_one: bool
) -> None:
    assert Attribute(faults=faults).is_fault(value) is is_one


@pytest.mark.parametrize(
    ("told", "watched"),
    [({}, False), ({"faults": "3"}, True), ({"minimum": 0}, True), ({"maximum": 0}, True), ({"unit": "rpm"}, False)],
    ids=str,
)
def test_what_has_no_bad_value_is_not_watched(told: dict[str, object], watched: bool) -> None:
    assert Attribute(name="rpm", **told).is_watched is watched


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("1", True), ("-1.5e3", True), (" 1 ", True), ("", False), ("1,5", False), ("nan", False), ("-inf", False)],
)
def test_a_number_is_finite(text: str, is_one: bool) -> None:
    assert is_number(text) is is_one


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("rpm", True),
        ("A", True),
        ("a.b_c-1", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("1a", False),
        ("_a", False),
        ("a b", False),
        ("a\n", False),
        ("ä", False),
        ("a/b", False),
        ("", False),
    ],
)
def test_how_an_attribute_may_be_called(name: str, fits: bool) -> None:
    assert bool(re.match(ATTRIBUTE_NAME, name)) is fits
