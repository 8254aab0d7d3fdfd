"""What people call things is one line that can be seen, and what they write about them a few of them."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from lib import names

NEVER = {
    "NUL": "\x00",
    "bell": "\x07",
    "escape": "\x1b",
    "right to left": "\u202e",
    "isolate": "\u2066",
    "no width": "\u200b",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "filler": "\u3164",
    "wide filler": "\uffa0",
    "empty braille": "\u2800",
    "half of a pair": "\ud800",
    "private": "\ue000",
    "not assigned": "\u0378",
}
texts = st.text(st.characters(exclude_categories=[]) | st.sampled_from([*NEVER.values(), " ", "\n", "\r", "\t", "a"]))


def refusal_of(error: pytest.ExceptionInfo[ValidationError], field: str = "") -> str:
    """Return the one sentence, which stands at the field where there is one."""
    said = error.value.message_dict if field else {"": error.value.messages}
    assert list(said) == [field]
    (sentence,) = said[field]
    return str(sentence)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Pump", "Pump"),
        (" \tPump\r\n house\u2028\u00a0 ", "Pump house"),
        ("Pümpe 7 — Süd", "Pümpe 7 — Süd"),
        ("泵房\u3000二", "泵房 二"),
        ("", ""),
        (" \n ", ""),
        ("a\x1fb", "a b"),  # the unit separator is white space to Python
    ],
)
def test_a_line_has_single_spaces_and_no_ends(written: str, kept: str) -> None:
    assert names.clean_one_line(written) == kept


@pytest.mark.parametrize("unseen", NEVER.values(), ids=NEVER)
@pytest.mark.parametrize("clean", [names.clean_one_line, names.clean_name, names.clean_several_lines])
def test_what_cannot_be_seen_is_refused_by_its_number(clean: object, unseen: str) -> None:
    assert callable(clean)
    with pytest.raises(ValidationError) as refused:
        clean(f"Pump{unseen}house", "label")
    assert f"(U+{ord(unseen):04X})" in refusal_of(refused, "label")


def test_the_first_of_several_unseen_is_told_and_without_a_field_the_sentence_is_alone() -> None:
    with pytest.raises(ValidationError) as refused:
        names.clean_one_line("a\u200bb\x07c")
    assert "(U+200B)" in refusal_of(refused)


def test_a_name_is_neither_empty_nor_longer_than_its_bound() -> None:
    assert names.clean_name("x" * names.LENGTH) == "x" * names.LENGTH
    assert names.clean_name(f"  {'x' * 5}  ", most=5) == "x" * 5
    with pytest.raises(ValidationError) as refused:
        names.clean_name("x" * (names.LENGTH + 1))
    assert refusal_of(refused, "name") == "121 characters are too many: at most 120."
    for empty in ("", " \n\t "):
        with pytest.raises(ValidationError) as refused:
            names.clean_name(empty)
        assert refusal_of(refused, "name") == "Give it a name."


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  one line ", "one line"),
        ("one\r\ntwo\rthree\u2028four\x85five", "one\ntwo\nthree\nfour\nfive"),
        ("\n\n one\n\n\ttwo \n", "one\n\n\ttwo"),
        ("می\u200cدن 👨\u200d👩", "می\u200cدن 👨\u200d👩"),
        ("a\u00a0b\u2003c", "a\u00a0b\u2003c"),
        ("", ""),
    ],
)
def test_several_lines_keep_their_shape_with_line_feeds(written: str, kept: str) -> None:
    assert names.clean_several_lines(written) == kept


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_several_lines_are_counted_without_what_is_around_them(letter: str) -> None:
    assert names.clean_several_lines(f" {letter * 500}\n") == letter * 500
    with pytest.raises(ValidationError) as refused:
        names.clean_several_lines(letter * 8, "description", 7)
    assert refusal_of(refused, "description") == "8 characters are too many: at most 7."


@pytest.mark.parametrize(
    ("text", "stored", "same"),
    [
        ("one\r\ntwo", "one\ntwo", True),
        ("one\ntwo", " one\r\ntwo\n", True),
        ("one two", "one\ntwo", False),
        ("One", "one", False),
        ("", "", True),
    ],
)
def test_line_ends_alone_are_no_change(text: str, stored: str, *, same: bool) -> None:
    assert names.is_same(text, stored) is same


@given(texts)
def test_what_was_cleaned_stays_as_it_is(text: str) -> None:
    for clean in (names.clean_one_line, names.clean_several_lines):
        try:
            cleaned = clean(text)
        except ValidationError:
            continue
        assert clean(cleaned) == cleaned
        assert not {*NEVER.values()} & {*cleaned}


@given(texts.map(str.strip))
def test_what_counts_as_clean_already_is_what_cleaning_returns(text: str) -> None:
    if names.is_clean(text):
        assert names.clean_one_line(text) == names.clean_several_lines(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [("Pump 7", True), ("x" * 120, True), ("x" * 121, False), ("a  b", False), ("Pümpe", False), ("a\tb", False)],
)
def test_what_counts_as_clean_without_a_look(text: str, *, clean: bool) -> None:
    assert names.is_clean(text) is clean
