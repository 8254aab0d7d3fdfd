"""Serials are made for a file where that is asked for, and never else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from devices.imports.columns import NEEDED
from devices.models import Device, Import, RecipeVersion
from tests.devices.api import Program, kind
from tests.devices.imports.conftest import problems, work
from tests.devices.imports.pages import address, matched, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

OWN: dict[str, Any] = {}
IMEI = {"kind": "base10", "length": 15}
LISTS = ["Name,Hall\nPump,3\n", "IOTC_DEVICEID;IOTC_DEVICENAME\n861234567890601;Batch-1\n", "Kennung\n9TQ4M7XK2BDE\n"]


@pytest.fixture
def world(world: World) -> World:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity=OWN)
    world.version.refresh_from_db()
    return world


@pytest.fixture
def program(world: World) -> Program:
    return Program(world.owner, world.kanarra.root)


@pytest.fixture
def version(world: World) -> RecipeVersion:
    return world.version


def send(program: Program, world: World, text: str) -> str:
    file = SimpleUploadedFile("serials.csv", text.encode(), "text/csv")
    made = program.send("imports/", {"recipe": world.version.recipe_id, "file": file})
    return str(made["Location"]).removeprefix("/api/v1/")


@pytest.mark.parametrize("text", LISTS)
@pytest.mark.parametrize("identity", [OWN, IMEI])
def test_a_program_has_to_ask_for_them(program: Program, world: World, text: str, identity: dict[str, Any]) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity=identity)
    at = send(program, world, text)
    refused = program.post(f"{at}match/")
    assert (refused.status_code, "which column holds the serials" in str(refused.json())) == (400, True)
    assert program.get(at).json()["state"] == "uploaded"
    assert program.post(f"{at}match/", {"make_serials": True}).json()["make_serials"] is True
    work(Import.objects.get())
    told = program.get(at).json()
    assert (told["state"], told["serials_to_make"], told["refused"]) == ("checked", 1, 0)


def test_no_serials_are_made_that_a_recipe_can_not_make(program: Program, world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "opaque"})
    at = send(program, world, LISTS[0])
    answer = program.post(f"{at}match/", {"make_serials": True})
    assert (answer.status_code, kind(answer), "can't be made here" in str(answer.json())) == (400, "invalid", True)


def test_too_few_serials_for_so_many_rows(program: Program, world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "base10", "length": 2})
    at = send(program, world, "Name\n" + "Pump\n" * 30)
    program.post(f"{at}match/", {"make_serials": True})
    work(Import.objects.get())
    told = program.get(at).json()
    assert (told["state"], "30 serials would be made" in told["cause"]) == ("failed", True)


def test_an_empty_cell_is_its_rows_problem(check: Run, run: Run) -> None:
    text = "Serial,Name\n,One\n ,Two\n"
    importing = check(text)
    assert [(row, column) for row, column, _ in problems(importing)] == [(2, "Serial"), (3, "Serial")]
    assert all("The serial is missing" in cause for _, _, cause in problems(importing))
    assert (importing.refused, importing.serials_to_make) == (2, 0)
    assert run(text, make_serials=True).made == 2


def test_rows_that_a_former_release_had_checked_are_refused(check: Run, world: World) -> None:
    importing = check("Name\nOne\n", make_serials=True)
    Import.objects.filter(pk=importing.pk).update(make_serials=False, state=Import.State.WAITING)
    work(importing)
    assert not Device.objects.filter(source=importing).exists()


def test_a_page_asks_and_says_how_many(client: Client, world: World, upload: Callable[..., Import]) -> None:
    client.force_login(world.owner)
    importing = upload("Name,Hall\nOne,3\nTwo,4\n")
    page = client.get(address(importing))
    assert "Make a serial for each row that has none" in words(page)
    answer = client.post(address(importing, "import-match"), matched(importing))
    assert (answer.status_code, "which column holds the serials" in words(answer)) == (422, True)
    assert client.post(address(importing, "import-match"), matched(importing, make_serials="on")).status_code == 302
    work(importing)
    assert "2 serials are made for the rows that have none" in words(client.get(address(importing)))
    again = client.get(address(importing), {"columns": "1"}).content.decode()
    assert 'name="make_serials" checked' in again


def test_a_page_does_not_offer_what_can_not_be(client: Client, world: World, upload: Callable[..., Import]) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "base10"})
    client.force_login(world.owner)
    importing = upload("Name\nOne\n")
    assert "make_serials" not in client.get(address(importing)).content.decode()
    answer = client.post(address(importing, "import-match"), matched(importing, make_serials="on"))
    assert (answer.status_code, NEEDED in words(answer)) == (422, True)
