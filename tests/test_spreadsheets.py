"""Whatever people and devices call things: no export has a cell that a spreadsheet runs, in whatever locale."""

from __future__ import annotations

import csv
import re
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse

from devices.models import Attribute, Credential, Device, Import, Problem
from tenants.groups import operations as groups
from tenants.models import Group
from tests.devices.api import body
from tests.devices.doing import act
from tests.telemetry.reports import now, save, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

FORMULA = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001
HOSTILE = [f"a{separator}{formula}" for separator in (";", "; ", "\t", "\n", "\r\n") for formula in ("=1+1", "@A1")]
HOSTILE += [f'a{separator}"{quotes}=1+1;b' for separator in (";", "; ", "\t", "\n") for quotes in ("", '"', ' "')]
HOSTILE += ["=1+1", " =1+1", 'a";=1+1', "a;-1;+1", *(f"{first}1" for first in FORMULA), "\t=1", "\r=1", "\n=1"]
QUOTED = re.compile(r'("([^"]|"")*"(,"([^"]|"")*")*\r\n)+')
NUMBER = re.compile(r"-?[\d.]+(e[-+]?\d+)?\"?")


def devices(client: Client, world: World, evil: str) -> Any:
    Device.objects.filter(pk=world.placed.pk).update(name=evil[:120], tags={"site": evil})
    return client.post("/actions/export/", {"serial": [world.placed.serial]})


def telemetry(client: Client, world: World, evil: str) -> Any:
    Attribute.objects.filter(name="rpm").update(label=evil)
    save(timed(world.placed, now(), rpm=-5, load=-0.5, engineState=evil))
    return client.get(reverse("telemetry:export", kwargs={"serial": world.placed.serial}))


def log(client: Client, world: World, evil: str) -> Any:
    Group.objects.filter(pk=world.anaheim.pk).update(name=evil)
    world.anaheim.refresh_from_db()
    groups.rename(group=world.anaheim, name="Hall", by=world.owner)
    return client.get("/journal/export.csv")


def problems(client: Client, world: World, evil: str) -> Any:
    importing = Import.objects.create(organisation=world.kanarra, by=world.owner, version=world.version, total=1)
    Problem.objects.create(importing=importing, row=2, column=evil, cause=f"“{evil}”: no serial")
    return client.get(f"/imports/{importing.key}/problems.csv")


def credentials(client: Client, world: World, evil: str) -> Any:
    Device.objects.filter(pk=world.placed.pk).update(serial=evil)
    Credential.objects.filter(device=world.placed).delete()  # of whom nobody issues more than some an hour
    action = act("reissue", world.owner, Device.objects.filter(pk=world.placed.pk))
    return client.post(f"/actions/{action.key}/result/")


@pytest.mark.parametrize("export", [devices, telemetry, log, problems, credentials])
def test_no_export_runs_in_a_spreadsheet(world: World, export: Callable[..., Any]) -> None:
    client = Client()
    client.force_login(world.owner)
    for evil in HOSTILE:
        text = body(export(client, world, evil))
        assert QUOTED.fullmatch(text), text
        assert not [cell for cell in _cells(text) if cell.lstrip(" ").startswith(tuple(FORMULA))], (evil, text)


def test_numbers_stay_numbers(world: World) -> None:
    client = Client()
    client.force_login(world.owner)
    _, row = csv.reader(StringIO(body(telemetry(client, world, "x"))))
    assert row[3:] == ["-5", "-0.5"]


def _cells(text: str) -> list[str]:
    """As spreadsheets split them by comma, semicolon and tab; numbers left out, which may begin with a minus."""
    rows = [row for split in (",", ";", "\t") for row in csv.reader(StringIO(text, newline=""), delimiter=split)]
    return [cell for row in rows for cell in row if not NUMBER.fullmatch(cell)]
