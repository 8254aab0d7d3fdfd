"""Claim codes that a maker printed on labels come with the file, and are kept as those that are made here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices.credentials import presence_secrets
from devices.imports.status import list_effects
from devices.models import Device, PresenceSecret
from provisioning.windows import operations as windows
from provisioning.windows.proofs import prove_presence
from tests.devices.api import Program
from tests.devices.imports.conftest import problems
from tests.devices.imports.pages import address, words
from tests.provisioning.conftest import ask_for

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

TOKEN = "q83v/+AbEjRWeJq83g=="


@pytest.mark.parametrize("heading", ["claim code", "Owner token", "ownerToken"])
def test_a_column_of_codes_is_known_and_proves_presence(run: Run, world: World, heading: str) -> None:
    importing = run(f"Serial,{heading}\nS1,{TOKEN}\nS2,\n")
    assert (importing.columns, importing.made) == (["serial", "claim_code"], 2)
    row = PresenceSecret.objects.get()
    assert (row.device.serial, row.method, row.assignment_id, row.spent_at) == ("S1", "claim-code", None, None)
    assert bytes(row.digest or b"") == presence_secrets.list_code_digests(TOKEN)[0]
    ask_for(world, "claim-code")
    device = Device.objects.select_related("organisation", "version").get(serial="S1")
    window = windows.open_window(device=device, by=world.technician)
    prove_presence(window=window, by=world.technician, code=TOKEN)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("12-34 56", "This has 6."),
        ("x" * 129, "This has 129."),
        ("0000-0000-0000", "too easily guessed"),
        ("Straße-1234", "of ASCII"),
        ("1.23457E+15", "A spreadsheet made"),
        ("2026-11-28", "A spreadsheet made"),
        ("AABBCCDD-1122", "The same claim code as in row 2."),
    ],
)
def test_codes_that_can_not_be_are_refused_and_never_repeated(check: Run, cell: str, said: str) -> None:
    ((row, column, cause),) = problems(check(f"Serial,Claim code\nS1,aabbccdd1122\nS2,{cell}\n"))
    assert (row, column, said in cause, cell in cause) == (3, "Claim code", True, False)


@pytest.mark.parametrize(
    ("method", "name"), [("claim-code", "Claim code"), ("rotating-code", "Secret of its rotating")]
)
def test_what_technicians_are_asked_for_is_missed_before_they_are(
    client: Client, check: Run, run: Run, world: World, method: str, name: str
) -> None:
    ask_for(world, method)
    client.force_login(world.owner)
    for importing in (check("Serial,Name\nS1,a\n"), run("Serial,Name\nS2,a\n")):
        assert f"{name}: none of them has one yet"[:20] in words(client.get(address(importing)))
        [told] = Program(world.owner).get(f"imports/{importing.key}/").json()["effects"]
        assert told.startswith(name)
    assert list_effects(check("Serial\nS3\n", group=world.anaheim)) == []
    one = client.post(reverse("devices:new-one"), {"recipe": world.version.recipe.pk, "serial": "S4"})
    assert "it has none yet" in words(one)
    assert reverse("devices:credentials", kwargs={"serial": "S4"}) in one.content.decode()
    placed = {"recipe": world.version.recipe.pk, "serial": "S5", "group": world.anaheim.pk}
    assert "it has none yet" not in words(client.post(reverse("devices:new-one"), placed))


def test_a_row_without_its_code_is_a_problem_where_others_have_one(check: Run, world: World) -> None:
    ask_for(world, "claim-code")
    importing = check(f"Serial,Claim code,Group\nS1,{TOKEN},\nS2,,\nS3,,#{world.anaheim.pk}\n")
    assert [(row, column) for row, column, _ in problems(importing)] == [(3, "Claim code")]
    assert list_effects(importing) == []
    ask_for(world, "press")
    assert problems(check("Serial,Claim code\nS1,\nS2,\n")) == []
