"""What a spreadsheet or a program made of a text: undone where that is sure, named where something is lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.identity.formats import Format, Kind
from devices.imports import cells, placeholders, problem_groups, spreadsheets
from devices.imports.certificates import Cause
from devices.imports.odd_serials import OddSerials, can_differ

LOST, DECIMAL, GROUPED = "its last digits are lost", "made a decimal number", "grouped the digits"
DATE, TIME, FAILED, FORMULA = "made a date", "made a time", "A formula of the spreadsheet failed", "formula stands here"
NARROW = "The column was too narrow"
DAMAGED: dict[str, list[str]] = {
    LOST: ["8.61235E+14", "8,61235E+14", "1E+15", "-1.5E-07", "8.6e14"],
    DECIMAL: ["861.0", "861,00", "12.000000"],
    GROUPED: ["861,234,567", "861'234", "861\u202f234", "1.234.567.890"],
    DATE: [
        "1-Mar-26",
        "1. März 2026",
        "Jan-26",
        "01/02/2026",
        "2026-03-01",
        "1-2-26",
        "01.03.2026",
        "3月1日",
        "1 févr. 26",
    ],
    TIME: ["12:30 PM", "12:30:15 am", "1:05\u202fp.m."],
    NARROW: ["##", "########"],
    FAILED: ["#N/A", "#REF!", "#BEZUG!", "Err:502", "Fehler:502", "#ссылка!"],
    FORMULA: ["=A1+1", '=HYPERLINK("x")'],
}
TEXTS = [(text, cause) for cause, texts in DAMAGED.items() for text in texts]
SOUND = [
    "861234567890301",
    "GW-2024.0017",
    "10.0.0.1",
    "1E",
    "E14",
    "12.5",
    "A1B2",
    "001B44113AB7",
    "00:1B:44:11:3A:B7",
]
SOUND += ["GEN-45", "SET-12", "gen-45", "1.2.3", "#1", "12-34", "2026", "20260301", "99-99-99", ""]


@pytest.mark.parametrize(("text", "cause"), TEXTS)
def test_what_a_spreadsheet_did_to_a_serial_is_named_with_its_remedy(text: str, cause: str) -> None:
    told = spreadsheets.explain_damage(text)
    assert cause in told
    assert told.endswith("Format the column as text, enter or paste the serials anew, and save it again.")


@pytest.mark.parametrize("text", SOUND)
def test_a_serial_that_only_looks_alike_is_left_alone(text: str) -> None:
    assert spreadsheets.explain_damage(text) == ""


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        ('="00123"', "00123"),
        ('\'="00123"', "00123"),
        ("'00123", "00123"),
        ("\u201900123", "00123"),
        ("' x", "' x"),
        ("'=x", "=x"),
        ("GW-1", "GW-1"),
        ('="a"b"', '="a"b"'),
        ("", ""),
    ],
)
def test_the_marks_of_a_text_are_no_part_of_it(text: str, serial: str) -> None:
    assert spreadsheets.read_serial(text) == serial


ANYWHERE: list[tuple[str, str]] = [
    ("#N/A", FAILED),
    ("####", NARROW),
    ("NULL", "A program wrote an empty cell so."),
    ("<NA>", "A program wrote an empty cell so."),
    ("nan", "A program wrote an empty cell so."),
    ("\\N", "A program wrote an empty cell so."),
    ("[object Object]", "A program wrote an empty cell so."),
    ("8.61235E+14", LOST),
    ("Pump &amp; motor", "It was “Pump & motor” before a program wrote it for a web page"),
    ("Stra&szlig;e", "It was “Straße”"),
    ("&#8220;x&#8221;", "It was ““x”” before"),
    ("Gr\\u00f6\\u00dfe", "It was “Größe” before a program wrote it in signs of its own"),
    ("Gr%C3%B6%C3%9Fe", "It was “Größe”"),
    ("Gr=C3=B6=C3=9Fe", "It was “Größe”"),
    ("a<br>b<BR/>c", "It was “a b c”"),
]


@pytest.mark.parametrize(("text", "cause"), ANYWHERE)
def test_what_is_lost_in_any_column_is_named_and_a_row_is_looked_at_for_it(text: str, cause: str) -> None:
    assert cause in spreadsheets.explain_damage_anywhere(text)
    assert spreadsheets.may_be_damaged(f"GW-1,{text},x")


@pytest.mark.parametrize(
    "text", ["Pump & motor", "100 %", "%41", "a=b", "&x;", "nano", "null and void", "8.6E+09", "C\\u00"]
)
def test_what_a_text_may_hold_is_left_alone(text: str) -> None:
    assert spreadsheets.explain_damage_anywhere(text) == ""


def test_in_json_escapes_are_its_own() -> None:
    text = '{"a": "Gr\\u00f6\\u00dfe"}'
    assert spreadsheets.explain_damage_anywhere(text)
    assert spreadsheets.explain_damage_anywhere(text, may_escape=True) == ""


@given(st.text(st.sampled_from("#NULnaE+18.,&amp;\\u0Cc%=<br>/ :GFehlrO[]oject"), max_size=14))
def test_no_row_with_damage_is_passed_over(text: str) -> None:
    assert spreadsheets.may_be_damaged(text) or not spreadsheets.explain_damage_anywhere(text)


@pytest.mark.parametrize(
    ("text", "fitting", "told"),
    [
        ("1234567", Format(Kind.BASE10, length=8), "is it 01234567?"),
        ("1234", Format(Kind.BASE10, length=8), "is it 00001234?"),
        ("123", Format(Kind.BASE10, length=8), ""),  # too many to be sure
        ("GW-17", Format(Kind.BASE10, "GW-", 4), "is it GW-0017?"),
        ("17", Format(Kind.BASE16, length=4), "is it 0017?"),
        ("1A", Format(Kind.BASE16, length=4), ""),  # no number
        ("12345678", Format(Kind.BASE10, length=8), ""),
        ("17", Format(Kind.BASE10), ""),
        ("17", Format(Kind.OPAQUE, length=4), ""),
        ("", Format(Kind.BASE10, length=4), ""),
    ],
)
def test_zeros_that_are_missing_at_the_front_are_asked_about(text: str, fitting: Format, told: str) -> None:
    cause = spreadsheets.explain_lost_zeros(text, fitting)
    assert told in cause
    assert bool(cause) is bool(told)


@pytest.mark.parametrize(
    ("text", "zeros"), [("861234567890301000", 3), ("861234567890301", 0), ("8612345678903012", -1), ("A" * 20, 0)]
)
def test_zeros_after_fifteen_digits_may_be_a_spreadsheets(text: str, zeros: int) -> None:
    assert spreadsheets.count_rounded(text) == zeros


@pytest.mark.parametrize(
    ("text", "told"), [("=A1", True), ("=", False), ("==>", False), ("=>", False), ("A=B", False), ("", False)]
)
def test_a_formula_among_words_is_named(text: str, told: bool) -> None:
    assert bool(spreadsheets.explain_formula(text)) is told


@pytest.mark.parametrize(
    ("text", "serials"),
    [
        ("", []),
        ("GW-1", ["GW-1"]),
        (" GW-1, GW-2;GW-3\nGW-4 ,", ["GW-1", "GW-2", "GW-3", "GW-4"]),
        ("GW-1, gw1", ["GW-1"]),  # one, twice
        ("001B44113AB7, 00:1B:44:11:3A:B7", ["001B44113AB7"]),
        ("'001", ["001"]),
        ("SN: GW-1", ["GW-1"]),
    ],
)
def test_the_gateways_of_a_cell(text: str, serials: list[str]) -> None:
    assert list(cells.read_gateways(text).values()) == serials


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("8.61E+14", "“8.61E+14”: A spreadsheet wrote this long number in short"),
        ("GW-1, 01/02/2026", "“01/02/2026”: A spreadsheet made a date of this serial."),
        (", ".join(f"GW{n}" for n in range(11)), "11 gateways are too many: a device speaks through 10 at most."),
    ],
)
def test_what_are_no_gateways_is_told(text: str, cause: str) -> None:
    with pytest.raises(Cause) as told:
        cells.read_gateways(text)
    assert str(told.value).startswith(cause)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("n/a", "This says that there is none: leave the cell empty."),
        ("GW-1 GW-2", "Unknown. Several gateways are parted by commas, semicolons or line breaks."),
        ("GW-1/GW-2", "Unknown. Several gateways are parted by commas, semicolons or line breaks."),
        ("GW-1", "Unknown."),
    ],
)
def test_why_a_part_of_a_cell_is_no_gateway(text: str, told: str) -> None:
    assert cells.explain_gateway(text, "Unknown.") == told


def test_a_cell_is_quoted_as_far_as_it_can_be_seen() -> None:
    assert cells.quote_cell("") == ""
    assert cells.quote_cell("a\0b") == "“a�b”: "
    assert cells.quote_cell("x" * 41) == f"“{'x' * 40}…”: "


@pytest.mark.parametrize("text", ["n/a", "N/A", "Unknown", "TBD", "-", "…", "xx", "No Name"])
def test_words_that_say_nothing(text: str) -> None:
    assert text in placeholders.NOTHING
    assert text in placeholders.ALL


def test_empty_names_are_counted_and_the_first_are_named() -> None:
    names = placeholders.EmptyNames()
    assert names.describe() is None
    for row in range(2, 40):
        names.add(row, "n/a" if row == 2 else "-")
    assert names.describe() == {"rows": 38, "first_rows": list(range(2, 22)), "sample": "n/a"}


def describe(*serials: str) -> Any:
    odd = OddSerials()
    odd.add(enumerate(serials, 2))
    return odd.describe()


def test_serials_are_unlike_the_others_only_where_most_are_alike() -> None:
    assert describe("GW1", "x") is None  # of two nobody knows
    assert describe("GW01", "GW02", "GW03") is None
    assert describe("GW01", "AB1", "x-y") is None
    told = describe("GW01", "GW02", "GW03", "7", "TRUE", "8")
    assert (told["usual"], told["serials"], told["rows"]) == ("“GW” and 2 digits", 6, 3)
    assert [(each["shape"], each["rows"], each["first_rows"]) for each in told["shapes"]] == [
        ("one digit", 2, [5, 7]),
        ("4 characters", 1, [6]),
    ]
    hexadecimal = describe("00AF1B", "0A1122", "0F1122", "001122", "x1")
    assert (hexadecimal["usual"], hexadecimal["rows"]) == ("6 hexadecimal digits", 1)  # digits alone are some, too


@pytest.mark.parametrize(
    ("fitting", "can"),
    [
        (Format(Kind.OPAQUE, length=5), True),
        (Format(Kind.BASE10), True),
        (Format(Kind.BASE10, length=5), False),
        (Format(Kind.MAC48), False),
        (Format(), False),
    ],
)
def test_in_which_formats_serials_have_several_shapes(fitting: Format, can: bool) -> None:
    assert can_differ(fitting) is can


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("GW001", Format(Kind.BASE10, "GW", 3)),
        ("GW-2024.0017", None),
        ("0017", Format(Kind.BASE10, length=4)),
        ("00AF", Format(Kind.BASE16, length=4)),
        ("0AF", None),
        ("x" * 33 + "1", None),
        ("", None),
    ],
)
def test_the_format_that_a_cell_suggests(cell: str, found: Format | None) -> None:
    assert problem_groups.find_format(cell) == found
