"""Numbers and texts of addresses, forms and JSON, at the edges of what a database takes."""

from __future__ import annotations

import pytest

from lib import parsing


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("7", 7),
        ("007", 7),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, 0),
        ("", 0),
        ("-1", 0),
        ("+1", 0),
        ("1.0", 0),
        (" 1", 0),
        ("٣", 0),
        ("²", 0),
    ],
)
def test_a_key_is_digits_that_fit_or_no_rows(text: str, number: int) -> None:
    assert parsing.parse_whole_number(text) == number


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("", True),
        ("pump", True),
        ("Pümpe 👍", True),
        ("a\0b", False),
        ("ü\0", False),
        ("\ud7ff\ue000", True),
        ("a\ud800", False),
        ("\udfff", False),
    ],
)
def test_texts_without_nul_and_halves_of_pairs_are_stored(text: str, *, takes: bool) -> None:
    assert parsing.is_storable(text) is takes


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (" pump ", "pump"),
        ("pu\0mp", "pump"),
        ("\0 pump", "pump"),
        ("x" * 130, "x" * 120),
        ("  " + "x" * 120, "x" * 120),
    ],
)
def test_a_search_is_for_what_can_be_stored(typed: str, asked: str) -> None:
    assert parsing.clean_search_text(typed) == asked
    assert parsing.clean_search_text(typed, 3) == asked[:3]
    assert parsing.remove_nul(typed) == typed.replace("\0", "")
