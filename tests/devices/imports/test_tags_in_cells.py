"""Several tags in a cell: parted by semicolons or line ends they are read, parted by anything else they are told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from devices import tags
from devices.models import Device
from tests.devices.imports.conftest import problems
from tests.devices.imports.workbooks import write_book

if TYPE_CHECKING:
    from tests.devices.imports.conftest import Run

BOTH = {"site": "x", "floor": "2"}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("site: x\nfloor: 2", BOTH),
        ("site=x\r\nfloor=2\r\n", BOTH),
        ("site: x;\nfloor: 2", BOTH),
        ("site: x; floor: 2", BOTH),
        ('site: x\nnote: "a, b: c"', {"site": "x", "note": "a, b: c"}),
        ("note: Pump, small", {"note": "Pump, small"}),
        ("url: https://kanarra.example/a=b/c=d", {"url": "https://kanarra.example/a=b/c=d"}),
        ("at: 10:30, 11:45", {"at": "10:30, 11:45"}),
        ("of: a=b", {"of": "a=b"}),
        ("of: a/b/c", {"of": "a/b/c"}),
        (json.dumps({"note": "a, b=c"}), {"note": "a, b=c"}),
    ],
)
def test_tags_that_are_read(run: Run, cell: str, expected: dict[str, str]) -> None:
    text = cell.replace('"', '""')
    for data in (f'Serial,Tags\nAB-1,"{text}"\n', write_book([["Serial", "Tags"], ["AB-2", cell]])):
        importing = run(data)
        assert (problems(importing), Device.objects.get(source=importing).tags) == ([], expected)


@pytest.mark.parametrize(
    "cell",
    [
        *("site=x, floor=2", "site: x, floor: 2", "site: x | floor: 2", "site=x|floor=2", "site: x / floor: 2"),
        *("site=x/floor=2", "site: x\uff0cfloor: 2", "site=x floor=2", "site: x; a: 1, b: 2", "site: x\tfloor: 2"),
    ],
)
def test_tags_parted_otherwise_are_told(check: Run, cell: str) -> None:
    [(row, column, cause)] = problems(check(f'Serial;Tags\nAB-1;"{cell}"\n'))
    assert (row, column) == (2, "Tags")
    assert "This looks like several tags: part them by semicolons" in cause


def test_what_is_not_a_tag_of_its_line_is_told(check: Run) -> None:
    [(_, _, cause)] = problems(check('Serial,Tags\nAB-1,"site: Hall\nfloor two"\n'))
    assert "“floor two”: A tag is written key: value, and several are parted by semicolons or line ends." in cause


def test_a_value_that_looks_so_comes_back_in() -> None:
    stored = {"a": "x, floor=2", "b": "x / c: d", "d": "x y=1", "e": "a=b"}
    assert tags.parse(tags.write_cell(stored), ";") == stored
