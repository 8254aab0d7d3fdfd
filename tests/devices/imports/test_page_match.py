"""Matching columns: what the file looks like, what each column is, and what is said when it does not fit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from devices.models import File, Import, Problem, Recipe
from tests.devices.imports.conftest import work
from tests.devices.imports.pages import address, matched, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.conftest import World

FILE = "Serial;Name;Batch\nAB-01;First;7\nAB-02;Gerät, groß;8\n"


@pytest.fixture
def importing(upload: Callable[..., Import]) -> Import:
    return upload(FILE)


@pytest.fixture
def mine(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def chosen(body: str) -> list[str]:
    """What each column is set to."""
    selects = re.findall(r'<select name="column-\d+".*?</select>', body, re.DOTALL)
    found = [re.search(r'value="([^"]*)" selected', select) for select in selects]
    return [each[1] if each else "" for each in found]


def test_looking_changes_nothing(mine: Client, importing: Import) -> None:
    before = Import.objects.filter(pk=importing.pk).values().get()
    for query in ({}, {"delimiter": ","}, {"encoding": "utf-16"}, {"columns": "1"}, {"after": "x"}):
        assert mine.get(address(importing), query).status_code == 200
    assert Import.objects.filter(pk=importing.pk).values().get() == before


def test_the_preview_is_fetched_anew(mine: Client, importing: Import) -> None:
    page = mine.get(address(importing)).content.decode()
    assert chosen(page) == ["serial", "name", ""]
    fragment = {"HX-Request": "true"}
    other = mine.get(address(importing), {"delimiter": ",", "encoding": "latin-1"}, headers=fragment)
    assert other.content.decode().startswith('<div id="import"')
    assert len(chosen(other.content.decode())) == 1
    assert "GerÃ¤t" in words(other)
    broken = mine.get(address(importing), {"encoding": "utf-16"}, headers=fragment)
    assert "can't be read like this" in words(broken)


@pytest.mark.parametrize("query", [{"encoding": "rot13"}, {"delimiter": "xx"}, {"encoding": "\x00" * 99}])
def test_a_way_of_reading_that_is_none(mine: Client, importing: Import, query: dict[str, str]) -> None:
    assert chosen(mine.get(address(importing), query).content.decode()) == ["serial", "name", ""]


def test_match_starts_the_check_and_teaches_the_recipe_nothing(mine: Client, world: World, importing: Import) -> None:
    fields = matched(importing, **{"column-2": "tag:Batch"}, group=world.anaheim.pk, name_pattern="G {n}")
    assert mine.post(address(importing, "import-match"), fields)["Location"] == address(importing)
    importing.refresh_from_db()
    assert importing.state == Import.State.CHECKING
    assert (importing.columns, importing.group) == (["serial", "name", "tag:Batch"], world.anaheim)
    assert (importing.all_or_nothing, importing.name_pattern) == (False, "G {n}")
    assert "Checking every row" in words(mine.get(address(importing)))
    work(importing)
    page = words(mine.get(address(importing)))
    assert "adds 2 devices from the recipe Generator gateway" in page
    assert "All of them go into Kaiser Permanente Anaheim" in page
    assert not Recipe.objects.get(pk=world.version.recipe_id).columns


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"column-0": ""}, "which column holds the serials"),
        ({"column-0": "password"}, "is not one of the choices"),
        ({"column-1": "serial"}, "Two columns"),
        ({"column-2": "tag:Other"}, "is not one of the choices"),
        ({"name_pattern": "{oops}"}, "in braces"),
        ({"group": "999999"}, "can't take devices"),
        ({"group": "x" * 5000}, "can't take devices"),
        ({"all_or_nothing": "maybe"}, ""),
    ],
)
def test_what_does_not_fit_comes_back(mine: Client, importing: Import, fields: dict[str, Any], said: str) -> None:
    answer = mine.post(address(importing, "import-match"), matched(importing, **fields))
    assert answer.status_code == 422
    assert said in words(answer)
    importing.refresh_from_db()
    assert importing.state == Import.State.UPLOADED


def test_nothing_at_all_comes_back(mine: Client, importing: Import) -> None:
    assert mine.post(address(importing, "import-match")).status_code == 422


def test_a_group_of_another_organisation(mine: Client, world: World, importing: Import) -> None:
    for group in (world.other_site, world.sadler):
        answer = mine.post(address(importing, "import-match"), matched(importing, group=group.pk))
        assert answer.status_code == 422
        assert "Canary" not in words(answer)
    importing.refresh_from_db()
    assert importing.group is None


def test_columns_can_be_changed_after_the_check(mine: Client, importing: Import) -> None:
    mine.post(address(importing, "import-match"), matched(importing, **{"column-0": "name", "column-1": "serial"}))
    work(importing)
    assert "Rows that don't 2" in words(mine.get(address(importing)))  # a comma in a serial, and a word
    assert Problem.objects.count() == 2
    page = mine.get(address(importing), {"columns": "1"}).content.decode()
    assert chosen(page) == ["name", "serial", ""]
    again = matched(importing)
    assert mine.post(address(importing, "import-match"), again).status_code == 302
    work(importing)
    assert Problem.objects.count() == 0


def test_too_late(mine: Client, importing: Import) -> None:
    Import.objects.filter(pk=importing.pk).update(state=Import.State.RUNNING)
    assert mine.post(address(importing, "import-match"), matched(importing)).status_code == 302
    importing.refresh_from_db()
    assert importing.state == Import.State.RUNNING


def test_a_file_that_is_no_longer_kept(mine: Client, importing: Import) -> None:
    File.objects.all().delete()
    assert "no longer kept" in words(mine.get(address(importing)))
    assert mine.post(address(importing, "import-match"), matched(importing)).status_code in {302, 422}


def test_a_west_connectivity_whitelist(mine: Client, upload: Callable[..., Import]) -> None:
    importing = upload('ID,TLS Client Certificate,Tags\n00000001,,"[{""name"": ""group"", ""value"": ""g1""}]"\n')
    page = mine.get(address(importing))
    assert "West Connectivity whitelist" in words(page)
    assert chosen(page.content.decode()) == ["serial", "certificate", "tags"]


def test_cells_are_shown_as_text(mine: Client, upload: Callable[..., Import]) -> None:
    importing = upload(f"Serial,<b>x</b>\nAB-01,<script>alert(1)</script>\nAB-02,{'y' * 100_000}\n")
    page = mine.get(address(importing)).content.decode()
    assert "<script>alert" not in page
    assert "<b>x" not in page
    assert len(page) < 60_000
