"""What stands beside or below a table: empty columns, notes, columns without a heading, another table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices import imports
from devices.models import Device
from tests.devices.api import Program
from tests.devices.imports.conftest import problems, work
from tests.devices.imports.pages import address, matched, words
from tests.devices.imports.workbooks import write_book

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from devices.models import Import
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

    Upload = Callable[..., Import]

SHIFTED = "Serial,Weight,Name,\nGW-1,1,5,Pump\nGW-2,2,5,Fan\nGW-3,1,Pump,\n"
UNNAMED = "The column “Column 4” has no heading, and is left out: it has values in 2 rows."
TWO = "Serial,Name\nGW-1,Pump\n\nPart,Qty\nANT-0001,2\nANT-0002,3\n"
OTHER = "belongs to another table"


def test_an_unnamed_column_with_values_is_told(client: Client, world: World, upload: Upload) -> None:
    client.force_login(world.owner)
    owner, importing = Program(world.owner), upload(SHIFTED)
    assert "The column “Column 4” has no heading, and is left out" in words(client.get(address(importing)))
    client.post(address(importing, "import-match"), matched(importing))
    importing = work(importing)
    assert UNNAMED in words(client.get(address(importing)))
    assert owner.get(f"imports/{importing.key}/").json()["unnamed_columns"] == [{"column": "Column 4", "rows": 2}]


def test_empty_columns_do_not_count(run: Run, upload: Upload) -> None:
    importing = run("Serial,Name" + "," * 250 + "\nGW-1,Pump" + "," * 250 + "\n")
    assert (importing.header, importing.made) == (["Serial", "Name"], 1)
    assert upload("GW-0001,Pump" + "," * 250 + "\nGW-0002,Fan,,\n").header == ["Column 1", "Column 2"]
    assert upload("Serial,,Name,,\nGW-1,,Pump,,\n").header == ["Serial", "Column 2", "Name"]


def test_a_note_beside_a_workbooks_table(check: Run) -> None:
    [(row, _, cause)] = problems(
        check(write_book([["Serial", "Name"], ["GW-1", "Pump", None, "broken?"], ["GW-2", "x"]]))
    )
    assert row == 2
    assert "“broken?” stands right of the columns that the header names" in cause
    assert "delimiter" not in cause


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (TWO, [4, 5, 6]),
        (TWO.replace("\n\n", "\n\n\n,\n"), [6, 7, 8]),
        ("Serial,Name\nGW-1,Pump\n\nSpare parts,\nPart no.,Qty\nANT-0001,2\n", [4, 5, 6]),
        ("Serial,Name,Model\nGW-1,Pump,\n\nArtikel,Menge,Preis\nANT-0001,2,3\n", [4, 5]),
    ],
)
def test_another_table_below_is_told(run: Run, text: str, rows: list[int]) -> None:
    importing = run(text)
    told = problems(importing)
    assert [row for row, _, _ in told] == rows
    assert OTHER in told[-1][2]
    assert list(Device.objects.filter(source=importing).values_list("serial", flat=True)) == ["GW1"]


def test_another_table_below_in_a_workbook_and_of_changes(check: Run) -> None:
    rows: list[list[object]] = [["Serial", "Name"], ["GW-1", "Pump"], [None, None], ["Part", "Qty"], ["ANT-0001", 2]]
    for options in ({}, {"act": "change"}):
        told = problems(check(write_book(rows), **options))
        assert (told[-1][0], OTHER in told[-1][2]) == (5, True)


@pytest.mark.parametrize(
    "text",
    [
        "Serial,Name\nGW-1,Pump\n\nGW-2,Fan\n",
        "Serial,Name\nGW-1,Pump\n\nPUMPA,Fan\nGW-3,x\n",
        "Serial,Name\nGW-1,Pump\n\n\nab-c,Fan\n",
    ],
)
def test_rows_below_an_empty_one_are_of_the_table(check: Run, text: str) -> None:
    assert problems(check(text)) == []


def test_the_same_header_again_goes_on(check: Run) -> None:
    told = problems(check("Serial,Name\nGW-1,Pump\n\nSerial,Name\nGW-2,Fan\n"))
    assert [(row, cause.partition(".")[0]) for row, _, cause in told] == [(4, "This row repeats the header")]


def test_a_row_that_is_left_out_is_no_gap(check: Run, world: World) -> None:
    importing = check("Serial,Name\nGW-1,Pump\nS!2,Pump\nPart,Qty\n")
    imports.correct(importing=importing, by=world.owner, corrections=imports.Corrections(dropped=frozenset({3})))
    [(row, _, cause)] = problems(work(importing))
    assert (row, OTHER in cause) == (4, False)
    assert "a word where the serial should be" in cause
