"""Tables as people make them, as CSV and as a workbook: what is no serial becomes none, and says why."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from devices.models import Device
from tests.devices.imports.conftest import problems
from tests.devices.imports.workbooks import write_book

if TYPE_CHECKING:
    from tests.devices.imports.conftest import Run

pytestmark = pytest.mark.django_db

Rows = list[list[Any]]
HEAD = ["Serial", "Name"]
TABLES: dict[str, tuple[Rows, dict[str, int], dict[int, str]]] = {
    "columns and rows that are empty before it": (
        [[], [None, "Serial No.", "Name"], [None, "GW-0001", "Pump"]],
        {"GW0001": 3},
        {},
    ),
    "headings with line ends and hard spaces": (
        [["Serial\nNumber ", "Device\u00a0Name"], ["GW-0001\u00a0", "Pump"], ["\u200bGW-0002", "Fan"]],
        {"GW0001": 2, "GW0002": 3},
        {},
    ),
    "another table below": (
        [HEAD, ["GW-0001", "Pump"], [], ["Accessories"], ["Part", "Count"], ["Antenna", "12"]],
        {"GW0001": 2},
        {4: "a word", 5: "another table", 6: "another table"},
    ),
    "rows that show how": (
        [HEAD, ["e.g. GW-12345678", "Example"], ["GW-XXXXXXXX", "your name"], ["GW-0001", "Pump"]],
        {"GW0001": 4},
        {2: "more than a serial", 3: "a word"},
    ),
    "the first and the last": (
        [HEAD, ["GW-001 - GW-010", "a"], ["GW0011-GW0020", "b"], ["1001-1010", "c"], ["4711-0815", "one"]],
        {"47110815": 5},
        {2: "first and the last", 3: "first and the last", 4: "first and the last"},
    ),
    "words beside a serial": (
        [HEAD, ["GW-0001 alt", "a"], ["GW-0002   Pump", "b"], ["ABCD EFGH 12", "c"], ["ab cd ef 01", "d"]],
        {"ABCDEFGH12": 4, "ABCDEF01": 5},
        {2: "more than a serial", 3: "more than a serial"},
    ),
    "notes instead of serials": (
        [HEAD, ["GW-0001", "a"], ["TBD", "b"], ["unknown", "c"], ["n/a", "d"], ["scrapped", "e"], ["QWERTZ", "f"]],
        {"GW0001": 2, "QWERTZ": 7},
        {3: "a word", 4: "a word", 5: "a word", 6: "a word"},
    ),
    "on its side": (
        [["Serial", "GW-0001", "GW-0002"], ["Name", "a", "b"], ["Firmware", "1.0", "1.1"]],
        {},
        {2: "headings", 3: "a word"},
    ),
}


def write_csv(rows: Rows) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([["" if cell is None else cell for cell in row] for row in rows])
    return text.getvalue().encode()


@pytest.mark.parametrize("write", [write_csv, write_book])
@pytest.mark.parametrize("name", TABLES)
def test_a_table(check: Run, run: Run, name: str, write: Any) -> None:
    rows, made, said = TABLES[name]
    importing = (run if made else check)(write(rows))
    assert dict(Device.objects.filter(source=importing).values_list("serial", "row")) == made
    found = {row: cause for row, _, cause in problems(importing)}
    assert found.keys() == said.keys()
    assert [row for row, words in said.items() if words not in found[row]] == []
