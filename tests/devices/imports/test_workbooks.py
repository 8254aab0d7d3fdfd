"""A workbook's sheet is read as it shows itself, by the rules of every table; what it shows no longer is named."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from devices import imports
from devices.models import Device, Import
from tests.devices.api import Program
from tests.devices.imports.conftest import problems, table, work
from tests.devices.imports.pages import address, matched, words
from tests.devices.imports.workbooks import save, write_book, write_raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

    Upload = Callable[..., Import]

pytestmark = pytest.mark.django_db

ICCID_19, ICCID_20 = "8931041010654321345", "89310410106543213451"


def made() -> Any:
    return Device.objects.exclude(source=None).order_by("pk")


def name_all() -> dict[str, str]:
    return dict(made().values_list("serial", "name"))


def test_a_sheet_becomes_devices(run: Run, world: World) -> None:
    rows = [
        ("Serial Number", "Name", "Group", "Tags"),
        ("GW-1", "Pump", world.anaheim.name, "hall: B"),
        ("GW-2", None, None, ""),
    ]
    importing = run(write_book(rows))
    assert (importing.made, importing.sheet, importing.encoding, importing.delimiter) == (2, "Sheet", "", "")
    device = Device.objects.get(serial="GW1")
    assert (device.name, device.group, device.tags["hall"]) == ("Pump", world.anaheim, "B")
    report = table(imports.write_report_csv(importing))
    assert [line["Serial Number"] for line in report] == ["GW-1", "GW-2"]


def test_long_serials_as_texts_and_letters_after_a_thousand_numbers(run: Run) -> None:
    rows: list[tuple[Any, Any]] = [("ICCID", "Serial"), (ICCID_19, ICCID_19), (ICCID_20, ICCID_20)]
    rows += [(number, number) for number in range(100_000, 101_000)] + [("x", "AB-9")]
    run(write_book(rows))
    assert made().count() == 1_003
    told = Device.objects.filter(serial__in=[ICCID_19, ICCID_20, "AB9", "100999"])
    assert set(told.values_list("row", flat=True)) == {2, 3, 1_003, 1_004}


@pytest.mark.parametrize(
    ("value", "style", "shown"),
    [
        (861234567890123, "General", "861234567890123"),
        (861234567890123, "0.00E+00", "861234567890123"),
        (12345, "000000000000", "000000012345"),
        (12345, '"GW"000000', "GW012345"),
        (12345678, "0000-0000", "12345678"),
        (1234567, "#,##0", "1234567"),
        ("7", '"SN-"@', "SN7"),
        (42.0, "General", "42"),
    ],
)
def test_numbers_are_what_the_sheet_shows(run: Run, value: Any, style: str, shown: str) -> None:
    def shape(sheet: Any) -> None:
        sheet["A2"].number_format = style

    run(write_book([("Serial",), (value,)], shape))
    assert list(made().values_list("serial", flat=True)) == [shown]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (8931041010654321345, "its last digits are lost"),
        (datetime(2026, 3, 1, 12, 30), "made a date of this serial"),  # noqa: DTZ001
        (date(2026, 3, 1), "made a date of this serial"),
        (time(12, 30), "made a time of this serial"),
    ],
)
def test_what_a_sheet_lost_is_named(check: Run, value: Any, said: str) -> None:
    importing = check(write_book([("Serial", "Name"), (value, "Pump")]))
    assert said in problems(importing)[0][2]
    assert problems(importing)[0][:2] == (2, "Serial")


def test_lost_digits_are_lost_in_a_tag_too_and_a_date_is_one(run: Run) -> None:
    rows = [("Serial", "tag:ICCID", "tag:Built"), ("S1", 8931041010654321345, None), ("S2", None, date(2026, 3, 1))]
    importing = run(write_book(rows))
    assert problems(importing)[0][:2] == (2, "tag:ICCID")
    assert made().get().tags["Built"] == "2026-03-01"


def test_formulas_have_their_results_or_are_told(run: Run) -> None:
    rows = (
        '<row r="1"><c t="inlineStr"><is><t>Serial</t></is></c><c t="inlineStr"><is><t>Name</t></is></c></row>'
        '<row r="2"><c r="A2" t="str"><f>"GW"&amp;1</f><v>GW1</v></c><c r="B2"><f>1+1</f><v>2</v></c></row>'
        '<row r="3"><c r="A3"><f>B3&amp;1</f></c></row>'
        '<row r="4"><c r="A4" t="e"><f>NA()</f><v>#N/A</v></c></row>'
        '<row r="5"><c r="A5" t="str"><f>IF(1,"")</f><v></v></c><c r="B5" t="str"><v>Pump</v></c></row>'
    )
    importing = run(write_raw(rows))
    assert name_all() == {"GW1": "2"}
    said = {row: cause for row, _, cause in problems(importing)}
    assert "has no result in the file" in said[3]
    assert "failed" in said[4]
    assert "missing" in said[5].lower() or "serial" in said[5].lower()


@pytest.mark.parametrize(
    ("computed", "made_of_it"),
    [('<calcPr fullCalcOnLoad="1"/>', {"GW2": "Pump 2"}), ('<calcPr calcId="1"/>', {"GW1": "0", "GW2": "Pump 2"})],
)
def test_results_of_a_program_that_computes_nothing_are_none(
    run: Run, computed: str, made_of_it: dict[str, str]
) -> None:
    """XlsxWriter 3.3.1 stores 0 for each formula, and that the book has to be computed when it is opened."""
    rows = (
        '<row r="1"><c t="inlineStr"><is><t>Serial</t></is></c><c t="inlineStr"><is><t>Name</t></is></c></row>'
        '<row r="2"><c t="inlineStr"><is><t>GW1</t></is></c><c r="B2"><f>"Pump "&amp;1</f><v>0</v></c></row>'
        '<row r="3"><c t="inlineStr"><is><t>GW2</t></is></c><c t="inlineStr"><is><t>Pump 2</t></is></c></row>'
    )
    importing = run(write_raw(rows, settings=computed))
    assert name_all() == made_of_it
    told = ["has no result in the file" in cause for *_, cause in problems(importing)]
    assert told == [True] * (2 - len(made_of_it))


def test_rows_have_the_sheets_numbers(check: Run) -> None:
    def shape(sheet: Any) -> None:
        sheet["A40"] = "no serial!"

    importing = check(write_book([(), (), ("Devices of March",), (), ("Serial", "Name"), (), ("GW-1", "Pump")], shape))
    assert (importing.header_row, importing.header) == (5, ["Serial", "Name"])
    assert [row for row, _, _ in problems(importing)] == [40]
    assert importing.total == 2


def test_hidden_columns_are_left_out_and_hidden_rows_told(run: Run) -> None:
    def shape(sheet: Any) -> None:
        sheet.column_dimensions["B"].hidden = True
        sheet.row_dimensions[3].hidden = True

    importing = run(write_book([("Serial", "Name"), ("S1", "secret"), ("S2", "two"), ("S3", "three")], shape))
    assert (importing.header, importing.columns) == (["Serial", "Name (hidden column)"], ["serial", ""])
    assert name_all() == {"S1": "S1", "S3": "S3"}
    assert "hidden" in problems(importing)[0][2]


def test_merged_cells_hold_for_all_their_rows(run: Run, world: World) -> None:
    def shape(sheet: Any) -> None:
        for cells in ("A1:A2", "B1:C1", "C3:C5"):
            sheet.merge_cells(cells)

    rows = [
        ("Serial", "Where", None),
        (None, "Name", "Group"),
        ("S1", "a", world.anaheim.name),
        ("S2", "b"),
        ("S3", "c"),
    ]
    importing = run(write_book(rows, shape))
    assert importing.header_row == 2
    assert set(made().values_list("serial", "group")) == {(f"S{n}", world.anaheim.pk) for n in (1, 2, 3)}


def test_texts_as_they_are_read(run: Run) -> None:
    texts = (
        "<si><t>Serial</t></si><si><t>Name</t></si><si><t>S1</t></si>"
        '<si><r><t>東</t></r><r><t xml:space="preserve">京 </t></r><rPh sb="0" eb="1"><t>トウキョウ</t></rPh></si>'
    )
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
        '<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2" t="s"><v>3</v></c></row>'
        '<row r="3"><c t="inlineStr"><is><t>S2</t></is></c><c t="b"><v>1</v></c></row>'
    )
    run(write_raw(rows, texts=texts))
    assert name_all() == {"S1": "東京", "S2": "TRUE"}


def test_the_first_sheet_with_rows_that_is_shown(world: World, upload: Callable[..., Import]) -> None:
    from openpyxl import Workbook

    book = Workbook()
    first: Any = book.active
    first.title = "Cover"
    hidden, list_ = book.create_sheet("Old"), book.create_sheet("Devices")
    hidden.sheet_state = "hidden"
    hidden.append(["Serial"])
    list_.append(["Serial"])
    list_.append(["S1"])
    importing = upload(save(book))
    assert (importing.sheet, importing.sheet_names) == ("Devices", ["Cover", "Old", "Devices"])


def write_sheets(*sheets: tuple[str, list[list[Any]]], active: int = 0) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.active = active
    return save(book)


def batch(letter: str, count: int) -> list[list[Any]]:
    return [["Serial", "Name"], *([f"{letter}-{at:04}", "Pump"] for at in range(count))]


LISTS = write_sheets(("Batch1", batch("A", 1)), ("Batch2", batch("B", 120)), ("Notes", [["Read me"]]), ("Empty", []))
UNREAD = "2 more sheets of this workbook are not read: “Batch2” (120 rows) and “Notes” (1 row)."


def test_sheets_that_are_not_read_are_told(client: Client, world: World, upload: Upload) -> None:
    client.force_login(world.owner)
    owner, importing = Program(world.owner), upload(LISTS)
    assert UNREAD in words(client.get(address(importing)))
    client.post(address(importing, "import-match"), matched(importing, encoding="", delimiter=""))
    importing = work(importing)
    assert importing.state == Import.State.CHECKED
    assert UNREAD in words(client.get(address(importing)))
    told = owner.get(f"imports/{importing.key}/").json()
    assert told["sheets"] == ["Batch1", "Batch2", "Notes", "Empty"]
    assert told["unread_sheets"] == [{"sheet": "Batch2", "rows": 120}, {"sheet": "Notes", "rows": 1}]
    client.post(address(importing, "import-start"))
    page = words(client.get(address(work(importing))))
    assert "1 device added" in page
    assert UNREAD in page
    assert "more sheet" not in words(client.get(address(upload(write_book(batch("C", 2))))))


@pytest.mark.parametrize(
    ("sheets", "active", "chosen"),
    [
        ((("Cover", [["This workbook lists devices"]]), ("Devices", batch("A", 2))), 0, "Devices"),
        ((("Cover", [["Kanarra"], ["Devices of June"], ["As agreed"]]), ("Devices", batch("A", 2))), 0, "Devices"),
        ((("Prices", [["Part", "Price"], ["KG-250", 5]]), ("Devices", batch("A", 2))), 0, "Devices"),
        ((("Batch1", batch("A", 2)), ("Batch2", batch("B", 2))), 1, "Batch2"),
        ((("Batch1", batch("A", 2)), ("Batch2", batch("B", 2))), 0, "Batch1"),
        ((("Batch1", batch("A", 2)), ("Notes", [["a"], ["b"]])), 1, "Batch1"),
        ((("One", [["A", "B"], ["x", "y"]]), ("Two", [["C", "D"], ["x", "y"]])), 0, "One"),
    ],
)
def test_the_sheet_of_the_devices_is_found(upload: Upload, sheets: Any, active: int, chosen: str) -> None:
    assert upload(write_sheets(*sheets, active=active)).sheet == chosen
