"""What somebody meets who brings a spreadsheet as it is: every fault is told at once, and a next step beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices.imports.columns import NEEDED
from devices.models import RecipeVersion
from tests.devices.imports.conftest import problems, work
from tests.devices.imports.pages import address, matched, words
from tests.devices.imports.workbooks import write_book

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from devices.models import Import
    from tests.conftest import World
    from tests.devices.imports.conftest import Run


@pytest.fixture
def mine(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def test_a_serial_twice_is_told_although_the_first_row_is_wrong_in_something_else(check: Run, world: World) -> None:
    lines = ["AB-1,Nowhere", f"AB-2,{world.anaheim.name}", "ab 1,", "AB-2,Nowhere", "?,", "?,", "AB-3,Nowhere"]
    importing = check("Serial,Group\n" + "\n".join(lines))
    told = [(row, column, "same serial as in row" in cause) for row, column, cause in problems(importing)]
    assert told == [
        (2, "Group", False),
        (4, "Serial", True),  # else the next check would be the first to say so
        (5, "Group", False),
        (5, "Serial", True),
        (6, "Serial", False),
        (7, "Serial", False),
        (8, "Group", False),
    ]
    assert "row 2;" in problems(importing)[1][2]
    assert importing.refused == 6


def test_subtotals_of_a_pivot_are_no_devices_whose_serial_is_missing(check: Run) -> None:
    rows: list[list[Any]] = [["Row Labels", "Serial no.", "Count"], ["Harbor", "AB-1", 1], [None, "AB-2", 1]]
    importing = check(write_book([*rows, ["Harbor Total", None, 2], ["Grand Total", None, 2]]))
    assert [(row, "like a total" in cause) for row, _, cause in problems(importing)] == [(4, True), (5, True)]


def test_no_serial_is_made_for_a_subtotal(check: Run, world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "own"})
    world.version.refresh_from_db()
    text = "Row Labels,Item,Count\nHarbor,Pump,1\n,Fan,1\nHarbor Total,,2\nHarbor,,1\n"
    importing = check(text, columns=["", "name", ""], make_serials=True)
    assert [(row, "like a total" in cause) for row, _, cause in problems(importing)] == [(4, True)]
    assert importing.serials_to_make == 3
    named = check("Item,Count\nMain total flow,1\n", columns=["name", ""], make_serials=True)
    assert (problems(named), named.serials_to_make) == ([], 1)


@pytest.mark.parametrize("word", ["TBD", "undefined"])
def test_a_word_instead_of_a_serial_is_told_of_its_cell(check: Run, word: str) -> None:
    importing = check(f"Serial,Name\nAB-1,Pump\n{word},Fan\n{word},Fan\n")
    assert problems(importing)[0][:2] == (3, "Serial")
    assert problems(importing)[0][2].startswith(f"“{word}”: There is a word where the serial should be.")
    groups: Any = importing.problem_groups
    [group] = groups
    assert (group["column"], group["rows"], group["sample"]) == ("Serial", 2, word)


def test_no_number_is_told_before_rows_are_counted(mine: Client, upload: Callable[..., Import]) -> None:
    importing = upload('Serial,Name\nAB-1,"two\nlines"\n\n\nAB-2,x\n')
    assert importing.total == 5
    page = words(mine.get("/imports/"))
    assert "not counted yet" in page
    assert "5" not in words(mine.get(address(importing))).partition("What the rows are")[2].partition("Group of")[0]
    mine.post(address(importing, "import-match"), matched(importing))
    work(importing)
    page = words(mine.get("/imports/"))
    assert "not counted yet" not in page
    assert "Checked 2 0 0" in page


def test_the_page_says_at_once_that_no_column_is_the_serial(mine: Client, upload: Callable[..., Import]) -> None:
    importing = upload("Kasten,Bezeichnung\nAB-1,Pump\n")
    asked = "Say which column holds the serials"
    assert asked in words(mine.get(address(importing)))
    again = mine.post(address(importing, "import-match"), matched(importing))
    assert words(again).count(asked) == 1
    assert NEEDED in words(again)  # only where somebody went on without
    assert NEEDED not in words(mine.get(address(importing)))
    assert asked not in words(mine.get(address(upload("Geräte-Nr.,Bezeichnung\nAB-1,Pump\n"))))


def test_of_serials_that_are_made_no_column_is_asked_for(
    mine: Client, upload: Callable[..., Import], world: World
) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "own"})
    importing = upload("Kasten,Bezeichnung\n7,Pump\n")
    mine.post(address(importing, "import-match"), matched(importing, make_serials="on"))
    work(importing)
    assert "Say which column" not in words(mine.get(address(importing), {"columns": "1"}))


def test_all_or_nothing_says_that_rows_can_be_corrected_on_the_page(mine: Client, check: Run, world: World) -> None:
    importing = check("Serial,Group\nAB-1,Nowhere\nAB-2,Elsewhere\nAB-3,\n", all_or_nothing=True)
    page = words(mine.get(address(importing)))
    assert "Correct the rows or leave them out: here, below, or in your file" in page
    assert "The first reads “Nowhere”." in page
