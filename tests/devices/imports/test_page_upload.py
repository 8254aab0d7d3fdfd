"""A file or a number comes in: an import, or the form back with what is wrong beside its field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from devices.models import Device, File, Import, Recipe, RecipeVersion
from tests.devices.imports.conftest import work
from tests.devices.imports.pages import send, words

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import Settings

    from tests.conftest import World

PLAIN = "Serial,Name\nAB-01,First\nAB-02,Zweites Gerät\n"


@pytest.fixture
def mine(client: Client, world: World, version: RecipeVersion) -> Client:
    client.force_login(world.owner)
    return client


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("latin-1"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        b'Serial,Name\nAB-01,"First\n""quoted"", with a comma"\nAB-02,Ger\xc3\xa4t\n',
    ],
    ids=["utf-8", "bom", "utf-16", "latin-1", "crlf", "semicolon", "tab", "quotes"],
)
def test_a_table_is_shown_as_it_is_read(mine: Client, world: World, data: bytes) -> None:
    answer = send(mine, world, data)
    assert answer.status_code == 302
    page = mine.get(answer["Location"])
    assert page.status_code == 200
    assert "AB-01" in words(page)
    assert "Gerät" in words(page)
    assert list(Import.objects.get().columns) == ["serial", "name"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\n\n\n", "first row is empty"),
        (b"Serial,Name\n", "only a header"),
        (b"PK\x03\x04" + bytes(900), "This workbook is damaged"),
        (b"\xd0\xcf\x11\xe0" + bytes(900), "Save the table as an Excel workbook (.xlsx)"),
        (b"%PDF-1.7\n\xff\xff", "This is a PDF, not CSV. Save the table as an Excel workbook (.xlsx) or as CSV"),
        (b"Serial\n" + b"\x00\x01\x02" * 900, "NUL"),
        (b'Serial,Name\nAB-01,"never closed\n' + b"AB-02,x\n" * 9, "row 2"),
        (b"a," * 300 + b"b\n1\n", "columns"),
    ],
    ids=["empty", "blank", "header", "xlsx", "xls", "pdf", "binary", "quote", "wide"],
)
def test_what_is_no_table_is_said_beside_the_file(mine: Client, world: World, data: bytes, said: str) -> None:
    answer = send(mine, world, data)
    assert answer.status_code == 422
    assert said in words(answer)
    assert 'id="id_file_error"' in answer.content.decode()
    assert not Import.objects.exists()
    assert not File.objects.exists()


def test_a_file_that_is_too_big(mine: Client, world: World, settings: Settings) -> None:
    settings.IMPORT_MAX_BYTES = 20
    assert "20 bytes is the most" in words(send(mine, world, PLAIN.encode()))
    assert not File.objects.exists()


@pytest.mark.parametrize(
    "fields", [{"file": ""}, {"file": "text"}, {"recipe": ""}, {"recipe": "x"}, {"recipe": "9" * 30}]
)
def test_without_a_file_or_a_recipe(mine: Client, world: World, fields: dict[str, Any]) -> None:
    assert send(mine, world, PLAIN.encode(), **fields).status_code == 422
    assert not Import.objects.exists()


def test_a_foreign_or_retired_recipe(mine: Client, world: World) -> None:
    assert send(mine, world, PLAIN.encode(), recipe=world.other_version.recipe_id).status_code == 422
    Recipe.objects.filter(pk=world.version.recipe_id).update(retired_at="2026-01-01T00:00Z")
    assert send(mine, world, PLAIN.encode()).status_code == 422
    assert not Import.objects.exists()


def test_htmx_is_led_on_and_gets_the_form_back(mine: Client, world: World) -> None:
    mine.defaults["HTTP_HX_REQUEST"] = "true"
    answer = send(mine, world, PLAIN.encode())
    assert answer["HX-Redirect"] == Import.objects.get().get_absolute_url()
    refused = send(mine, world, b"")
    assert refused.status_code == 422
    assert refused.content.decode().startswith('<section id="adding"')


def test_a_file_name_is_only_text(mine: Client, world: World) -> None:
    answer = send(mine, world, PLAIN.encode(), name='<img src=x onerror="x">.csv')
    page = mine.get(answer["Location"]).content.decode()
    assert "<img src=x" not in page


def many(client: Client, world: World, **fields: Any) -> Any:
    given = {"recipe": world.version.recipe_id, "total": 3, "name_pattern": "Gateway {n}"} | fields
    return client.post(reverse("devices:new-many"), given)


def test_so_many_devices(client: Client, world: World) -> None:
    client.force_login(world.owner)
    answer = many(client, world, group=world.anaheim.pk)
    importing = Import.objects.get()
    assert answer["Location"] == importing.get_absolute_url()
    assert importing.state == Import.State.WAITING
    assert "Waiting for a worker" in words(client.get(answer["Location"]))
    work(importing)
    assert "3 devices added" in words(client.get(answer["Location"]))
    made = Device.objects.filter(source=importing).order_by("row")
    assert [(device.name, device.group) for device in made] == [(f"Gateway {n}", world.anaheim) for n in range(1, 4)]


@pytest.mark.parametrize(
    "fields",
    [
        {"total": ""},
        {"total": 0},
        {"total": "1e3"},
        {"total": 10**12},
        {"total": "9" * 5000},
        {"name_pattern": "{x}"},
        {"name_pattern": "a\x07"},
        {"group": 999_999},
        {"recipe": "\x00"},
    ],
)
def test_a_number_that_is_wrong(client: Client, world: World, fields: dict[str, Any]) -> None:
    client.force_login(world.owner)
    assert many(client, world, **fields).status_code == 422
    assert many(client, world, group=world.other_site.pk).status_code == 422
    assert many(client, world, recipe=world.other_version.recipe_id).status_code == 422
    assert not Import.objects.exists()


def test_serials_that_can_not_be_made(mine: Client, world: World) -> None:
    answer = many(mine, world)
    assert answer.status_code == 422
    assert "takes them from a file" in words(answer)
