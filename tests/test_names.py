"""One rule for what things are called, the same at every door: on one line, and nothing that can't be seen."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from devices import imports
from devices.models import Attribute, Device, DeviceModel, Import, Recipe
from devices.recipes import operations as recipes
from tenants.models import ApiToken, Group, Role, User
from tenants.people import invitations
from tests import builders
from tests.devices.api import Program
from tests.devices.imports.conftest import work
from tests.provisioning.conftest import form_data, pressed_window
from tests.test_rules_tags import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model

    from tests.conftest import World

    Door = Callable[[World, str], None]
    Look = Callable[[], set[tuple[int, str]]]

KEPT = {"Pump  house": "Pump house", " Pump\thouse ": "Pump house", "Pump\nhouse": "Pump house", "Pümpe 7": "Pümpe 7"}
KEPT |= {"Pump\u2028house": "Pump house", "Pump\u00a0house\r\n": "Pump house"}
REFUSED = ["a\x00b", "a\x07b", "a\x1bb", "a\u202eb", "a\u2066b", "a\u200bb", "a\ufeffb", "\u3164", "a\u2800b"]
LONE = "a\ud800b"  # in JSON and on the command line; a form can't hold it


def page(world: World, url: str, data: dict[str, Any]) -> None:
    client = Client()
    client.force_login(world.owner)
    client.post(url, data)


def edit(world: World, name: str) -> None:
    page(world, f"/devices/{world.placed.serial}/edit/", {"name": name})


def edit_api(world: World, name: str) -> None:
    Program(world.owner).patch(f"devices/{world.placed.serial}/", {"name": name})


def add(world: World, name: str) -> None:
    page(world, "/devices/new/one/", {"recipe": world.version.recipe_id, "serial": "", "name": name})


def add_api(world: World, name: str) -> None:
    Program(world.owner).post("devices/", {"recipe": world.version.recipe_id, "name": name})


def assign_api(world: World, name: str) -> None:
    Program(world.owner).post(f"devices/{world.placed.serial}/assign/", {"group": world.boise.pk, "name": name})


def place(world: World, name: str) -> None:
    window = pressed_window(world)
    client = Client()
    client.force_login(world.technician)
    client.post(f"/register/{window.key}/place/", form_data(world, name=name))


def place_api(world: World, name: str) -> None:
    window = pressed_window(world)
    Program(world.technician).post(f"windows/{window.key}/complete/", form_data(world, name=name))


def from_file(world: World, name: str) -> None:
    text = f'Serial,Name\n,"{name}"\n'.encode()
    made = imports.upload(by=world.owner, version=world.version, name="a.csv", chunks=[text])
    asked: dict[str, Any] = {"columns": ["serial", "name"], "encoding": "utf-8", "delimiter": ",", "group": None}
    assert imports.match(
        importing=made, by=world.owner, all_or_nothing=False, name_pattern="", make_serials=True, **asked
    )
    if imports.start(importing=work(made), by=world.owner):
        work(made)


def pattern_api(world: World, name: str) -> None:
    sent = {"recipe": world.version.recipe_id, "total": 1, "name_pattern": name}
    made = Program(world.owner).post("imports/count/", sent)
    if made.status_code == 201:
        work(Import.objects.latest("pk"))


def group(world: World, name: str) -> None:
    page(world, f"/groups/{world.region.pk}/new/", {"new-name": name})


def group_api(world: World, name: str) -> None:
    Program(world.owner).post("groups/", {"parent": world.region.pk, "name": name})


def organisation(world: World, name: str) -> None:
    with suppress(CommandError):
        call_command("organisation", name, slug="pumps", admin="a@b.example", link=True)


def settings(world: World, name: str) -> None:
    Program(world.owner).patch("settings/", {"name": name})


def model(world: World, name: str) -> None:
    page(world, "/models/add/", {"name": name})


def model_api(world: World, name: str) -> None:
    Program(world.owner).post("models/", {"name": name})


def recipe_api(world: World, name: str) -> None:
    Program(world.owner).post("recipes/", {"name": name, "credential_kind": "access-key"})


def recipe(world: World, name: str) -> None:
    rows = {f"{kind}-{form}_FORMS": 0 for kind in ("attributes", "tags", "commands") for form in ("TOTAL", "INITIAL")}
    page(world, "/recipes/create/", {"name": name, "credential_kind": "access-key"} | rows)


def label(world: World, name: str) -> None:
    rows = {"attributes-TOTAL_FORMS": 1, "attributes-INITIAL_FORMS": 0, "tags-TOTAL_FORMS": 0, "tags-INITIAL_FORMS": 0}
    rows |= {"commands-TOTAL_FORMS": 0, "commands-INITIAL_FORMS": 0}
    row = {"attributes-0-name": "a", "attributes-0-label": name, "attributes-0-type": "number"}
    page(world, "/recipes/create/", {"name": "Pumps", "credential_kind": "access-key"} | rows | row)


def label_api(world: World, name: str) -> None:
    Program(world.owner).post("recipes/", {"name": "Pumps", "attributes": [{"name": "a", "label": name}]})


def label_made(world: World, name: str) -> None:
    """As the demo, and whatever comes next."""
    with suppress(ValidationError):
        contents = recipes.Contents(attributes=(recipes.Line("a", name),))
        recipes.create(organisation=world.kanarra, name="Pumps", contents=contents, by=None)


def unit_api(world: World, name: str) -> None:
    sent = {"name": "Pumps", "attributes": [{"name": "a", "unit": name}]}
    Program(world.owner).post("recipes/", sent)


def tag_api(world: World, name: str) -> None:
    Program(world.owner).patch(f"devices/{world.placed.serial}/", {"tags": {"site": name}})


def tag_in_bulk(world: World, name: str) -> None:
    sent = {"kind": "tag", "params": {"tag": "site", "value": name}, "serials": [world.placed.serial]}
    Program(world.owner).post("actions/", sent)


def token(world: World, name: str) -> None:
    given = {"name": name, "role": Role.VIEWER.value, "group": world.anaheim.pk}
    page(world, "/tokens/new/", given)


def person(world: World, name: str) -> None:
    email = "new@sadler.example"
    made = invitations.prepare(email=email, group=world.region, role=Role.VIEWER, by=world.owner)
    with suppress(ValidationError):
        invitations.join(invitation=made.invitation, name=name, password=builders.PASSWORD)


def named(model: type[Model], field: str = "name") -> Look:
    return lambda: set(model._default_manager.values_list("pk", field))


devices, groups, models = named(Device), named(Group), named(DeviceModel)
PAGES: dict[Door, Look] = {
    edit: devices, add: devices, place: devices, from_file: devices, group: groups, model: models,
    token: named(ApiToken), person: named(User), recipe: named(Recipe), label: named(Attribute, "label"),
}  # fmt: skip
BODIES: dict[Door, Look] = {
    edit_api: devices, add_api: devices, assign_api: devices, place_api: devices, pattern_api: devices,
    tag_api: named(Device, "tags__site"), tag_in_bulk: named(Device, "tags__site"),
    group_api: groups, settings: groups, organisation: groups, model_api: models,
    recipe_api: named(Recipe), unit_api: named(Attribute, "unit"), label_api: named(Attribute, "label"),
    label_made: named(Attribute, "label"),
}  # fmt: skip
LENGTHS: dict[Door, int] = {unit_api: 16, tag_api: 255, tag_in_bulk: 255}


def came_of(world: World, door: Door, look: Look, name: str) -> set[str]:
    """What is called anew by it; taken back, so that the next name finds the same."""
    before = look()
    with transaction.atomic():
        door(world, name)
        after = look()
        transaction.set_rollback(True)
    return {value for _, value in after - before}


@pytest.mark.parametrize("door", [*PAGES, *BODIES])
def test_every_door_takes_and_refuses_the_same(world: World, door: Door) -> None:
    look = {**PAGES, **BODIES}[door]
    for name in [*REFUSED, *([LONE] if door in BODIES else [])]:
        assert came_of(world, door, look, name) == set(), ascii(name)
    for name, kept in KEPT.items():
        assert came_of(world, door, look, name) == {kept}, ascii(name)
    longest = "é" * LENGTHS.get(door, 120)
    assert came_of(world, door, look, longest) == {longest}
    assert came_of(world, door, look, f"{longest}é") == set()


LINES = {"One\r\ntwo\n\n\tthree": "One\ntwo\n\n\tthree", " a\u2028b ": "a\nb", "10\u00a0°C": "10\u00a0°C"}
LINES |= {"\U0001f468\u200d\U0001f469": "\U0001f468\u200d\U0001f469", "x" * 500: "x" * 500, "a\rb": "a\nb"}
NO_LINES = ["a\x00b", "a\x07b", "a\x0bb", "a\x1bb", "a\u202eb", "a\u2066b", "a\ufeffb", "a\u2800b", "x" * 501]


def description(world: World, text: str) -> None:
    page(world, f"/devices/{world.placed.serial}/edit/", {"name": world.placed.name, "description": text})


def description_api(world: World, text: str) -> None:
    Program(world.owner).patch(f"devices/{world.placed.serial}/", {"description": text})


def description_in_file(world: World, text: str) -> None:
    data = table(["Serial", "Description"], ["", text]).encode()
    made = imports.upload(by=world.owner, version=world.version, name="a.csv", chunks=[data])
    asked: dict[str, Any] = {"encoding": "utf-8", "delimiter": ",", "group": None, "name_pattern": ""}
    asked["make_serials"] = True
    assert imports.match(
        importing=made, by=world.owner, columns=["serial", "description"], all_or_nothing=False, **asked
    )
    if imports.start(importing=work(made), by=world.owner):
        work(made)


@pytest.mark.parametrize("door", [description, description_api, description_in_file])
def test_descriptions_have_lines(world: World, door: Door) -> None:
    look = named(Device, "description")
    for text, kept in LINES.items():
        assert came_of(world, door, look, text) == {kept}, ascii(text)
    for text in NO_LINES:
        assert came_of(world, door, look, text) == set(), ascii(text)


def test_what_is_of_before_a_rule_stays_beside_what_is_changed(world: World) -> None:
    old = {"name": "Pump\x07", "description": "a\r\nb\x1b"}
    chosen = Device.objects.filter(pk=world.placed.pk)
    chosen.update(**old)
    path = f"devices/{world.placed.serial}/"
    page(world, f"/{path}edit/", {**old, "tags": "site: roof"})
    assert chosen.values("name", "description", "tags").get() == {**old, "tags": {"site": "roof"}}
    assert Program(world.owner).patch(path, {**old, "tags": {"site": "cellar"}}).status_code == 200
    assert chosen.values("name", "description", "tags").get() == {**old, "tags": {"site": "cellar"}}
