"""Columns of one name are told apart: by the heading above both of them, else by their letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError

from devices.imports.columns import list_plain_names, name_place
from devices.models import Device
from tests.devices.imports.conftest import problems
from tests.devices.imports.pages import address, words
from tests.devices.imports.workbooks import write_book

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from devices.models import Import, RecipeVersion
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

    Upload = Callable[..., Import]

pytestmark = pytest.mark.django_db
NAMES = ("Serial number", "MAC", "Name")
ROWS = [
    (f"GWA{at}", f"AA:BB:CC:00:00:0{at}", f"GW {at}", f"SNA{at}", f"AA:BB:CC:11:00:0{at}", f"Sensor {at}")
    for at in range(4)
]


def merge(sheet: Any) -> None:
    sheet.merge_cells("A1:C1")
    sheet.merge_cells("D1:F1")


@pytest.fixture
def book() -> bytes:
    return write_book([("Gateway", None, None, "Sensor: wet", None, None), NAMES * 2, *ROWS], merge)


def test_a_merged_heading_above_tells_them_apart(client: Client, world: World, upload: Upload, book: bytes) -> None:
    importing = upload(book)
    above = ("Gateway", "Sensor wet")
    assert importing.header == [f"{each}: {name}" for each in above for name in NAMES]
    assert importing.columns == ["?", "", "name", "?", "", ""]
    client.force_login(world.owner)
    page = client.get(address(importing))
    assert "“Gateway: Serial number” and “Sensor wet: Serial number” both look like the serial" in words(page)
    assert 'value="tag:Gateway MAC"' in page.content.decode()


def test_their_names_are_those_of_two_tags_and_are_remembered(
    run: Run, upload: Upload, book: bytes, version: RecipeVersion
) -> None:
    columns = ["serial", "tag:Gateway MAC", "name", "", "tag:Sensor MAC", ""]
    importing = run(book, columns=columns)
    assert importing.made == 4
    assert Device.objects.get(serial="GWA0").tags == {
        "Gateway MAC": "AA:BB:CC:00:00:00",
        "Sensor MAC": "AA:BB:CC:11:00:00",
    }
    version.recipe.refresh_from_db()
    assert upload(book).columns == columns


@pytest.mark.parametrize(
    "above",
    [
        ",,,\n",
        "List of 2026,,,\n",
        "Serial,Name,Serial,Name\n",
        "",
    ],
)
def test_else_their_letters_do(upload: Upload, above: str) -> None:
    importing = upload(f"{above}Serial,Name,Serial,Name\nS1,one,T1,two\nS2,three,T2,four\n")
    header = [f"{name} (column {letter})" for name, letter in zip(["Serial", "Name"] * 2, "ABCD", strict=True)]
    assert (importing.header, importing.columns) == (header, ["?", "name", "?", ""])


def test_one_name_stays_as_it_is_and_a_row_that_repeats_them_is_none(check: Run) -> None:
    importing = check("Serial,MAC,MAC\nS1,a,b\nSerial,MAC,MAC\nS2,c,d\n", columns=["serial", "tag:a", "tag:b"])
    assert importing.header == ["Serial", "MAC (column B)", "MAC (column C)"]
    [(row, _, cause)] = problems(importing)
    assert (row, "repeats the header" in cause) == (3, True)


def test_a_problem_is_of_the_column_that_has_it(client: Client, check: Run, world: World) -> None:
    importing = check("Serial,Model,Model\nS1,,KG-61\n", columns=["serial", "", "model"])
    assert problems(importing)[0][1] == "Model (column C)"
    client.force_login(world.owner)
    assert 'name="cell-2-2" value="KG-61"' in client.get(address(importing)).content.decode()


def test_hidden_ones_of_one_name(upload: Upload) -> None:
    def shape(sheet: Any) -> None:
        for letter in "BC":
            sheet.column_dimensions[letter].hidden = True

    importing = upload(
        write_book([("Serial", "MAC", "MAC", "MAC"), ("S1", "a", "b", "c"), ("S2", "d", "e", "f")], shape)
    )
    hidden = [f"MAC (column {letter}) (hidden column)" for letter in "BC"]
    assert (importing.header, importing.columns) == (["Serial", *hidden, "MAC"], ["serial", "", "", ""])


def test_a_long_name_stays_within_its_bound(upload: Upload) -> None:
    name = "N" * 130
    header = upload(f"Serial,{name},{name}\nS1,a,b\n").header
    assert (len(set(header)), max(map(len, header))) == (3, 120)


def test_two_columns_for_one_field_are_told_what_to_do(check: Run) -> None:
    with pytest.raises(ValidationError, match="Leave one of them out"):
        check("Serial,A,B\nS1,a,b\n", columns=["serial", "name", "name"])


def test_a_heading_with_a_colon_is_offered_as_a_tag_that_can_be(client: Client, world: World, upload: Upload) -> None:
    client.force_login(world.owner)
    page = client.get(address(upload("Serial,Size: cm; wide\nS1,5\n"))).content.decode()
    assert 'value="tag:Size cm wide"' in page


def test_plain_names() -> None:
    header = [
        "Gateway: Serial",
        "Sensor: Serial",
        "Name (column C)",
        "Name (column D)",
        "Tag: a",
        "Tags: a",
        "X: Model",
    ]
    plain = ["Serial", "Serial", "Name", "Name", "Tag: a", "Tags: a", "X: Model"]
    assert list_plain_names(header) == plain
    assert [name_place(at) for at in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
