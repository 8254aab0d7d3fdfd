"""A quote that opens by mistake and closes some rows below: the rows between are told, whatever column has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.models import Device
from tests.devices.api import Program
from tests.devices.imports.conftest import problems
from tests.devices.imports.pages import address, words

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

CAUSE = "A quote that opens in this row closes only 2 lines below, and what stands between became one cell"
SWALLOWED = 'Serial,Name\nGW-1,"Pump\nGW-2,Fan\nGW-3,Fan"\nGW-4,x\n'


@pytest.mark.parametrize(
    "text",
    [
        SWALLOWED,
        SWALLOWED.replace(",", ";"),
        SWALLOWED.replace(",", "\t"),
        SWALLOWED.replace(",", ", "),
        SWALLOWED.replace("\n", "\r\n"),
        'Serial,Extra,Name\nGW-1,"Pump,x\nGW-2,b,Fan\nGW-3,Fan",c\nGW-4,x,y\n',
        'Serial,Name,Rest\nGW-0,"Pump, of ""two""",r\nGW-1,"Pump,r\nGW-2,Fan,r\nGW-3,Fan,r"\nGW-4,x,y\n',
        'Serial,Name\n"GW-1,Pump\nGW-2,Fan\nGW-3",Fan\nGW-4,x\n',
    ],
)
def test_swallowed_rows_are_told(check: Run, text: str) -> None:
    importing = check(text)
    told = problems(importing)
    assert [cause.startswith(CAUSE) for _, _, cause in told] == [True]
    assert importing.refused == 1


def test_they_are_told_on_page_and_api_and_of_a_column_left_out(client: Client, world: World, run: Run) -> None:
    importing = run(SWALLOWED, columns=["serial", ""])
    assert list(Device.objects.filter(source=importing).values_list("serial", flat=True)) == ["GW4"]
    client.force_login(world.owner)
    assert CAUSE in words(client.get(address(importing)))
    assert CAUSE in Program(world.owner).get(f"imports/{importing.key}/problems/").json()["results"][0]["cause"]


def test_they_are_told_of_a_file_of_changes(check: Run) -> None:
    importing = check(SWALLOWED, act="change")
    row, _, cause = problems(importing)[0]
    assert (row, cause.startswith(CAUSE)) == (2, True)


@pytest.mark.parametrize(
    "text",
    [
        'Serial,Description\nGW-1,"Hall 3\nrack 4"\nGW-2,x\n',
        'Serial,Description\nGW-1,"Hall 3\nrack 4, on the left"\nGW-2,x\n',
        'Serial,Description,Name\nGW-1,"Hall 3\nrack 4, left\nby the door, high",a\nGW-2,x,b\n',
        'Serial,Tags\nGW-1,"site: x\nfloor: 2"\nGW-2,\n',
        'Serial,"Na\nme"\nGW-1,a\n',
    ],
)
def test_cells_of_several_lines_are_read(check: Run, text: str) -> None:
    assert problems(check(text)) == []


UNCLOSED = "A quote that opens in this row is not closed. Close it at the cell's end, or remove it."


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_behind_a_quote_that_is_not_closed_are_read(run: Run, end: str) -> None:
    rows = ['GW-1,"big pump', *(f"GW-{n},pump" for n in range(2, 8)), 'GW-8,"north, roof"', "GW-9,last", "GW-9,x"]
    importing = run(end.join(["Serial,Name", *rows]) + end)
    told = {row: cause for row, _, cause in problems(importing)}
    assert told[2] == UNCLOSED
    assert [*told] == [2, 11]  # as they stand in the file
    names = dict(Device.objects.filter(source=importing).values_list("serial", "name"))
    assert names == {f"GW{n}": "pump" for n in range(2, 8)} | {"GW8": "north, roof", "GW9": "last"}


def test_a_file_full_of_them_is_not_read_for_ever(check: Run) -> None:
    rows = [f'GW-{n},"{"x" * 200}' if n % 2 else f"GW-{n},{'y' * 90_000}" for n in range(1, 60)]
    importing = check("Serial,Name\n" + "\n".join([*rows, 'GW-90,"a" b', 'GW-91,"a" b', ""]))
    told = [cause for _, _, cause in problems(importing)]
    assert any("meets the next one" in cause or cause == UNCLOSED for cause in told)
