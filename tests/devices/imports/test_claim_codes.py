"""Claim codes that a maker printed on labels come with the file, and are kept as those that are made here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.credentials import presence_secrets
from devices.models import Device, PresenceSecret
from provisioning.windows import operations as windows
from provisioning.windows.proofs import prove_presence
from tests.devices.imports.conftest import problems
from tests.provisioning.conftest import ask_for

if TYPE_CHECKING:
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
