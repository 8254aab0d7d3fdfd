"""The header is found, or asked for; and neither headings nor totals become devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from devices.imports.header import explain_no_device
from devices.models import Device, Import, RecipeVersion
from lib.refusals import Refusal
from tests.devices.api import Program
from tests.devices.imports.conftest import problems, work
from tests.devices.imports.pages import address, matched, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (1, "Serial,Name\nS1,Pump\n"),
        (1, "sep=;\r\nSerial;Name\r\n9TQ4M7XK2BDE;Pump\r\n"),
        (1, '"sep=,"\nSerial,Name\nS1,"1; 2; 3"\nS2,"a; b"\n'),
        (1, "SEP=\t\nSerial\tName\nS1\ta,b\n"),
        (1, "sep=^\nSerial,Name\nS1,Pump\n"),
        (3, "Devices of hall 3, 2026\n\nSerial,Name\nS1,Pump\nS2,Fan\n"),
        (5, "\n\n\n,,\nSerial,Name,Site\nS1,Pump,\nS2,Fan,\n"),
        (3, "Delivery note;4711\nCustomer;Tekton Health\nSerial;Name\nS1;Pump\n"),
        (2, "Lieferschein 4711\nIMEI\n861234567890301\n861234567890302\n"),
        (2, "Device,,Location,\nSerial,Name,Site,Floor\nS1,Pump,x,1\nS2,Fan,y,2\n"),
        (2, "Serial,,Place,\nNumber,Name,Site,Floor\nS1,Pump,x,1\nS2,Fan,y,2\n"),
        (4, "Site,,\nExported 2026-11-27,,\n,,\nKennung,Wort,Ort\n86123,x,y\n86124,x,z\n"),
        (1, "IOTC_DEVICEID;IOTC_DEVICENAME\n861234567890601;Batch-1\n"),
        (1, "Typ 1,Typ 2\nAB12,CD12\n"),
        (1, "Serial\nS1,Pump\nS2,Fan\n"),
        (1, "Serial,2024,2025\nS1,17,18\nS2,19,20\n"),
        (0, "861234567890301\n861234567890302\n"),
        (0, "9TQ4M7XK2BDE,Pump\n9TQ4M7XK2BDF,Fan\n"),
        (0, "AA:BB:CC:00:00:11;x\nAA:BB:CC:00:00:12;y\n"),
        (0, "S1,IMEI,x1\nS2,IMEI,x2\n"),
        (0, "861234567890301,Pump\n"),
    ],
)
def test_where_it_is(upload: Callable[..., Import], row: int, text: str) -> None:
    importing = upload(text)
    assert (importing.header_row, importing.header[0].startswith("Column")) == (row, row == 0)
    assert "serial" in importing.columns or row == 0 or "Serial" not in text or row == 2


def test_a_line_that_names_the_delimiter_is_no_row(run: Run) -> None:
    importing = run("sep=;\r\nSerial;Name\r\n9TQ4M7XK2BDE;Pump\r\n!;Fan\r\n")
    assert [(each.serial, each.name) for each in Device.objects.filter(source=importing)] == [("9TQ4M7XK2BDE", "Pump")]
    assert [row for row, _, _ in problems(importing)] == [3]
    assert run(b"\xff\xfe" + "sep=\t\nSerial\tName\nU1\ta,b,c\n".encode("utf-16-le")).made == 1


def test_what_stands_above_it_is_not_read(run: Run) -> None:
    importing = run("Devices of hall 3\n\nSerial,Name\nS1,Pump\n\nS2,Fan\n")
    found = Device.objects.filter(source=importing).order_by("row").values_list("row", "serial", "name")
    assert (list(found), importing.refused) == ([(4, "S1", "Pump"), (6, "S2", "Fan")], 0)


NO_DEVICES = [
    "Serial,Name,Count",  # the header once more, as on each page of a list
    "S/N,Bezeichnung,Anzahl",
    "Number,Name,",
    "string,text,integer",
    "Total,,299",
    "Total: 299,,",
    "Gesamtsumme,,17",
    "299 rows,,",
    "Page 1 of 3,,",
    "Exported on 2026-11-27,,",
]


@pytest.mark.parametrize("line", NO_DEVICES)
def test_headings_and_totals_are_no_devices(run: Run, line: str) -> None:
    importing = run(f"Serial,Name,Count\n{line}\nS1,Pump,1\n{line}\n")
    assert [device.serial for device in Device.objects.filter(source=importing)] == ["S1"]
    assert [row for row, _, _ in problems(importing)] == [2, 4]
    assert all("looks like" in cause or "repeats the header" in cause for _, _, cause in problems(importing))


@pytest.mark.parametrize(
    "line",
    [
        "Harbor Ergebnis,2,",
        "Gesamtergebnis,3,",
        "Teilergebnis,3,",
        "Harbor Medical Center Total,3,",
        "Harbor Summe,12,",
        ",Ward 3 Total,7",
        "Total général,3,",
        "Sous-total,3,",
        "Harbor Totaal,3,",
        "Total geral,3,",
        "Suma końcowa,3,",
        "Harbor Suma,3,",
        "Totale complessivo,3,",
        "Общий итог,3,",
        "Harbor Итог,3,",
        "港口 汇总,3,",
        "東京 集計,3,",
        "총합계,3,",
    ],
)
def test_what_a_pivot_sums_up_is_no_device(run: Run, line: str) -> None:
    customer, *cells = line.split(",")
    middle, serial = cells if cells[1] else ("", cells[0])
    importing = run(f"Buyer,Ward,Serial\nHarbor,3,S1\n{customer},{middle},{serial}\n,,\n")
    assert [device.serial for device in Device.objects.filter(source=importing)] == ["S1"]
    assert ["looks like a total" in cause for _, _, cause in problems(importing)] == [True]


def test_a_name_like_a_total_hides_no_device_whose_serial_has_its_length(run: Run, version: RecipeVersion) -> None:
    version.identity = {"kind": "base10", "length": 5}
    version.save()
    importing = run("Name,Serial\nTotal flow meter,10001\nEnergie Total,10002\nWard Total,2\nTotal,2\n")
    assert {device.serial for device in Device.objects.filter(source=importing)} == {"10001", "10002"}
    assert ["looks like a total" in cause for _, _, cause in problems(importing)] == [True, True]


@pytest.mark.parametrize("line", ["Name,Count", "Total,299", "Summe: 299,"])
def test_where_serials_are_made_they_are_none_either(run: Run, version: RecipeVersion, line: str) -> None:
    version.identity = {}
    version.save()
    importing = run(f"Name,Count\nPump,1\n{line}\n", make_serials=True)
    assert (importing.made, [row for row, _, _ in problems(importing)]) == (1, [3])


@pytest.mark.parametrize(
    "cells",
    [
        ["TOTAL0001", "x"],
        ["Sumatra1", ""],
        ["KAN 0001", ""],
        ["ACME Pump 0001", ""],
        ["PUMP", "Pump"],
        ["S1", "Name"],
        ["S1", "Total"],
        ["PAGE-1", ""],
    ],
)
def test_devices_that_are_called_so(cells: list[str]) -> None:
    assert explain_no_device(cells, ["Serial", "Title of it"], 0) == ""


def test_a_name_may_be_total() -> None:
    assert explain_no_device(["Total flow of ward", "861234"], ["Name", "Serial"], 1) == ""
    assert explain_no_device(["Total", "861234567890301"], ["Name", "Serial"], 1) == ""
    assert explain_no_device(["Total", "299"], ["Name", "Serial"], 1)


def test_it_can_be_said_and_is_remembered_by_no_place(run: Run, version: RecipeVersion) -> None:
    importing = run("Kanarra,861234567890301\n", columns=["name", "serial"], header_row=0)
    assert [(each.serial, each.name) for each in Device.objects.all() if each.source_id == importing.pk] == [
        ("861234567890301", "Kanarra")
    ]
    version.recipe.refresh_from_db()
    assert importing.header == ["Column 1", "Column 2"]
    assert run("861234567890302,x\n861234567890303,y\n", columns=["serial", ""]).made == 2


@pytest.mark.parametrize(("row", "said"), [(2, "only a header"), (3, "is empty"), (900, "is empty")])
def test_a_row_that_can_be_none(check: Run, row: int, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        check("Serial,Name\nS1,Pump\n", header_row=row)


def test_a_program_says_it(world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "opaque"})
    program = Program(world.owner, world.kanarra.root)

    def send(text: str, **said: int) -> str:
        file = SimpleUploadedFile("serials.csv", text.encode(), "text/csv")
        made = program.send("imports/", {"recipe": world.version.recipe_id, "file": file} | said)
        return str(made["Location"]).removeprefix("/api/v1/")

    at = send("861234567890301\n861234567890302\n")
    assert program.get(at).json()["header_row"] == 0
    assert "which column holds the serials" in str(program.post(f"{at}match/").json())
    assert program.post(f"{at}match/", {"columns": ["serial"]}).status_code == 200
    work(Import.objects.get())
    assert (program.get(at).json()["total"], program.get(at).json()["refused"]) == (2, 0)
    at = send("sep=;\nHall 3;\nSerial;Name\nS1;Pump\nS2;Fan\n")
    assert (program.get(at).json()["total"], program.get(at).json()["header_row"]) == (2, 2)
    at = send("Numbers\nKennung;Wort\nSerial;Name\nS1;Pump\n", header_row=2)
    assert program.get(at).json()["header"] == ["Kennung", "Wort"]
    told = program.post(f"{at}match/", {"header_row": 3}).json()
    assert (told["header"], told["columns"]) == (["Serial", "Name"], ["serial", "name"])
    assert program.post(f"{at}match/", {"header_row": -1}).status_code == 400


def test_a_page_shows_its_guess_and_asks(client: Client, world: World, upload: Callable[..., Import]) -> None:
    client.force_login(world.owner)
    importing = upload("Devices of hall 3\n\nSerial,Name\nS1,Pump\n")
    page = client.get(address(importing)).content.decode()
    assert '<option value="3" selected>Row 3: Serial, Name</option>' in page
    assert "No row: the first one is a device" in page
    other = client.get(address(importing), {"header_row": "0", "columns": "1"})
    assert "Column 2" in words(other)
    fields = matched(importing, header_row="0", **{"column-0": "serial", "column-1": "name"})
    assert client.post(address(importing, "import-match"), fields).status_code == 302
    importing.refresh_from_db()
    assert (importing.header_row, importing.header) == (0, ["Column 1", "Column 2"])
    assert client.get(address(importing), {"header_row": "77"}).status_code == 200


def test_what_was_answered_stays_when_the_file_is_read_in_another_way(
    client: Client, world: World, upload: Callable[..., Import]
) -> None:
    client.force_login(world.owner)
    importing = upload("Serial,Floor,Größe\nS1,2,3\n")
    answers: dict[str, str | int] = {
        "act": "change",
        "all_or_nothing": "no",
        "name_pattern": "Pump {n}",
        "group": world.anaheim.pk,
    }
    columns: dict[str, str | int] = {
        "heading-1": "Floor",
        "column-1": "tag:Floor",
        "heading-2": "GrÃ¶Ãe",
        "column-2": "name",
    }
    asked: dict[str, str | int] = {
        **answers,
        **columns,
        "columns": 1,
        "encoding": "utf-8-sig",
        "delimiter": ",",
        "header_row": 1,
    }
    page = client.get(address(importing), asked, headers={"hx-request": "true"}).content.decode()
    assert 'name="act" value="change" checked' in page
    assert 'name="all_or_nothing" value="no" checked' in page
    assert 'value="Pump {n}"' in page
    assert f'<option value="{world.anaheim.pk}" selected' in page
    assert '<option value="tag:Floor" selected' in page
    assert '<option value="name" selected' not in page
