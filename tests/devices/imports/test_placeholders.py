"""What says that there is nothing: no serial ever, as a name told; what a program escaped is named."""

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

NO_SERIALS = [
    *(
        "...",
        "0",
        "ohne",
        "n.n.",
        "k.A.",
        "OK",
        "FAIL",
        "FALSE",
        "000000000000000",
        "FF:FF:FF:FF:FF:FF",
        "000000000000",
    ),
    *(
        "00:00:00:00:00:00",
        "FFFFFFFFFFFF",
        "ffff-ffff-ffff-ffff",
        "?",
        "see above",
        "siehe oben",
        "dito",
        "N/A",
        "failed",
    ),
]


@pytest.mark.parametrize("text", ["Serial,Name\n{},Pump\n", "Name,Serial\nPump,{}\n"])
@pytest.mark.parametrize("serial", NO_SERIALS)
def test_no_serial(check: Run, serial: str, text: str) -> None:
    importing = check(text.format(serial))
    assert ([row for row, _, _ in problems(importing)], importing.refused) == ([2], 1)


def test_serials_with_many_zeros(run: Run) -> None:
    serials = ["0001", "GW-0000", "1000000", "00:00:00:00:00:01", "FF:FF:FF:FF:FF:FE", "F0F0F0F0"]
    importing = run("Serial,Name\n" + "".join(f"{serial},Pump\n" for serial in serials))
    assert (importing.made, problems(importing)) == (len(serials), [])


def test_names_that_say_nothing_are_told(client: Client, world: World, check: Run) -> None:
    client.force_login(world.owner)
    importing = check("Serial,Name\nAB-1,N/A\nAB-2,Pump\nAB-3,-\nAB-4,TBD\nAB-5,?\nAB-6,none\n")
    assert (importing.refused, problems(importing)) == (0, [])
    assert "5 rows have a name that says nothing, such as “N/A” in row 2" in words(client.get(address(importing)))
    told = Program(world.owner).get(f"imports/{importing.key}/").json()["empty_names"]
    assert told == {"rows": 5, "first_rows": [2, 4, 5, 6, 7], "sample": "N/A"}
    assert Program(world.owner).get(f"imports/{check(PLAIN).key}/").json()["empty_names"] is None


PLAIN = "Serial,Name\nAB-1,Pump\n"


@pytest.mark.parametrize("mark", ["dito", "Ditto", '""""', "〃", "idem", "''", '"-""-"'])
@pytest.mark.parametrize("heading", ["Name", "Description"])
def test_ditto_marks_are_named(check: Run, heading: str, mark: str) -> None:
    [(row, column, cause)] = problems(check(f"Serial,{heading}\nAB-1,{mark}\n"))
    assert (row, column) == (2, heading)
    assert "This means what stands above it: write that out." in cause


@pytest.mark.parametrize("text", ["N/A", "none", "-", "TBD", "dito"])
@pytest.mark.parametrize("heading", ["Name", "Description"])
def test_nothing_overwrites_what_is_there(world: World, check: Run, heading: str, text: str) -> None:
    Device.objects.filter(pk=world.placed.pk).update(description="Hall 3")
    importing = check(f"Serial,{heading}\n{world.placed.serial},{text}\n", act="change")
    assert (importing.changing, importing.refused) == (0, 1)
    Device.objects.filter(pk=world.placed.pk).update(name=text, description=text)
    assert check(f"Serial,{heading}\n{world.placed.serial},{text}\n", act="change").refused == 0


@pytest.mark.parametrize(
    ("cell", "before"),
    [
        ("P\\u00fcmpe", "Pümpe"),
        ("P%C3%BCmpe", "Pümpe"),
        ("P%c3%bcmpe", "Pümpe"),
        ("P=C3=BCmpe", "Pümpe"),
        ("a<br>b", "a b"),
    ],
)
def test_what_a_program_escaped_is_named(check: Run, cell: str, before: str) -> None:
    [(_, column, cause)] = problems(check(f"Serial,Name\nAB-1,{cell}\n"))
    assert column == "Name"
    assert f"It was “{before}” before" in cause


@pytest.mark.parametrize("name", ["100%", "C:\\users\\x", "a=C3", "<b>", "50%C1", "Pump"])
def test_what_is_no_escape(check: Run, name: str) -> None:
    assert problems(check(f"Serial,Name\nAB-1,{name}\n")) == []
