"""Serials of which a spreadsheet dropped the zeros at the front: the device that is meant is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices import imports
from devices.models import Device, Import
from tests import builders
from tests.devices.api import Program
from tests.devices.imports.conftest import problems, work
from tests.devices.imports.pages import address, words

if TYPE_CHECKING:
    from django.test import Client

    from devices.models import RecipeVersion
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

pytestmark = pytest.mark.django_db


def causes(importing: Import) -> list[str]:
    return [cause for _, _, cause in problems(importing)]


def test_a_file_of_changes_names_the_device_that_has_them(
    check: Run, client: Client, world: World, version: RecipeVersion
) -> None:
    for serial in ("004711", "004712"):
        builders.make_device(version, serial=serial)
    importing = check("Serial,Name\n4711,Pump\n4712,Fan\n4713,None\n", act="change")
    told = "No device of yours has this serial. A spreadsheet drops zeros at the front: is it %s? Correct the cell."
    assert causes(importing)[:2] == [f"“4711”: {told % '004711'}", f"“4712”: {told % '004712'}"]
    assert causes(importing)[2].endswith("To add it, import the file as new devices.")
    [group, _] = importing.problem_groups or []
    assert (group["rows"], group["cause"]) == (2, told.replace("it %s", "it one such as 004711"))
    assert group["meant"] == [{"text": "4711", "instead": "004711"}, {"text": "4712", "instead": "004712"}]
    assert Program(world.owner).get(f"imports/{importing.key}/").json()["problem_groups"] == importing.problem_groups
    client.force_login(world.owner)
    assert "Use them: 004711 and so on" in words(client.get(address(importing)))
    client.post(address(importing, "import-correct"), {"meant": "0", "sample": "4711"})
    importing = work(importing)
    assert (importing.refused, importing.changing) == (1, 2)


def test_one_row_is_told_as_it_is(check: Run, client: Client, world: World, version: RecipeVersion) -> None:
    builders.make_device(version, serial="004711")
    importing = check("Serial,Name\n4711,Pump\n", act="change")
    [group] = importing.problem_groups or []
    assert "is it 004711?" in group["cause"]
    client.force_login(world.owner)
    assert "Use 004711" in words(client.get(address(importing)))


@pytest.mark.parametrize("there", [["04711", "004711"], []])
def test_of_two_or_none_nothing_is_guessed(check: Run, there: list[str], version: RecipeVersion) -> None:
    for serial in there:
        builders.make_device(version, serial=serial)
    [cause] = causes(check("Serial,Name\n4711,Pump\n", act="change"))
    assert "is it" not in cause


def test_nothing_is_told_of_what_others_have(check: Run, world: World) -> None:
    Device.objects.filter(pk=world.alien.pk).update(serial="004711", serial_key="004711")
    text = f"Serial,Device ID,Name\n4711,{world.alien.device_id},Pump\n"
    [cause] = causes(check(text, act="change"))
    assert "004711" not in cause
    assert (check("Serial\n4711\n").outlook or {}).get("lost_zeros") is None


@pytest.mark.parametrize("cell", ["GX-9", "8.61E+14", "4711", "", "=A1"])
def test_the_device_id_of_the_row_says_who_is_meant(check: Run, cell: str, world: World) -> None:
    text = f"Serial,Device ID,Name\n{cell},{world.placed.device_id},Pump\n"
    [cause] = causes(check(text, act="change"))
    assert f"By its Device ID, is it {world.placed.serial}? Correct the cell." in cause
    assert "as new devices" not in cause


def test_all_rows_are_looked_up_at_once(check: Run, version: RecipeVersion) -> None:
    def count(rows: int, **options: Any) -> int:
        made = [builders.make_device(version, serial=f"00{at}") for at in range(10, 10 + rows)]
        text = "".join(f"{device.serial[2:]},{device.device_id}\n" for device in made)
        with CaptureQueriesContext(connection) as seen:
            importing = check("Serial,Device ID\n" + text, **options)
        assert importing.refused or (importing.outlook or {})["lost_zeros"]["rows"] == rows
        Device.objects.filter(serial__startswith="00").delete()
        return len(seen)

    options = {"columns": ["serial", "tag:id"], "act": "change"}
    assert count(2, **options) == count(40, **options)
    assert count(2, columns=["serial", ""]) == count(40, columns=["serial", ""])


def test_new_devices_with_the_same_digits_are_told_and_can_be_made(
    check: Run, client: Client, world: World, version: RecipeVersion
) -> None:
    for serial in ("004711", "0005"):
        builders.make_device(version, serial=serial)
    importing = check("Serial\n4711\n12\n05\n5\nGX1\n")
    assert importing.refused == 0
    told = {"rows": 3, "first_rows": [2, 4, 5], "sample": "4711", "there": "004711"}
    assert (importing.outlook or {})["lost_zeros"] == told
    assert Program(world.owner).get(f"imports/{importing.key}/").json()["lost_zeros"] == told
    client.force_login(world.owner)
    page = words(client.get(address(importing)))
    assert "3 of the serials are there already with zeros before them" in page
    assert "“4711” in row 2: there is “004711”" in page
    assert imports.start(importing=importing, by=world.owner)
    assert work(importing).made == 5


def test_a_format_that_says_how_long_serials_are_offers_them_too(
    check: Run, client: Client, world: World, version: RecipeVersion
) -> None:
    version.identity = {"kind": "base10", "length": 6}
    version.save()
    importing = check("Serial\n4711\n4712\n")
    [group] = importing.problem_groups or []
    assert (group["rows"], len(group["meant"])) == (2, 2)
    client.force_login(world.owner)
    client.post(address(importing, "import-correct"), {"meant": "0", "sample": "4711"})
    assert work(importing).refused == 0


@pytest.mark.parametrize("act", ["add", "change"])
def test_a_gateway_that_lost_them_is_named_too(
    check: Run, client: Client, world: World, version: RecipeVersion, act: str
) -> None:
    builders.make_device(version, serial="004711")
    builders.make_device(version, serial="D1")
    text = f"Serial,Gateways\n{'D1' if act == 'change' else 'D2'},4711\n"
    importing = check(text, act=act)
    [cause] = causes(importing)
    assert cause.startswith("“4711”: No device of yours has this serial. A spreadsheet drops zeros")
    assert "is it 004711?" in cause
    client.force_login(world.owner)
    client.post(address(importing, "import-correct"), {"meant": "1", "sample": "4711"})
    assert work(importing).refused == 0
