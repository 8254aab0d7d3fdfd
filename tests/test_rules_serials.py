"""One rule for serials: every door that registers takes and refuses the same, by the recipe's own format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import Client

from devices import imports
from devices.lifecycle import registration
from devices.models import Device, RecipeVersion
from devices.recipes.organisation_format import format_of
from tests.devices.api import Program, places
from tests.devices.imports.conftest import work
from tests.test_rules_tags import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings

    from tests.conftest import World

    Door = Callable[[World, str], None]

FORMATS: dict[str, dict[str, Any]] = {
    "own": {"kind": "own"},
    "opaque": {"kind": "opaque"},
    "prefixed": {"kind": "opaque", "prefix": "GW-", "length": 6},
    "mac": {"kind": "mac48"},
    "digits": {"kind": "base10"},
    "eui": {"kind": "eui64"},
}
TR005 = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122"
# Format, text as given -> the serial that is kept; None where it is refused.
TABLE: list[tuple[str, str, str | None]] = [
    ("own", "CW8B3KGEN35R", "CW8B3KGEN35R"),
    ("own", " cw8b-3kge n35r ", "CW8B3KGEN35R"),
    ("own", "CW8B3KGEN35S", None),
    ("own", "CW8B3KGEN3", None),
    ("own", "GW-ABC123", None),
    ("own", ".", None),
    ("opaque", "a-1 b", "A1B"),
    ("opaque", "-".join("x" * 64), "X" * 64),
    ("opaque", "x" * 65, None),
    ("opaque", "new", None),
    ("opaque", ".", None),
    ("opaque", ". .", None),
    ("opaque", "a...", "A..."),
    ("opaque", "a/b", None),
    ("opaque", "é1", None),
    ("opaque", "---", None),
    ("prefixed", "GW-ABC123", "GWABC123"),
    ("prefixed", "gw-ABC123", None),
    ("prefixed", "GW-ABC12", None),
    ("mac", "00:1b:44:11:3a:b7", "00:1B:44:11:3A:B7"),
    ("mac", "00:1b:44:11:3a", None),
    ("digits", "0042", "0042"),
    ("digits", "42x", None),
    ("digits", "", None),  # without a length none can be made
    # A label's whole text, as the scanner reads it.
    ("opaque", f"{TR005}:SYYWWNNNNNN", "YYWWNNNNNN"),
    ("opaque", TR005, "AABBCCDDEEFF0011"),
    ("eui", TR005, "AA:BB:CC:DD:EE:FF:00:11"),
    ("own", f"{TR005}:SCW8B3KGEN35R", "CW8B3KGEN35R"),
    ("own", TR005, None),
    ("opaque", TR005[:40], None),
    ("opaque", "https://devices.example/d/AB-12", "AB12"),
    ("opaque", "HTTPS://DEVICES.EXAMPLE/D/AB12/", "AB12"),
    ("opaque", "devices.example/d/AB12", "AB12"),
    ("opaque", "https://other.example/d/AB12", None),
    ("opaque", "https://example.org/01/09506000134352/21/AB12", "AB12"),
    ("opaque", "010950600013435221AB12", "AB12"),
    ("opaque", '{"sn": "AB12", "mac": "001B44113AB7"}', "AB12"),
    ("mac", '{"sn": "AB12", "mac": "001B44113AB7"}', "00:1B:44:11:3A:B7"),
    ("opaque", '{"model": "X"}', None),
    ("opaque", "S/N: AB12", "AB12"),
    ("opaque", "SN: AB12; SN: CD34", None),
    ("prefixed", "SN: GW-ABC123", "GWABC123"),
    ("prefixed", "SN: GW-ABC", None),
    ("opaque", "]Q1AB12", "AB12"),
    ("opaque", "\ufeffAB12", "AB12"),
    ("opaque", "AB:12", "AB:12"),  # separators of its own
]


def page(world: World, serial: str) -> None:
    client = Client()
    client.force_login(world.owner)
    client.post("/devices/new/one/", {"recipe": world.version.recipe_id, "serial": serial})


def api(world: World, serial: str) -> None:
    Program(world.owner).post("devices/", {"recipe": world.version.recipe_id, "serial": serial})


def file(world: World, serial: str) -> None:
    text = table(["Serial", "Name"], [serial, "Pump"]).encode()
    made = imports.upload(by=world.owner, version=world.version, name="a.csv", chunks=[text])
    asked: dict[str, Any] = {"encoding": "utf-8", "delimiter": ",", "group": None, "name_pattern": ""}
    asked |= {"columns": ["serial", "name"], "all_or_nothing": False, "make_serials": not serial}
    try:
        assert imports.match(importing=made, by=world.owner, **asked)
    except ValidationError:
        return
    if imports.start(importing=work(made), by=world.owner):
        work(made)


def operation(world: World, serial: str) -> None:
    """As a door of devices, and whatever comes next."""
    try:
        registration.register_device(version=RecipeVersion.objects.get(pk=world.version.pk), by=None, serial=serial)
    except ValidationError:
        return


@pytest.mark.parametrize("door", [page, api, file, operation])
def test_every_door_takes_and_refuses_the_same(world: World, door: Door, settings: Settings) -> None:
    settings.SITE_URLS = ["https://devices.example"]
    before = set(Device.objects.values_list("pk", flat=True))
    for name, serial, kept in TABLE:
        with transaction.atomic():
            world.version.identity = FORMATS[name]
            world.version.save()
            Device.objects.filter(serial=kept).delete()
            door(world, serial)
            made = list(Device.objects.exclude(pk__in=before).values_list("serial", flat=True))
            transaction.set_rollback(True)
        assert made == ([] if kept is None else [kept]), ascii((name, serial))


@pytest.mark.parametrize("door", [page, api, file, operation])
@pytest.mark.parametrize("name", ["own", "prefixed", "mac"])
def test_without_a_serial_one_is_made_that_the_format_takes(world: World, door: Door, name: str) -> None:
    world.version.identity = FORMATS[name]
    world.version.save()
    door(world, "")
    serial = Device.objects.latest("pk").serial
    written = f"GW-{serial[2:]}" if name == "prefixed" else serial
    assert format_of(world.version).problem(written) is None, serial


def test_one_that_is_made_is_free(world: World) -> None:
    """Of the ten serials nine are taken; with the tenth none is left."""
    world.version.identity = {"kind": "base10", "length": 1}
    world.version.save()
    for digit in "012346789":
        registration.register_device(version=world.version, by=None, serial=digit)
    sent = {"recipe": world.version.recipe_id}
    program = Program(world.owner)
    answers = [program.post("devices/", sent) for _ in range(3)]
    made = [answer for answer in answers if answer.status_code == 201]
    assert [answer.json()["serial"] for answer in made] in ([], ["5"])
    assert all(places(answer) == ["#/serial"] for answer in answers if answer.status_code != 201)
    assert "No free serial" in str(answers[-1].json())


def test_why_a_label_gives_no_serial_is_told(world: World) -> None:
    """By the page of the recipe's format, the API and the file alike."""
    program = Program(world.owner)
    told = program.post("devices/", {"recipe": world.version.recipe_id, "serial": TR005}).json()["errors"]
    assert "a label's whole text, and its serial “AABBCCDDEEFF0011” doesn't fit" in told[0]["detail"]
    cut = program.post("devices/", {"recipe": world.version.recipe_id, "serial": TR005[:40]}).json()["errors"]
    assert "a LoRaWAN code that is incomplete" in cut[0]["detail"]
    tried = program.post(
        f"recipes/{world.version.recipe_id}/check-serial/", {"serial": f"{TR005}:SCW8B3KGEN35R"}
    ).json()
    assert (tried["fits"], tried["kept"]) == (True, "CW8B3KGEN35R")


def test_a_registered_label_is_found_when_it_is_scanned(world: World) -> None:
    world.version.identity = FORMATS["opaque"]
    world.version.save()
    label = f"{TR005}:SYYWWNNNNNN"
    file(world, label)
    assert Program(world.technician).post("windows/", {"text": label}).status_code == 201
