"""A formula's text is never a name; what a program's own export writes for one comes back in as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices import imports
from devices.models import Device
from tests.devices.imports.conftest import problems, table
from tests.devices.imports.pages import downloaded

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

FORMULAS = ['=A2&" "&B2', "=VLOOKUP(A2,Sheet1!A:B,2,0)", "=SUM(A1:A2)", "='Sheet 1'!A1", "= A1 & B1"]
NAMES = ['="abc"', '="00123"', "=1+1", "+49 1", "-5", "@x", "'quoted'", "=> see", "== x", "a=b"]


@pytest.mark.parametrize("heading", ["Name", "Description", "Tags", "tag:hall"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_told_in_files_of_both_kinds(world: World, check: Run, heading: str, formula: str) -> None:
    quoted = formula.replace('"', '""')
    for serial, act in (("AB-1", "add"), (world.placed.serial, "change")):
        [(row, column, cause)] = problems(check(f'Serial;{heading}\n{serial};"{quoted}"\n', act=act))
        assert (row, column) == (2, heading)
        assert "A spreadsheet's formula stands here instead of its value." in cause


@pytest.mark.parametrize("name", NAMES)
def test_what_is_exported_comes_back_unchanged(client: Client, world: World, check: Run, run: Run, name: str) -> None:
    client.force_login(world.owner)
    device = world.placed
    Device.objects.filter(pk=device.pk).update(name=name, description=name, tags={"note": name})
    text = downloaded(client.post(reverse("devices:export"), {"serial": [device.serial]})).removeprefix("\ufeff")
    importing = check(text, act="change")
    assert (problems(importing), importing.refused, importing.changing) == ([], 0, 0)
    again = run(text.replace(device.serial, "AB-77"))
    found = Device.objects.get(source=again)
    assert (found.name, found.description, found.tags["note"]) == (name, name, name)


def test_digits_marked_as_text_come_back_from_a_report(run: Run, check: Run) -> None:
    importing = run('Serial,Name\n"=""00123456""","=""00123"""\n')
    [row] = table(imports.write_report_csv(importing))
    assert (row["Serial"], row["Name"]) == ("00123456", "00123")
    assert check("".join(imports.write_report_csv(importing)), act="change").changing == 0


def test_a_formula_that_a_device_is_called_by_is_no_change(world: World, check: Run) -> None:
    Device.objects.filter(pk=world.placed.pk).update(name="=1+1")
    assert check(f"Serial,Name\n{world.placed.serial},=1+1\n", act="change").refused == 0
