"""One rule for tags: what one door takes every door takes, as the same tag; what was stored before is left alone."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from devices import imports, tags
from devices.bulk_actions.forms import params_form
from devices.models import BulkAction, Device, RecipeVersion
from lib.csv_export import neutralise
from tests.devices.api import Program, body
from tests.devices.doing import act, undone
from tests.devices.imports.conftest import work

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

    Tags = dict[str, object]
    Door = Callable[[World, str, str], None]

# Name and value as given -> the tag that is kept; None where it is refused.
TABLE: list[tuple[str, str, tuple[str, str] | None]] = [
    ("site", "roof", ("site", "roof")),
    ("1st", "x", ("1st", "x")),
    ("7", "seven", ("7", "seven")),
    ("a", "", ("a", "")),
    ("a", "v" * 255, ("a", "v" * 255)),
    ("k" * 64, "x", ("k" * 64, "x")),
    ("time", "10:30; late = yes", ("time", "10:30; late = yes")),
    ("note", "one\ntwo", ("note", "one two")),
    ("note", " one\t two ", ("note", "one two")),
    ("two  words", "x", ("two words", "x")),
    ("size", '12" pipe', ("size", '12" pipe')),
    ("nick", '"Bob" Smith', ("nick", '"Bob" Smith')),
    ('"quoted"', "x", ('"quoted"', "x")),
    ("[list]", "x", ("[list]", "x")),
    ("{n}", "x", ("{n}", "x")),
    ("-k", "=1+1", ("-k", "=1+1")),
    ("Größe", "ß", ("Größe", "ß")),
    ("x__contains", "' OR 1=1 --", ("x__contains", "' OR 1=1 --")),
    ("a", "v" * 256, None),
    ("k" * 65, "x", None),
    ("a:b", "x", None),
    ("a=b", "x", None),
    ("a;b", "x", None),
    (" ", "x", None),
    ("a\u202eb", "x", None),
    ("a", "\u202ex", None),
    ("a", "bell\x07", None),
]
OLD: dict[str, object] = {
    "a:b": "c", "1;": "x = y", "long": "v" * 300, "lines": "one\ntwo", "number": 7, "yes": True, " edge ": " x ",
    '"q"': '"r"', "": "nameless", "bell": "\x07",
}  # fmt: skip


def page(world: World, url: str, data: dict[str, Any]) -> Any:
    client = Client()
    client.force_login(world.owner)
    return client.post(url, data)


def edit(world: World, name: str, value: str) -> None:
    sent = {"name": world.placed.name, "tags": tags.write_lines({name: value})}
    page(world, f"/devices/{world.placed.serial}/edit/", sent)


def edit_api(world: World, name: str, value: str) -> None:
    Program(world.owner).patch(f"devices/{world.placed.serial}/", {"tags": {name: value}})


def add(world: World, name: str, value: str) -> None:
    page(world, "/devices/new/one/", {"recipe": world.version.recipe_id, "tags": tags.write_cell({name: value})})


def imported(world: World, text: str, columns: list[str]) -> None:
    made = imports.upload(by=world.owner, version=world.version, name="a.csv", chunks=[text.encode()])
    asked: dict[str, Any] = {"encoding": "utf-8", "delimiter": ",", "group": None, "name_pattern": ""}
    asked["make_serials"] = True
    assert imports.match(importing=made, by=world.owner, columns=columns, all_or_nothing=False, **asked)
    if imports.start(importing=work(made), by=world.owner):
        work(made)


def table(*rows: list[str]) -> str:
    file = StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def cell(world: World, name: str, value: str) -> None:
    imported(world, table(["Serial", "Tags"], ["", tags.write_cell({name: value})]), ["serial", "tags"])


def json_cell(world: World, name: str, value: str) -> None:
    imported(world, table(["Serial", "Tags"], ["", json.dumps({name: value})]), ["serial", "tags"])


def west_cell(world: World, name: str, value: str) -> None:
    text = json.dumps([{"name": name, "value": value}])
    imported(world, table(["Serial", "Tags"], ["", text]), ["serial", "tags"])


def column(world: World, name: str, value: str) -> None:
    try:
        imported(world, table(["Serial", "Extra"], ["", neutralise(value)]), ["serial", f"tag:{name}"])
    except ValidationError:
        return


def bulk_api(world: World, name: str, value: str) -> None:
    sent = {"kind": "tag", "params": {"tag": name, "value": value}, "serials": [world.placed.serial]}
    Program(world.owner).post("actions/", sent)


def bulk(world: World, name: str, value: str) -> None:
    """As the page does: what its form gives is previewed and done."""
    form = params_form(BulkAction.Kind.TAG, {"tag": name, "value": value}, user=world.owner)
    if form.is_valid():
        params = form.params()
        chosen = Device.objects.filter(pk=world.placed.pk)
        act(BulkAction.Kind.TAG, world.owner, chosen, tag=params.tag, value=params.value)


def recipe(world: World, name: str, value: str) -> None:
    rows = {"attributes-TOTAL_FORMS": 0, "attributes-INITIAL_FORMS": 0, "tags-TOTAL_FORMS": 1, "tags-INITIAL_FORMS": 0}
    rows |= {"commands-TOTAL_FORMS": 0, "commands-INITIAL_FORMS": 0}
    sent = {"name": "Pumps", "credential_kind": "access-key", "tags-0-key": name, "tags-0-value": value}
    page(world, "/recipes/create/", rows | sent)


def recipe_api(world: World, name: str, value: str) -> None:
    Program(world.owner).post("recipes/", {"name": "Pumps", "default_tags": {name: value}})


DOORS = [edit, edit_api, add, cell, json_cell, west_cell, column, bulk_api, bulk, recipe, recipe_api]


def kept() -> list[Tags]:
    devices = Device.objects.exclude(tags={}).values_list("tags", flat=True)
    return [*devices, *RecipeVersion.objects.exclude(default_tags={}).values_list("default_tags", flat=True)]


@pytest.mark.parametrize("door", DOORS)
def test_every_door_takes_and_refuses_the_same(world: World, door: Door) -> None:
    for name, value, tag in TABLE:
        if door is column and not value:
            continue  # an empty cell says nothing
        with transaction.atomic():
            door(world, name, value)
            now = kept()
            transaction.set_rollback(True)
        assert now == ([] if tag is None else [dict([tag])]), ascii((name, value))


def test_a_name_is_saved_beside_whatever_tags_there_are(world: World) -> None:
    """As the page sends them: with the line ends of a form."""
    for stored in (OLD, {f"k{n}": "x" for n in range(60)}):
        Device.objects.filter(pk=world.placed.pk).update(tags=stored, name="Old")
        sent = {"name": "New", "tags": tags.write_lines(stored).replace("\n", "\r\n")}
        assert page(world, f"/devices/{world.placed.serial}/edit/", sent).status_code == 302
        assert Device.objects.values_list("name", "tags").get(pk=world.placed.pk) == ("New", stored)


def test_a_tag_is_changed_beside_those_of_before(world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(tags=OLD)
    program, path = Program(world.owner), f"devices/{world.placed.serial}/"
    told = program.get(path).json()["tags"]
    assert told == OLD
    assert program.patch(path, {"tags": told | {"site": "roof"}}).json()["tags"] == OLD | {"site": "roof"}
    assert program.patch(path, {"tags": told | {"a:b": "d"}}).status_code == 400
    edit(world, "site", "cellar")
    assert kept() == [{"site": "cellar"}]


def test_a_recipe_keeps_its_tags_of_before(world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(default_tags=OLD)
    sent = {"based_on": 1, "expires": True}
    answer = Program(world.owner).patch(f"recipes/{world.version.recipe_id}/", sent)
    assert answer.json()["current"]["default_tags"] == OLD
    add(world, "site", "roof")
    assert Device.objects.latest("pk").tags == OLD | {"site": "roof"}


def test_no_door_leaves_more_than_fifty(world: World) -> None:
    full: Tags = {f"k{n}": "x" for n in range(50)}
    chosen = Device.objects.filter(pk=world.placed.pk)
    chosen.update(tags=full)
    seen = Program(world.owner).post(
        "actions/preview/",
        {"kind": "tag", "params": {"tag": "more", "value": "x"}, "serials": [world.placed.serial]},
    )
    assert seen.json()["staying"] == [{"reason": "has 50 tags already: remove one first", "devices": 1}]
    bulk_api(world, "more", "x")
    assert kept() == [full]
    bulk_api(world, "k7", "y")
    assert kept() == [full | {"k7": "y"}]
    removed = act(BulkAction.Kind.UNTAG, world.owner, chosen, tag="k7")
    act(BulkAction.Kind.TAG, world.owner, chosen, tag="more", value="x")
    undone(removed, world.owner)
    assert kept() == [{name: "x" for name in [*full, "more"] if name != "k7"}]
    chosen.update(tags={})
    RecipeVersion.objects.filter(pk=world.version.pk).update(default_tags=full)
    for door in (add, cell, column):
        door(world, "more", "x")
        assert kept() == [full], door


def test_any_name_can_be_removed_from_many(world: World) -> None:
    for name in OLD:
        Device.objects.filter(pk=world.placed.pk).update(tags={name: "x", "kept": "y"})
        act(BulkAction.Kind.UNTAG, world.owner, Device.objects.filter(pk=world.placed.pk), tag=name)
        assert kept() == [{"kept": "y"}], name


def test_the_same_tag_twice_is_refused(world: World) -> None:
    twice = {"a b": "1", "a  b": "2"}
    assert Program(world.owner).patch(f"devices/{world.placed.serial}/", {"tags": twice}).status_code == 400
    for text in ("a=1; a: 2", '{"a": 1, "a": 2}', '[{"name": "a"}, {"name": "a"}]', json.dumps(twice)):
        imported(world, table(["Serial", "Tags"], ["", text]), ["serial", "tags"])
        page(world, "/devices/new/one/", {"recipe": world.version.recipe_id, "tags": text})
    assert kept() == []


@pytest.mark.parametrize("value", [7, 1.5, True, None, [], {}])
def test_values_of_json_are_read_alike(world: World, value: object) -> None:
    expected = [] if value is None or isinstance(value, list | dict) else [{"a": json.dumps(value)}]
    with transaction.atomic():
        Program(world.owner).patch(f"devices/{world.placed.serial}/", {"tags": {"a": value}})
        assert kept() == expected
        transaction.set_rollback(True)
    imported(world, table(["Serial", "Tags"], ["", json.dumps({"a": value})]), ["serial", "tags"])
    assert kept() == expected


def test_what_is_exported_can_be_imported(world: World) -> None:
    good = dict(tag for _, _, tag in TABLE if tag)
    Device.objects.filter(pk=world.placed.pk).update(tags=good)
    rows = list(csv.reader(StringIO(body(Program(world.owner).post("devices/export.csv?tag=7")))))
    assert [row[0] for row in rows[1:]] == [world.placed.serial]
    imported(world, table(["Serial", "Tags"], ["", rows[1][rows[0].index("Tags")]]), ["serial", "tags"])
    assert kept() == [good, good]


def test_a_list_is_narrowed_by_any_tag(world: World) -> None:
    for name, value, tag in TABLE:
        if tag:
            Device.objects.filter(pk=world.placed.pk).update(tags=dict([tag]))
            for sought in (tags.write_cell({tag[0]: tag[1]}), tags.write_cell({tag[0]: ""}).rpartition(":")[0]):
                found = Program(world.owner).get("devices/", tag=sought).json()["results"]
                assert [each["serial"] for each in found] == [world.placed.serial], (name, value, sought)


TEXTS = st.text(max_size=12) | st.text("=:;\"[{ \\\n-+@'a", max_size=8)


@given(st.dictionaries(TEXTS, TEXTS | st.integers() | st.booleans(), max_size=4))
def test_text_says_what_is_stored(stored: Tags) -> None:
    expected = {name: tags.as_text(value) for name, value in stored.items()}
    written = tags.write_cell(stored)
    assert tags.parse(written, ";") == tags.parse(tags.write_lines(stored), "\n") == expected
    assert neutralise(written) == written
    assert tags.check(expected, stored) == stored
