"""Problems by cause: how many rows each has, which, and what they have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils.timezone import now

from devices.imports.problem_groups import MOST, ProblemGroups, tell_shape
from devices.imports.row_parser import RowError
from devices.models import DeviceModel
from tests.devices.api import Program
from tests.devices.imports.pages import address, words

if TYPE_CHECKING:
    from django.test import Client

    from devices.models import RecipeVersion
    from tests.conftest import World
    from tests.devices.imports.conftest import Run


def test_one_cause_of_many_rows_is_told_once(check: Run, client: Client, world: World, version: RecipeVersion) -> None:
    version.identity = {"kind": "base10", "length": 15}
    version.save()
    text = "".join(f"GW{at:011},KG-250\n" for at in range(299))
    importing = check(f"Serial,Model\n{text}861234567890123,KG-61\n")
    serial, model = importing.problem_groups or []
    assert (serial["column"], serial["rows"], serial["first_rows"]) == ("Serial", 299, [2, 3, 4, 5, 6])
    assert (serial["alike"], "“G”" in serial["cause"]) == ("All 299 are “GW” and 11 digits.", False)
    assert (model["column"], model["rows"], model["first_rows"]) == ("Model", 1, [301])
    client.force_login(world.owner)
    page = words(client.get(address(importing)))
    assert "All 299 are “GW” and 11 digits. Use that format: “GW”, then 11 digits" in page
    told: Any = Program(world.owner, world.kanarra.root).get(f"imports/{importing.key}/").json()["problem_groups"]
    assert told == importing.problem_groups


def test_all_models_are_named(check: Run, world: World) -> None:
    DeviceModel.objects.filter(organisation=world.kanarra).update(retired_at=now())
    for at in range(6):
        DeviceModel.objects.create(organisation=world.kanarra, name=f"KG-6{at + 2}")
    [group] = check("Serial,Model\nS1,KG-61\n").problem_groups or []
    assert group["cause"] == "No such model. Supported are: KG-62, KG-63, KG-64, KG-65, KG-66, KG-67."


def test_rows_in_other_rows_are_one_cause(check: Run) -> None:
    groups = check("Serial\nS1\nS2\nS1\nS2\n").problem_groups or []
    assert [(group["rows"], group["first_rows"]) for group in groups] == [(2, [4, 5])]


def test_causes_are_bounded() -> None:
    groups = ProblemGroups()
    groups.add(RowError(at, "X", f"cause {at}") for at in range(3 * MOST))
    told = groups.describe()
    assert (len(told), sum(group["rows"] for group in told)) == (MOST + 1, 3 * MOST)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("cell", "shape"),
    [("GW001", "“GW” and 3 digits"), ("123", "3 digits"), ("00AF1B", "6 hexadecimal digits"), ("a b", ""), ("", "")],
)
def test_shapes(cell: str, shape: str) -> None:
    assert tell_shape(cell) == shape
