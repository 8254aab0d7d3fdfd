"""Serials that look like none of the others are told before anything is made, and never refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from devices import imports
from devices.imports.odd_serials import MOST, NAMED, OddSerials
from devices.models import Device
from tests.devices.api import Program
from tests.devices.imports.conftest import work
from tests.devices.imports.pages import address, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.test import Client

    from devices.models import RecipeVersion
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

USUAL = [f"GX{at}" for at in range(32010, 32015)]


def write(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in ("Serial", *lines))


def describe(serials: Iterable[str]) -> Any:
    odd = OddSerials()
    odd.add(enumerate(serials, 2))
    return odd.describe()


def test_they_are_told_with_their_rows_and_can_be_made(check: Run, client: Client, world: World) -> None:
    importing = check("Name,Serial\n" + "".join(f"Pump,{each}\n" for each in USUAL) + "a,TRUE\nb,5\nYhteensä,7\n")
    told: Any = importing.odd_serials
    assert (told["usual"], told["serials"], told["rows"]) == ("“GX” and 5 digits", 8, 3)
    assert [(shape["shape"], shape["first_rows"], shape["sample"]) for shape in told["shapes"]] == [
        ("one digit", [8, 9], "5"),
        ("4 characters", [7], "TRUE"),
    ]
    client.force_login(world.owner)
    page = words(client.get(address(importing)))
    assert "3 of 8 serials have another shape than the rest The rest are “GX” and 5 digits." in page
    assert "2 one digit 5 8, 9 Leave these 2 rows out" in page
    assert "1 4 characters TRUE 7 Leave row 7 out" in page
    assert "Make 8 devices" in page
    assert Program(world.owner).get(f"imports/{importing.key}/").json()["odd_serials"] == told
    assert imports.start(importing=importing, by=world.owner)
    assert work(importing).made == 8


def test_they_are_left_out_on_the_page(check: Run, client: Client, world: World) -> None:
    importing = check(write([*USUAL, "GX32015GX32015"]), all_or_nothing=True)
    client.force_login(world.owner)
    client.post(reverse("devices:import-correct", kwargs={"key": importing.key}), {"drop": ["7", "3"]})
    importing = work(importing)
    assert (importing.odd_serials, importing.total, importing.refused) == (None, 5, 0)
    assert "another shape" not in words(client.get(address(importing)))
    assert imports.start(importing=importing, by=world.owner)
    assert work(importing).made == Device.objects.filter(source=importing).count() == 5


def test_rows_that_do_not_fit_are_no_serials(check: Run, version: RecipeVersion) -> None:
    importing = check(write([*USUAL, "Total", "GX32010"]))
    assert (importing.refused, importing.odd_serials) == (2, None)
    version.identity = {"kind": "base10", "length": 5}
    version.save()
    assert check(write(["32010", "32011", "32012"])).odd_serials is None


def test_a_file_that_changes_devices_names_those_that_are_there(run: Run, check: Run) -> None:
    run(write([*USUAL, "5"]))
    lines = "".join(f"{serial},new\n" for serial in [*USUAL, "5"])
    assert check(f"Serial,Description\n{lines}", act="change").odd_serials is None


@pytest.mark.parametrize(
    "letters", ["0123456789ABCDEF", "0123456789ABCDEFGHJKMNPQRSTVWXYZ", "0123456789"], ids=["hex", "own", "digits"]
)
def test_random_serials_of_one_length_are_alike(letters: str) -> None:
    chance = random.Random(7)
    assert describe("".join(chance.choices(letters, k=8)) for _ in range(20_000)) is None


def test_what_has_no_usual_shape_has_no_other() -> None:
    assert describe(["AB1", "CDE22", "F333"]) is None
    assert describe(["AB1", "TRUE"]) is None
    assert describe([]) is None


def test_a_tie_is_decided_by_length() -> None:
    told = describe(["1", "2", "3", "GX32010", "GX32011", "GX32012"])
    assert (told["usual"], told["rows"]) == ("“GX” and 5 digits", 3)


def test_shapes_and_rows_are_bounded() -> None:
    odd = [f"{chr(65 + at % 26)}{chr(65 + at // 26)}{'1' * (3 + at % 3)}" for at in range(5 * MOST)]
    told = describe([*(f"GX{at:05}" for at in range(1000)), *odd, *["5"] * 50])
    assert (told["serials"], told["rows"]) == (1550, 550)
    assert len(told["shapes"]) <= 20
    assert max(len(shape["first_rows"]) for shape in told["shapes"]) == NAMED
