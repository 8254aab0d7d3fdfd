"""Rows are corrected where they are shown, and checked again without another upload."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError

from devices import imports
from devices.models import Device, Import
from lib.refusals import Refusal
from tests.devices.api import Program, kind, places
from tests.devices.imports.conftest import problems, table, work
from tests.devices.imports.pages import address, words
from tests.devices.imports.workbooks import write_book

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from devices.models import RecipeVersion
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

pytestmark = pytest.mark.django_db

TEXT = "Serial,Name,Model\nS1,one,KG-61\n,two,KG-61\nS!3,three,\nS4,four,KG-61\nTotal,,\nS5,five,\n"


def post(client: Client, importing: Import, **data: Any) -> Any:
    answer = client.post(address(importing, "import-correct"), data)
    work(importing)
    importing.refresh_from_db()
    return answer


def test_rows_are_corrected_on_the_page_and_checked_again(client: Client, check: Run, world: World) -> None:
    client.force_login(world.owner)
    importing = check(TEXT, all_or_nothing=True)
    assert importing.refused == 5
    page = client.get(address(importing)).content.decode()
    assert 'name="cell-3-0" value=""' in page
    assert 'name="cell-4-0" value="S!3"' in page
    assert 'name="cell-7-' not in page
    model = world.version.model
    assert model is not None
    post(client, importing, at="2", old="KG-61", instead=model.name)
    assert [row for row, _, _ in problems(importing)] == [3, 4, 6]
    same = {"cell-4-1": "three", "cell-4-2": ""}
    post(client, importing, **{"cell-3-0": "S2", "cell-4-0": "S3", "drop": "6", **same})
    assert (importing.refused, importing.total, importing.state) == (0, 5, "checked")
    assert "4 corrections made here" in words(client.get(address(importing)))
    assert imports.start(importing=importing, by=world.owner)
    work(importing)
    made = Device.objects.filter(source=importing).order_by("row").values_list("row", "serial", "model")
    assert list(made) == [
        (2, "S1", model.pk),
        (3, "S2", model.pk),
        (4, "S3", model.pk),
        (5, "S4", model.pk),
        (7, "S5", model.pk),
    ]
    report = table(imports.write_report_csv(Import.objects.get(pk=importing.pk)))
    assert [line["Serial"] for line in report] == ["S1", "S2", "S3", "S4", "S5"]


def test_corrections_can_be_dropped_and_do_not_outlive_the_reading(client: Client, check: Run, world: World) -> None:
    client.force_login(world.owner)
    importing = check("Serial;Name\nS!1;one\n")
    post(client, importing, **{"cell-2-0": "S1"})
    assert importing.refused == 0
    post(client, importing, clear="1")
    assert (importing.refused, importing.corrections) == (1, None)
    post(client, importing, **{"cell-2-0": "S1"})
    told: dict[str, Any] = {"columns": ["serial"], "encoding": "utf-8", "delimiter": ",", "group": None}
    told |= {"all_or_nothing": False, "name_pattern": ""}
    assert imports.match(importing=importing, by=world.owner, **told)
    assert importing.corrections is None


def test_what_two_people_correct_at_once_is_all_kept(check: Run, world: World) -> None:
    importing = check("Serial\nS!1\nS!2\n")
    theirs = Import.objects.get(pk=importing.pk)
    for each, row in ((importing, 2), (theirs, 3)):
        imports.correct(importing=each, by=world.owner, corrections=imports.Corrections({(row, 0): f"S{row}"}))
        work(each)
    theirs.refresh_from_db()
    assert imports.Corrections.from_json(theirs.corrections).cells == {(2, 0): "S2", (3, 0): "S3"}
    assert (theirs.refused, theirs.total) == (0, 2)


def list_fields(page: str) -> dict[str, str]:
    """Return what a browser sends of the rows: no line end of a text field, each of a hidden one as CR LF."""
    sent = {}
    for field in re.findall(r'<input[^>]* name="(?:cell-[^"]*|shown)"[^>]*>', page):
        name, value = (unescape(re.search(rf' {what}="([^"]*)"', field)[1]) for what in ("name", "value"))  # type: ignore[index]
        sent[name] = re.sub(r"[\r\n]", "", value)
    return sent


def test_what_nobody_touched_on_an_older_page_is_left_alone(client: Client, check: Run, world: World) -> None:
    client.force_login(world.owner)
    importing = check("Serial,Model\nS!1,KG-61\nS!2,KG-62\n")
    model = world.version.model
    assert model is not None
    older = list_fields(client.get(address(importing)).content.decode())
    post(client, importing, **older | {"cell-2-1": model.name, "cell-3-1": model.name})
    assert [row for row, _, _ in problems(importing)] == [2, 3]
    post(client, importing, **older | {"cell-2-0": "S1"})
    cells = imports.Corrections.from_json(importing.corrections).cells
    assert cells == {(2, 0): "S1", (2, 1): model.name, (3, 1): model.name}
    assert [row for row, _, _ in problems(importing)] == [3]


def test_a_cell_of_several_lines_that_nobody_touched_stays_so(client: Client, check: Run, world: World) -> None:
    """A browser drops the line ends: two serials of a cell would become one that nobody wrote."""
    client.force_login(world.owner)
    importing = check('Serial,Model\n"S1\nS2",KG-61\n')
    model = world.version.model
    assert model is not None
    sent = list_fields(client.get(address(importing)).content.decode())
    assert sent["cell-2-0"] == "S1S2"
    post(client, importing, **sent | {"cell-2-1": model.name})
    assert imports.Corrections.from_json(importing.corrections).cells == {(2, 1): model.name}
    assert importing.refused == 1


def test_a_text_of_several_lines_is_replaced_as_a_browser_sends_it(client: Client, check: Run, world: World) -> None:
    client.force_login(world.owner)
    model = world.version.model
    assert model is not None
    importing = check('Serial,Model\nS1,"KG\n61"\n')
    post(client, importing, at="1", old="KG\r\n61", instead=model.name)
    assert importing.refused == 0


def test_what_was_corrected_is_corrected_once_more(client: Client, check: Run, world: World) -> None:
    """A text is meant as the page shows it: the file's, or one that was written instead, by row or for all."""
    client.force_login(world.owner)
    model = world.version.model
    assert model is not None
    importing = check("Serial,Model\nS1,KG-61\nS2,KG-61\nS3,KG-62\nS4,KG-60\n")
    post(client, importing, at="1", old="KG-61", instead="KG-60")
    post(client, importing, **{"cell-4-1": "KG-60"})
    assert [cause[:7] for _, _, cause in problems(importing)] == ["“KG-60”"] * 4
    post(client, importing, at="1", old="KG-60", instead=model.name)
    assert importing.refused == 0
    texts = imports.Corrections({(2, 1): "C"}, {(1, "A"): "B", (1, "B"): "A"})
    swapped = imports.Corrections({(3, 1): "B"}, {(1, "C"): "A"}).merge(texts)
    assert (swapped.cells, swapped.texts) == (
        {(2, 1): "C", (3, 1): "A"},
        {(1, "C"): "B", (1, "A"): "B", (1, "B"): "A"},
    )


@pytest.mark.parametrize("shown", ["2-0", "2-0:", ":", "x-y:z", "2-0:0:0", f"{'9' * 5000}-0:1", "\0"])
def test_odd_marks_correct_what_was_typed(client: Client, check: Run, world: World, shown: str) -> None:
    client.force_login(world.owner)
    importing = check("Serial\nS!1\n")
    post(client, importing, **{"cell-2-0": "S1", "shown": shown})
    assert importing.refused == 0


def test_a_workbook_is_corrected_too(client: Client, check: Run, world: World) -> None:
    client.force_login(world.owner)
    importing = check(write_book([("Serial", "Name"), (8931041010654321345, "one")]))
    assert importing.refused == 1
    post(client, importing, **{"cell-2-0": "8931041010654321345"})
    assert importing.refused == 0


def test_the_format_that_all_have_becomes_the_recipes(
    client: Client, check: Run, version: RecipeVersion, world: World
) -> None:
    client.force_login(world.owner)
    version.identity = {"kind": "base10", "length": 15}
    version.save()
    importing = check("Serial\n" + "".join(f"GW{number:011d}\n" for number in range(20)))
    assert importing.refused == 20
    assert "Use that format: “GW”, then 11 digits" in words(client.get(address(importing)))
    post(client, importing, format="GW00000000000")
    assert (importing.refused, importing.state) == (0, "checked")
    recipe = version.recipe
    assert recipe.current.identity == {"kind": "base10", "prefix": "GW", "length": 11}
    assert importing.version == recipe.current
    assert imports.start(importing=importing, by=world.owner)


def test_a_format_is_not_offered_for_what_no_format_mends(client: Client, check: Run, world: World) -> None:
    client.force_login(world.owner)
    importing = check("Serial\nS1\nS1\nS1\n")
    page = words(client.get(address(importing)))
    assert "Use that format" not in page
    assert "Correct them here" in page


@pytest.mark.parametrize("sample", ["???", "x" * 300])
def test_a_serial_without_a_shape_is_no_format(client: Client, check: Run, world: World, sample: str) -> None:
    client.force_login(world.owner)
    importing = check("Serial\nS!1\n")
    assert client.post(address(importing, "import-correct"), {"format": sample}).status_code == 409


def test_what_is_too_much_or_too_late_is_refused(check: Run, world: World, upload: Callable[..., Import]) -> None:
    with pytest.raises(Refusal, match="can't be corrected"):
        imports.correct(importing=upload(TEXT), by=world.owner, corrections=imports.Corrections({(2, 0): "S9"}))
    importing = check(TEXT)
    many = imports.Corrections({(row, 0): "S" for row in range(6_000)})
    for corrections in (many, imports.Corrections({(2, 0): "x" * 2_000}), imports.Corrections({(2, 0): "\0"})):
        with pytest.raises(ValidationError):
            imports.correct(importing=importing, by=world.owner, corrections=corrections)


def test_a_page_takes_only_cells_that_it_showed(client: Client, check: Run, world: World) -> None:
    client.force_login(world.owner)
    importing = check(TEXT)
    post(
        client,
        importing,
        **{"cell-7-0": "S7", "cell-3-99": "x", "cell-x-0": "x", "drop": "7", "at": "99", "instead": "x"},
    )
    assert importing.corrections == {"cells": [], "texts": [], "dropped": []}
    assert importing.refused == 5


def test_programs_correct_rows_too(check: Run, world: World) -> None:
    owner = Program(world.owner)
    importing = check(TEXT)
    at = f"imports/{importing.key}/"
    group = next(group for group in owner.get(at).json()["problem_groups"] if group["column"] == "Model")
    assert (group["rows"], group["cell"]) == (3, "KG-61")
    sent = {
        "cells": [{"row": 3, "column": "Serial", "text": "S2"}, {"row": 4, "column": "Serial", "text": "S3"}],
        "texts": [{"column": "Model", "text": "KG-61", "instead": ""}],
        "leave_out": [6],
    }
    assert places(owner.post(f"{at}correct/", {"cells": [{"row": 3, "column": "No", "text": ""}]})) == ["#/cells"]
    assert owner.post(f"{at}correct/", sent).json()["state"] == "checking"
    assert kind(owner.post(f"{at}correct/", sent)) == "import-not-correctable"
    work(importing)
    assert owner.get(at).json()["refused"] == 0
    owner.post(f"{at}correct/", {"clear": True})
    work(importing)
    assert owner.get(at).json()["refused"] == 5
