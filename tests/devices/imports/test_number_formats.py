"""What a sheet shows of a number, by its format, is what is read; where that is not written out, the row says so."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from devices.imports.cell_formats import BUILT_IN, Shown, show_number
from devices.models import Device
from tests.devices.imports.conftest import problems
from tests.devices.imports.workbooks import write_book

if TYPE_CHECKING:
    from tests.devices.imports.conftest import Run

FIRST_DAY = datetime(1899, 12, 30)  # noqa: DTZ001
DAY, NOON = 46_082, 46_082.521  # 1 March 2026, and 12:30:14 of it


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (1234567, '0.0,,"M"', "1.2M"),
        (123456, "#,", "123"),
        (123456, "#,##0,", "123"),
        (123456, '0,.0"k"', "123.5k"),
        (1234567, "#,##0", "1234567"),
        (0.25, "0.0", "0.3"),
        (2.675, "0.00", "2.68"),
        (2.5, "0", "3"),
        (0.125, "0%", "13%"),
        (12.5, '0.0 "kW"', "12.5 kW"),
        (-3, "0;[Red](0)", "(3)"),
        (5, "[Color 3]000", "005"),
        (7, "[$€-407] 0.00", "€ 7.00"),
        (7, '_(* #,##0.00_);_(* "-"??_)', "7.00"),
        (DAY, "yyyy-mm-dd", "2026-03-01"),
        (DAY, "[$-409]d mmmm yyyy", "2026-03-01"),
        (DAY, "[$-10409]m/d/yyyy", "2026-03-01"),
        (DAY, "dddd, mmmm dd, yyyy", "2026-03-01"),
        (DAY, "yyyy", "2026"),
        (DAY, "mm/yyyy", "03/2026"),
        (DAY, "yyyymm", "202603"),
        (NOON, "yyyy-mm-dd hh:mm", "2026-03-01 12:30"),
        (NOON, "h:mm:ss AM/PM", "12:30:14"),
        (0.25, "[hh]:mm", "06:00"),
        (1.25, "[h]:mm:ss", "30:00:00"),
    ],
)
def test_as_the_sheet_shows_it(value: float, code: str, shown: str) -> None:
    read = show_number(value, code, FIRST_DAY)
    assert read == shown
    assert not isinstance(read, Shown) or read.only_as_serial


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1234, '[>1000]0.0,"k";0'),
        (12, '[>1000]0.0,"k";0'),
        (0.25, "# ??/??"),
        (DAY, "dddd"),
        (DAY, "mmm yy"),
        (DAY, "mmmm"),
        (DAY, "d"),
        (DAY, "dd/mm"),
        (DAY, "mmm yyyy hh:mm"),
        (DAY, BUILT_IN[16]),
        (DAY, BUILT_IN[17]),
        (DAY, BUILT_IN[27]),
        (DAY, '[$-411]ggge"年"m"月"d"日"'),
        (DAY, "[$-107041E]d/m/yyyy"),
        (DAY, "bbbb-mm-dd"),
        (NOON, BUILT_IN[45]),
        (NOON, BUILT_IN[47]),
        (NOON, "hh:mm:ss.000"),
        (NOON, "[mm]:ss"),
        (NOON, "hh"),
        (12, "[DBNum1]0"),
        (12, "[$-D000000]0"),
    ],
)
def test_a_format_that_is_not_written_out_is_told(value: float, code: str) -> None:
    read = show_number(value, code, FIRST_DAY)
    assert isinstance(read, Shown)
    assert f"by a number format that is not read: “{code}”. Format it as text" in read.cause
    assert not read.only_as_serial


@pytest.mark.django_db
@pytest.mark.parametrize("column", ["Name", "Description", "tag:Power"])
def test_rows_are_told_of_it_in_any_column(run: Run, column: str) -> None:
    def shape(sheet: Any) -> None:
        sheet["B2"].number_format, sheet["B3"].number_format = "# ??/??", '0.0,,"M"'

    importing = run(write_book([("Serial", column), ("S1", 0.25), ("S2", 1234567)], shape))
    [(row, named, cause)] = problems(importing)
    assert (row, named, "“# ??/??”. Format it as text" in cause) == (2, column, True)
    device = Device.objects.get(source=importing)
    assert "1.2M" in (device.name, device.description, device.tags.get("Power"))
