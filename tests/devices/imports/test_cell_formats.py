"""Formats of numbers, to the letter: zeros, sections, scaling, dates and texts as the sheet shows them."""

from __future__ import annotations

from datetime import datetime

import pytest

from devices.imports.cell_formats import BUILT_IN, LARGEST, Shown, show_number, show_text

FIRST_DAY, OF_MACS = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001
DAY = 46_082  # 1 March 2026


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (17, "General", "17"),
        (17.5, "general", "17.5"),
        (-17, "General", "-17"),
        (17, 'General" V"', "17 V"),
        (17, "0000", "0017"),
        (12345, "00-00", "123-45"),  # what is too long stands before the first place
        (17, "#", "17"),
        (0, "#", ""),
        (0, "0", "0"),
        (7, "??0", "7"),
        (1234.5, "#,##0.00", "1234.50"),
        (1.5, "0.0#", "1.5"),
        (1.25, "0.0#", "1.25"),
        (1.0, "0.##", "1."),
        (0.5, "#.0", ".5"),
        (0.5, "0", "1"),
        (1.5, "0", "2"),
        (-1.5, "0", "-2"),
        (1.005, "0.00", "1.01"),  # as a decimal, not as the machine has it
        (1234567, "0,,", "1"),
        (999_999_999_999_999, "0", "999999999999999"),
        (5, "0;-0;zero", "5"),
        (-5, "0;-0;zero", "-5"),
        (0, '0;-0;"zero"', "zero"),
        (-5, "0;0", "5"),  # the sheet shows no sign
        (-5, "0", "-5"),
        (0.055, "0.0%", "5.5%"),
        (5, "0%%", "50000%%"),
        (5, '"GW-"0000', "GW-0005"),
        (5, r"\G\W0", "GW5"),
        (5, "_(0_)", "5"),
        (5, "* 0", "5"),
        (5, "[$EUR] 0", "EUR 5"),
        (5, "[Red]0", "5"),
        (1500, "0.00E+00", "1500"),  # no digit is taken from it
        (1.5e-7, "0.00E+00", "1.5e-07"),
        (5, "@", "5"),
        (5, '"x"', "x"),
    ],
)
def test_a_number_as_its_format_shows_it(value: float, code: str, shown: str) -> None:
    read = show_number(value, code, FIRST_DAY)
    assert (read, isinstance(read, Shown)) == (shown, False)


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (DAY, "d/m/yy", "2026-03-01"),
        (DAY + 0.999999, "yyyy-mm-dd", "2026-03-02"),  # a second is the least of a day that is told
        (DAY + 0.5, "d/m/yyyy h:mm", "2026-03-01 12:00"),
        (DAY + 0.5, "yyyy-mm-ddThh:mm:ss", "2026-03-01 12:00:00"),
        (DAY + 0.75, "h:mm am/pm", "18:00"),
        (0.75, "hh:mm", "18:00"),
        (59, "yyyy-mm-dd", "1900-02-28"),
        (61, "yyyy-mm-dd", "1900-03-01"),
        (1, "yyyy-mm-dd", "1900-01-01"),
        (26.5, "[h]:mm", "636:00"),
        (0.5, "[hh]:mm:ss", "12:00:00"),
        (DAY, "yyyy/mm", "2026/03"),
        (DAY, 'mm"."yyyy', "03.2026"),
        *((DAY, BUILT_IN[number], "2026-03-01") for number in (14, 15, 30, 31)),
        (DAY + 0.5, BUILT_IN[22], "2026-03-01 12:00"),
        (0.5, BUILT_IN[18], "12:00"),
        (0.5, BUILT_IN[19], "12:00:00"),
        (1.5, BUILT_IN[46], "36:00:00"),
    ],
)
def test_a_date_is_told_of_where_it_would_be_a_serial(value: float, code: str, shown: str) -> None:
    read = show_number(value, code, FIRST_DAY)
    assert read == shown
    assert isinstance(read, Shown)
    assert read.only_as_serial
    assert read.cause.startswith("A spreadsheet made a ")


def test_the_first_day_of_another_calendar_counts() -> None:
    assert show_number(0, "yyyy-mm-dd", OF_MACS) == "1904-01-01"
    assert show_number(59, "yyyy-mm-dd", OF_MACS) == "1904-02-29"


@pytest.mark.parametrize(
    ("value", "code", "cause"),
    [
        (LARGEST, "0", "A spreadsheet keeps 15 digits of a number, and this one is longer"),
        (-float(LARGEST), "0", "A spreadsheet keeps 15 digits"),
        (float("inf"), "0", "A spreadsheet keeps 15 digits"),
        (float("nan"), "0", "A spreadsheet keeps 15 digits"),
        (-1, "yyyy-mm-dd", "The sheet shows no date here but “####”"),
        (2_958_466, "yyyy-mm-dd", "The sheet shows no date here but “####”"),
        (5, "# ?/?", "This cell is shown by a number format that is not read: “# ?/?”."),
        (5, "[<5]0;0", "not read: “[<5]0;0”"),
        (5, "[=1]0;0", "not read"),
        (DAY, "m/d", "not read"),
        (DAY, "[s]", "not read"),
        (DAY, "[h]", "not read"),
        (DAY, "yyyy-mm-dd hh", "not read"),
        (DAY, "[$-411]yyyy-mm-dd", ""),
        (DAY, "[$-3010000]yyyy-mm-dd", "not read"),  # another calendar
        (5, "0" * 100 + "/0", "0" * 60 + "”"),
    ],
)
def test_what_a_sheet_may_have_lost_is_told_in_any_column(value: float, code: str, cause: str) -> None:
    read = show_number(value, code, FIRST_DAY)
    assert isinstance(read, Shown)
    assert cause in read.cause
    assert read.only_as_serial is (not cause)


@pytest.mark.parametrize(
    ("text", "code", "shown"),
    [
        ("A1", "@", "A1"),
        ("A1", "General", "A1"),
        ("A1", "0", "A1"),
        ("A1", '"GW-"@', "GW-A1"),
        ("A1", '@" (old)"', "A1 (old)"),
        ("A1", '0;0;0;"x"@', "xA1"),
        ("A1", "0;0;0;", "A1"),
        ("A1", '0;"y"@', "yA1"),
        ("A1", "@@", "A1A1"),
    ],
)
def test_a_text_as_its_format_shows_it(text: str, code: str, shown: str) -> None:
    assert show_text(text, code) == shown
