"""No cell of an export is taken for a formula, in whichever locale it is opened; programs read what was written."""

from __future__ import annotations

import csv
import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.csv_export import Plain, encode_csv, format_csv, neutralise, read_neutral

SIGNS = "=+-@＝＋－＠"  # noqa: RUF001
texts = st.text(st.sampled_from([*SIGNS, *" ;,\t\r\n\"'a1"]))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+41 44", "'+41 44"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),  # noqa: RUF001
        ("  =1", "  '=1"),
        ('"=1', "\"'=1"),
        ("b;=1+1", "b;'=1+1"),
        ("b\n=1\r\n-2", "b\n'=1\r'\n'-2"),
        ("\tx", "'\tx"),
        ("a-b", "a-b"),
        ("a, =1", "a, =1"),
        ("1;2", "1;2"),
        ("'=1", "'=1"),
        ("", ""),
    ],
)
def test_what_could_begin_a_formula_is_text(text: str, written: str) -> None:
    assert neutralise(text) == written


@given(texts)
def test_no_cell_that_any_separator_gives_begins_a_formula(text: str) -> None:
    for cell in re.split(r"[;\t\r\n]", neutralise(text)):
        assert not re.match(rf'[ "]*[{re.escape(SIGNS)}]', cell)


@given(texts)
def test_what_was_neutralised_is_read_back(text: str) -> None:
    assert read_neutral(neutralise(text)) in {text, read_neutral(text)}


def test_an_apostrophe_of_ones_own_is_kept_where_it_neutralises_nothing() -> None:
    assert read_neutral("'tis") == "'tis"
    assert read_neutral("O'-Neill") == "O'-Neill"
    assert read_neutral("'=1;'@x") == "=1;@x"


def test_each_cell_is_quoted_and_numbers_are_numbers() -> None:
    rows: list[list[str | float]] = [
        ["Name", "Load"],
        ["=1", -5],
        ['say "x"', 1.5],
        [Plain("-46.2"), "-46.2"],
        ["Öl", ""],
    ]
    written = format_csv(rows)
    assert written == (
        '"Name","Load"\r\n"\'=1","-5"\r\n"say ""x""","1.5"\r\n"-46.2","\'-46.2"\r\n"Öl",""\r\n'
    )  # fmt: skip
    assert encode_csv(iter(rows)) == written.encode("utf-8")
    assert [*csv.reader(StringIO(written, newline=""))][2] == ['say "x"', "1.5"]


def test_nothing_is_an_empty_file() -> None:
    assert (format_csv([]), encode_csv([])) == ("", b"")
