"""Two columns that look like one field: which is the serial is asked where they differ, what is left out is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import ValidationError

from devices.imports.columns import find_spelling, is_serial_number
from devices.models import Device, Import
from tests.devices.api import Program, places
from tests.devices.imports.conftest import work
from tests.devices.imports.pages import address, matched, words
from tests.devices.imports.workbooks import write_book

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from devices.models import RecipeVersion
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

    Upload = Callable[..., Import]

TWO = "Serial number,S/N 2,Name\nAB-01,XY-71,Pump\nAB-02,XY-72,Fan\n"
ASKED = "“Serial number” and “S/N 2” both look like the serial, and have other values in some rows."


@pytest.fixture
def mine(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (TWO, ["?", "?", "name"]),
        ("Serial,Serial number\nAB-01,\nAB-02,XY-1\n", ["?", "?"]),
        ("Serial,Serial\nAB-01,XY-1\n", ["?", "?"]),
        ("Serial,Gateway serial no.,Sensor S/N\nAB-01,ab 01,XY-1\n", ["?", "", "?"]),
        ("Seriennummer;SerienNr. Modul\nAB-01;XY-1\n", ["?", "?"]),
        ("序列号,设备序列号2\nAB-01,XY-1\n", ["?", "?"]),
        ("Serial number,Serial\nAB-01,ab 01\nAB-02,\n", ["serial", ""]),  # the same, and one blank
        ("Serial,Serial port\nAB-01,COM1\nAB-02,COM1\nAB-03,COM1\n", ["serial", ""]),
        ("Serial,MAC,ID\nAB-01,00:11:22:33:44:55,1\n", ["serial", "", ""]),
        ("MAC,Name\n00:11:22:33:44:55,Pump\n", ["serial", "name"]),
    ],
)
def test_which_is_the_serial_is_asked_where_they_differ(upload: Upload, text: str, columns: list[str]) -> None:
    assert upload(text).columns == columns
    rows = [line.split(";" if ";" in text else ",") for line in text.splitlines()]
    assert upload(write_book(rows)).columns == columns


@pytest.mark.parametrize("name", ["Gateway SN", "sensorSerialNo", "serial_number_2", "N° de série (2)", "일련번호 2"])
def test_headings_of_serial_numbers(name: str) -> None:
    assert is_serial_number(name)


@pytest.mark.parametrize("name", ["MAC", "ID", "Sensor", "Snow", "Single", "Disney", ""])
def test_headings_of_something_else(name: str) -> None:
    assert not is_serial_number(name)


def test_the_page_asks_and_goes_on_with_one_answer(mine: Client, upload: Upload) -> None:
    importing = upload(TWO)
    assert ASKED in words(mine.get(address(importing)))
    answer = mine.post(address(importing, "import-match"), matched(importing, make_serials="on"))
    assert (answer.status_code, words(answer).count(ASKED)) == (422, 1)
    importing.refresh_from_db()
    assert importing.state == Import.State.UPLOADED
    chosen = matched(importing, **{"column-1": "serial"})
    assert mine.post(address(importing, "import-match"), chosen).status_code == 302
    importing = work(importing)
    assert importing.columns == ["", "serial", "name"]
    page = words(mine.get(address(importing)))
    assert "The column “Serial number” looks like the serial, too. It is left out: “S/N 2” is the serial, " in page
    assert "has another value in 2 rows" in page
    assert ASKED not in words(mine.get(address(importing), {"columns": "1"}))
    mine.post(address(importing, "import-start"))
    work(importing)
    assert set(Device.objects.filter(source=importing).values_list("serial", flat=True)) == {"XY71", "XY72"}


def test_what_was_answered_is_not_asked_again_of_the_next_file(
    run: Run, upload: Upload, check: Run, version: RecipeVersion
) -> None:
    check(TWO, columns=["serial", "", "name"])
    assert upload(TWO).columns == ["?", "?", "name"]  # nothing was made: nobody was sure
    run(TWO, columns=["serial", "", "name"])
    version.recipe.refresh_from_db()
    assert upload(TWO.replace("AB", "CD")).columns == ["serial", "", "name"]


def test_a_file_read_in_another_way_is_asked_about(mine: Client, upload: Upload) -> None:
    importing = upload("List of June\nSerial number|S/N 2,x\nAB-01|XY-71,y\n")
    other = {"delimiter": "|", "header_row": "2", "columns": "1"}
    assert "“Serial number” and “S/N 2,x” both look like the serial" in words(mine.get(address(importing), other))


def test_programs_are_asked_and_told(world: World, upload: Upload) -> None:
    owner, importing = Program(world.owner), upload(TWO)
    at = f"imports/{importing.key}/"
    assert owner.get(at).json()["columns"] == ["?", "?", "name"]
    refused = owner.post(f"{at}match/", {})
    assert (refused.status_code, places(refused)) == (400, ["#/columns"])
    assert ASKED in refused.content.decode()
    assert owner.post(f"{at}match/", {"columns": ["serial", "", "name"]}).status_code == 200
    double = {"column": "S/N 2", "field": "serial", "filled_by": "Serial number"}
    assert owner.get(at).json()["double_columns"] == [double | {"rows": None}]
    work(importing)
    assert owner.get(at).json()["double_columns"] == [double | {"rows": 2}]


def test_other_fields_are_told(mine: Client, upload: Upload, world: World) -> None:
    importing = upload(f"Serial,Customer,Site,Title,Device name\nAB-01,{world.anaheim.name},Hall 3,Pump,Pump\n")
    assert importing.columns == ["serial", "", "group", "", "name"]
    page = words(mine.get(address(importing)))
    assert page.count("Looks like the group, too: left out unless you choose it.") == 1
    assert page.count("Looks like the name, too: left out unless you choose it.") == 1
    mine.post(address(importing, "import-match"), matched(importing, **{"column-1": "group", "column-2": ""}))
    page = words(mine.get(address(work(importing))))
    assert "The column “Site” looks like the group, too. It is left out: “Customer” is the group" in page
    assert "and has another value in 1 row." in page
    assert "The column “Title” looks like the name, too. It is left out: “Device name” is the name" in page
    assert "it has no other value in any row." in page


def test_also_of_changes_of_devices_that_are_there(check: Run, world: World) -> None:
    text = f"Serial,Serial no.,Name\n{world.placed.serial},XY-1,Pump\n"
    with pytest.raises(ValidationError, match="both look like the serial"):
        check(text, act="change")
    Import.objects.all().delete()
    importing = check(text, act="change", columns=["serial", "?", "name"])  # the one says it of the other
    assert (importing.columns, importing.changing, importing.double_columns) == (["serial", "", "name"], 1, {"1": 1})


COUNTED = "1;{0}01;Pump\n2;{0}02;Fan\n3;{0}03;Valve\n"
SPELLINGS = [
    *("Serialnummer", "SNR", "Ser.-Nr.", "MAC-Adresse", "MAC (LAN)", "Ethernet MAC", "IMEI-Nr.", "IMEI number", "EUI"),
    *("DevEUI (hex)", "Dev EUI", "Barcode", "Serijski broj", "Sarjanumero", "Seri No", "الرقم التسلسلي"),
    *("Výrobné číslo", "Sorozatszám", "Sériové číslo", "Серійний номер", "Σειριακός αριθμός", "מספר סידורי"),
    *("หมายเลขซีเรียล", "Nomor seri", "Số sê-ri", "Seerianumber", "Serijos numeris", "Număr de serie", "N. di serie"),
]


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_serial_goes_before_the_number_of_a_row(upload: Upload, name: str) -> None:
    assert upload(f"ID;{name};Name\n{COUNTED.format('AABBCC0000')}").columns == ["", "serial", "name"]


@pytest.mark.parametrize("name", ["MAC of gateway", "Gateway EUI", "JoinEUI", "IMEI 2", "Machine", "Imeion"])
def test_another_ones_address_is_no_serial(upload: Upload, name: str) -> None:
    assert upload(f"Serial,{name}\nAB-01,AABBCC000001\nAB-02,AABBCC000002\n").columns == ["serial", ""]
    assert find_spelling(name) == ""


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("id,name\n1,Pump\n2,Fan\n3,Valve\n", ["?", "name"]),
        ("id,name\n0001,Pump\n0002,Fan\n", ["?", "name"]),
        ("ID,name\n1,Pump\n2,Fan\n4,Valve\n", ["?", "name"]),
        ("No,ID,Type\n1,1,KG-250\n2,2,KG-250\n", ["", "?", "model"]),
        ("S.No,Serial No,Name\n1,1,Pump\n2,2,Fan\n", ["", "?", "name"]),
        ("Serial No.,Unit\n1,GW-0001\n2,GW-0002\n", ["?", ""]),
        (f"ID;Gerätekennung;Name\n{COUNTED.format('GW-00')}", ["?", "?", "name"]),
        ("UUID;Kennung\n3f2504e0-4f89-41d3-9a0c-0305e82c3301;GW-01\n3f2504e0-4f89-41d3-9a0c-0305e82c3302;GW-02\n", 2),
        ("MAC;Unit\n00:11:22:33:44:01;GW-01\n00:11:22:33:44:02;GW-02\n", ["?", "?"]),
        ("MAC;SNR\n00:11:22:33:44:01;GW-01\n00:11:22:33:44:02;GW-02\n", ["?", "?"]),
        # Not asked: what can't be the serial beside it, and what does not count.
        ("MAC;IP;Room\n00:11:22:33:44:01;10.0.0.1;1\n00:11:22:33:44:02;10.0.0.2;1\n", ["serial", "", ""]),
        ("MAC;App key\n00:11:22:33:44:01;AB01\n00:11:22:33:44:02;AB02\n", ["serial", ""]),
        ("id;Type;Position\n700;A1;Hall one\n800;A1;Hall two\n", ["serial", "model", ""]),
        ("DevEUI,SNR\n70B3D57ED0001234,9.5\n70B3D57ED0001235,8.25\n", ["serial", ""]),
        ("Serial,Name\n0001,Pump\n0002,Fan\n", ["serial", "name"]),
        ("Serial,Name\n1,Pump\n", ["serial", "name"]),
    ],
)
def test_what_counts_rows_or_has_a_weak_name_is_asked(upload: Upload, text: str, columns: list[str] | int) -> None:
    assert upload(text).columns == (columns if isinstance(columns, list) else ["?"] * columns)


def test_the_number_of_a_row_is_asked_on_page_and_api(mine: Client, world: World, upload: Upload, run: Run) -> None:
    text, asked = "id,name\n1,Pump\n2,Fan\n3,Valve\n", "Say whether “id” is the serial, or leave it out"
    importing = upload(text)
    assert asked in words(mine.get(address(importing)))
    assert mine.post(address(importing, "import-match"), matched(importing)).status_code == 422
    refused = Program(world.owner).post(f"imports/{importing.key}/match/", {})
    assert (refused.status_code, places(refused)) == (400, ["#/columns"])
    assert asked in refused.json()["errors"][0]["detail"]
    run(text, columns=["serial", "name"])
    assert upload(text.replace("1,", "4,")).columns == ["serial", "name"]  # as it was answered
