"""Labels in cells: read as the scanner reads them, or named for what is beside the serial; never kept whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import ValidationError

from devices.lifecycle import registration
from devices.models import Device, Tie
from tests import builders
from tests.devices.api import Program
from tests.devices.imports.conftest import problems
from tests.devices.imports.test_files_of_others import made
from tests.provisioning.scanning import label_cases
from tests.test_rules_tags import table

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from devices.models import Import, RecipeVersion
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

EUI, MAC = label_cases.EUI, label_cases.MAC
READ = {
    **{
        f"{name}GW-1": "GW1"
        for name in (
            *("S.N.: ", "S.N. ", "SNR: ", "SNR ", "Ser.Nr.: ", "Ser. No. ", "S-N: ", "N/S: ", "FSN:", "SN1:", "SN#"),
            *("S/N: ", "SN ", "Serial No. ", "P/N:4711 S/N:"),
        )
    },
    "IMEI1: 861234567890301": "861234567890301",
    f"MAC1: {MAC}": MAC,
    f"BLE: {MAC}": MAC,
    f"eui-{EUI.lower()}": EUI,
    f"0x{MAC.lower()}": MAC,
    "*GW-1*": "GW1",
    "GW-\n0001": "GW0001",
    "SN: GW-1, Gateway SN: GW-2": "GW1",
    "https://maker.example/?sn=GW-1&gateway_sn=GW-2": "GW1",
    # What looks like a label, and is a serial.
    **{text: text for text in ("TEL:00042", "LW:0001", "AB:12", "BT:0001", "GW_2024.1", "0X1A2B3C4D", "NO5")},
    **{text: text.replace(" ", "") for text in ("861 234 567 890 301", "TMRY 5AVJ 28N5", "AA BB CC DD EE 04")},
}
NAMED = {
    **{
        f"{name}GW-1": "There is a name before the serial"
        for name in (
            "ID: ",
            "No: ",
            "Nr. ",
            "ST:",
            "UID:",
            "UUID: ",
            "PN:",
            "CSN:",
            "Lot: ",
            "SIM-SN: ",
            "Replaces: SN ",
        )
    },
    "Gateway SN GW-1": "a serial of another device or of a part",
    "2 x GW-2": "There is a number of pieces before the serial",
    "1x GW-2": "There is a number of pieces before the serial",
    "GW-7 GW-8": "These are 2 serials, GW-7, GW-8",
    "861234567890301 861234567890302": "These are 2 serials",
    "AA:BB:CC:00:00:01 AA:BB:CC:00:00:02": "These are 2 serials",
    "4711.": "There is a full stop behind the serial",
    "Battery SN: GW-10": "a serial of another device or of a part",
    "Replaces S/N: GW-11": "a serial of another device or of a part",
    "https://maker.example/manual?id=42": "a web address that names no serial",
    "https://maker.example/p/GW-1": "a web address that names no serial",
    '{"id":43,"type":"manual"}': "an id may be of anything",
    "SN: GW-1; SN: GW-2": "names two serials",
    "(555) 123-4567": "“(” can't stand",
    "(12) 34": "“(” can't stand",
}


@pytest.fixture(autouse=True)
def anything(version: RecipeVersion) -> None:
    version.identity = {"kind": "opaque"}
    version.save()


def test_what_is_read(run: Run) -> None:
    for text, serial in READ.items():
        importing = run(table(["Serial", "Name"], [text, "Pump"]))
        assert list(made(importing)) == [serial], text
        Device.objects.filter(source=importing).delete()


def test_what_is_named(check: Run) -> None:
    importing = check(table(["Serial", "Name"], *([text, "Pump"] for text in NAMED)))
    told = {row: cause for row, _, cause in problems(importing)}
    for row, (text, cause) in enumerate(NAMED.items(), 2):
        assert cause in told.get(row, ""), text


def test_a_label_is_another_writing_of_the_same_device(check: Run) -> None:
    importing = check(table(["Serial"], [MAC], [f"0x{MAC}"], [f"BLE: {MAC}"], ["001b.4411.3ab7"]))
    assert [row for row, _, cause in problems(importing) if "as in row 2" in cause] == [3, 4, 5]


def test_page_and_api_say_the_same(world: World, version: RecipeVersion) -> None:
    tried = Program(world.owner)
    for text, cause in NAMED.items():
        said = tried.post(f"recipes/{version.recipe_id}/check-serial/", {"serial": text}).json()
        assert cause in (said["problem"] or ""), text
        with pytest.raises(ValidationError):
            registration.register_device(version=version, by=world.owner, serial=text)


def test_another_sites_label_changes_nothing(run: Run, check: Run, world: World, settings: Settings) -> None:
    settings.SITE_URLS = ["https://devices.example"]
    run("Serial,Name\nGW-1,Pump\n")
    for text in ("https://other.example/d/GW-1", "https://other.example/d/GW1/"):
        for act in ("change", "add"):
            importing = check(f"Serial,Name\n{text},Renamed\n", act=act)
            assert "the address of another site (other.example)" in problems(importing)[0][2]
            assert not importing.changes.exists()
        tied = check(f"Serial,Gateways\nM-1,{text}\n")
        assert "the address of another site (other.example)" in problems(tied)[0][2]
    assert check("Serial,Name\nhttps://devices.example/d/GW-1,Renamed\n", act="change").changes.count() == 1
    run("Serial,Gateways\nM-1,https://devices.example/d/GW-1\n")
    assert Tie.objects.get().gateway.serial == "GW1"


def test_a_file_finds_what_was_registered_as_it_stands(check: Run, world: World, version: RecipeVersion) -> None:
    """Though it would not be any more: what goes out goes in again."""
    for at, serial in enumerate(("ID:7", "SN:55", "EUI70B3D57ED0001234", "4711.")):
        device = builders.make_device(version, serial=f"BEFORE-{at}", name="x")
        Device.objects.filter(pk=device.pk).update(serial=serial, serial_key=serial.replace("I", "1"))
    importing: Import = check("Serial,Name\nID:7,a\nSN:55,b\nEUI70B3D57ED0001234,c\n4711.,d\nID:8,e\n", act="change")
    assert [change.after["name"] for change in importing.changes.order_by("row")] == ["a", "b", "c", "d"]
    assert [(row, "a name before" in cause) for row, _, cause in problems(importing)] == [(6, True)]


def test_a_change_by_an_id_of_whatever_changes_nothing(check: Run, world: World) -> None:
    importing = check(f"Serial,Name\nhttps://maker.example/manual?id={world.placed.serial},A\n", act="change")
    assert "a web address that names no serial" in problems(importing)[0][2]
