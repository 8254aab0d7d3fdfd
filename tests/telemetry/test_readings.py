"""How values look."""

from __future__ import annotations

import pytest

from devices.models import Attribute
from telemetry.templatetags.readings import TONES, breakable, quantity, shorten, tone, words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (-0.0, "0"), (0.1 + 0.2, "0.3"), (1800.5, "1,800.5"), (12345.678, "12,345.678"),
        (21.537846, "21.538"),
        (-0.25, "\u22120.25"), (0.000123456, "0.00012346"), (12345678, "12,345,678"), (-1234567.5, "\u22121,234,567.5"),
        (2**53, "9.007e15"), (999_999_999_999_999, "999,999,999,999,999"), (1.7976931348623157e308, "1.798e308"),
        (5e-324, "4.941e-324"), (-0.0001, "\u22120.0001"), (1e-5, "0.00001"),
    ],
)  # fmt: skip
def test_as_it_came(value: float, text: str) -> None:
    assert quantity(value) == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(21.5, 2, "21.50"), (21.537, 1, "21.5"), (1234.5, 0, "1,234"), (-0.001, 2, "0.00"), (-5, 1, "\u22125.0"),
     (1e300, 2, "1e300")],
)  # fmt: skip
def test_with_the_recipes_decimals(value: float, decimals: int, text: str) -> None:
    assert quantity(value, decimals) == text


def test_a_long_number_wraps_after_its_groups() -> None:
    assert (breakable("1,234.568"), breakable("123,456.789")) == ("1,234.568", "123,<wbr>456.789")


def test_long_texts_are_shortened() -> None:
    assert shorten("x" * 80) == "x" * 80
    assert shorten("F" * 200_000) == "F" * 80 + "… (200,000 characters)"
    assert words("F" * 101).endswith("… (101 characters)")
    assert (words(None), words(True), words(1234)) == ("\u2013", "On", "1,234")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\u2013"), (True, "On"), (False, "Off"), (0, "0.0"), (-0.04, "0.0"), (1234.56, "1,234.6"),
        ("1234.56", "1234.56"), ("", ""), ("x" * 81, "x" * 80 + "… (81 characters)"),
    ],
)  # fmt: skip
def test_a_value_of_any_type_in_words(value: object, text: str) -> None:
    assert words(value, Attribute(decimals=1)) == text


def test_a_shortened_text_ends_in_no_space() -> None:
    assert shorten("x" * 79 + " " * 9) == "x" * 79 + "… (88 characters)"


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("999,999.9", "999,999.9"),
        ("1,234,567,890", "1,<wbr>234,<wbr>567,<wbr>890"),
        ("<b>123,456", "&lt;b&gt;123,<wbr>456"),
    ],
)
def test_what_wraps_is_escaped(number: str, written: str) -> None:
    assert breakable(number) == written


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("running", "good"), (" Running ", "good"), ("ON", "good"), ("cranking", "busy"), ("fault", "bad"),
        ("Emergency", "bad"), ("idle", "plain"), ("", "plain"), ("not running", "plain"), (True, "plain"),
        (None, "plain"),
    ],
)  # fmt: skip
def test_the_colour_beside_a_word(value: object, shown: str) -> None:
    assert tone(value) == shown


def test_no_word_has_two_colours() -> None:
    known = [word for tones in TONES.values() for word in tones]
    assert len(known) == len(set(known))
    assert all(word == word.lower() for word in known)
