"""What the devices of a file will be is shown before they are made: the first of them, and what is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices.imports.outlook import LOOK
from devices.models import Import
from tests.devices.api import Program
from tests.devices.imports.pages import address, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from devices.models import RecipeVersion
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

    Upload = Callable[..., Import]

pytestmark = pytest.mark.django_db
GUESS = "Its values are names of groups: Group is a guess."


def read(client: Client, world: World, importing: Import) -> str:
    client.force_login(world.owner)
    return words(client.get(address(importing)))


def test_the_first_devices_and_what_is_left_out(client: Client, check: Run, world: World) -> None:
    text = (
        "No,S/N,Label,Site,Batch,Empty\n"
        f"x1,S1,one,{world.anaheim.name},B7,\nx2,S2,,,,\nx3,S1,twice,,,\nx4,S4,four,,B8,\nx5,S5,five,,,\n"
    )
    columns = ["", "serial", "name", "group", "tag:batch", ""]
    importing = check(text, columns=columns, group=world.boise)
    page = read(client, world, importing)
    assert "The serials are in the column “S/N”. Left out: “No”." in page
    assert f"S1 one Kanarra / Sadler-Isberg / Los Angeles / {world.anaheim.name} batch: B7" in page
    assert "S4 four Kanarra / Tekton Health / Boise batch: B8" in page
    assert "twice Kanarra" not in page
    assert "S5 five" not in page
    told = Program(world.owner).get(f"imports/{importing.key}/").json()
    assert [(device["row"], device["serial"], device["name"]) for device in told["first_devices"]] == [
        (2, "S1", "one"),
        (3, "S2", "S2"),
        (5, "S4", "four"),
    ]
    assert told["left_out_columns"] == [{"column": "No", "names_groups": False}]


def test_of_all_rows_only_the_last_says_what_is_left_out(client: Client, check: Run, world: World) -> None:
    text = "Serial,Late\n" + "".join(f"S{at},\n" for at in range(2 * LOOK)) + "T1,value\n"
    page = read(client, world, check(text))
    assert "Left out: “Late”." in page


def test_serials_that_are_made_here(client: Client, check: Run, world: World, version: RecipeVersion) -> None:
    version.identity = {}
    version.save()
    page = read(client, world, check("Name,Site\nPump,\n", columns=["name", "group"], make_serials=True))
    assert "made here Pump" in page
    assert "The serials are in" not in page


@pytest.mark.parametrize("heading", ["Grup", "安装位置"])
def test_a_column_of_group_names_is_guessed_and_told_where_it_is_left_out(
    client: Client, check: Run, upload: Upload, world: World, heading: str
) -> None:
    text = f"Serial,{heading}\nS1,{world.anaheim.name}\nS2,Tekton Health / Boise\nS3,elsewhere\n"
    importing = upload(text)
    assert importing.columns == ["serial", "group"]
    assert GUESS in read(client, world, importing)
    told = f"The column “{heading}” holds names of groups, and is left out."
    for act in ("add", "change"):
        left = check(text, columns=["serial", "" if act == "add" else "name"], act=act)
        assert (told in read(client, world, left)) == (act == "add")
    left = check(
        f"Serial,Name,{heading}\n{world.placed.serial},x,{world.boise.name}\n",
        columns=["serial", "name", ""],
        act="change",
    )
    assert told in read(client, world, left)
    assert Program(world.owner).get(f"imports/{left.key}/").json()["left_out_columns"][0]["names_groups"]


@pytest.mark.parametrize(
    ("heading", "second"),
    [("Group", "{anaheim}"), ("Grup", "elsewhere\nS4,nowhere"), ("Grup", "{alien}\nS4,{sadler}")],
    ids=["named so", "few", "none that holds devices"],
)
def test_what_is_no_guess(client: Client, upload: Upload, world: World, heading: str, second: str) -> None:
    names = {"anaheim": world.anaheim.name, "alien": world.alien.group, "sadler": world.sadler.name}
    importing = upload(f"Serial,{heading}\nS1,{world.anaheim.name}\nS3,{second.format(**names)}\n")
    assert importing.columns == ["serial", "group" if heading == "Group" else ""]
    assert GUESS not in read(client, world, importing)


def test_what_was_left_out_of_the_last_file_is_not_guessed(
    run: Run, upload: Upload, version: RecipeVersion, world: World
) -> None:
    text = f"Serial,Grup\nS1,{world.anaheim.name}\n"
    run(text, columns=["serial", ""])
    version.recipe.refresh_from_db()
    assert upload(text).columns == ["serial", ""]


def test_a_group_that_somebody_chose_is_no_guess(client: Client, check: Run, world: World) -> None:
    importing = check("Serial,Wo\nS1,x\n", columns=["serial", "group"])
    client.force_login(world.owner)
    assert GUESS not in words(client.get(address(importing), {"columns": "1"}))


@pytest.mark.parametrize(
    ("serial", "other"), [("IMEI", "ICCID"), ("MAC", "SIM ICCID"), ("ICCID", "IMEI"), ("IMEI", "EID")]
)
def test_of_two_identities_the_other_is_told(client: Client, check: Run, world: World, serial: str, other: str) -> None:
    importing = check(
        f"{serial},{other},Notes\n861234567890123,8948010000012345670,a\n", columns=["serial", "", "description"]
    )
    assert f"The column “{other}” looks like the serial, too. It is left out: “{serial}” is the serial" in read(
        client, world, importing
    )
    client.force_login(world.owner)
    assert "Looks like the serial, too" in words(client.get(address(importing), {"columns": "1"}))


def test_beside_a_serial_number_a_card_is_none(client: Client, check: Run, world: World) -> None:
    importing = check("Serial,ICCID\nS1,8948010000012345670\n", columns=["serial", ""])
    assert "looks like the serial, too" not in read(client, world, importing)


def test_a_check_costs_no_query_for_a_row(check: Run, world: World, django_assert_max_num_queries: Any) -> None:
    def count(rows: int) -> int:
        text = "".join(f"Q{rows}{at},{world.anaheim.name}\n" for at in range(rows))
        with django_assert_max_num_queries(500) as seen:
            check("Serial,Grup\n" + text, columns=["serial", ""])
        return len(seen)

    assert count(2) == count(60)
