"""The device list's export says who speaks for whom, as far as whoever takes it manages both."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices.ties import operations as ties
from tests.builders import make_device
from tests.devices.imports.pages import downloaded

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

pytestmark = pytest.mark.django_db


def test_a_devices_gateways_are_in_a_column_of_their_own(world: World, client: Client) -> None:
    device, other = (make_device(world.version, group=world.anaheim, by=world.owner) for _ in range(2))
    gone = make_device(world.version, group=world.anaheim, by=world.owner)
    for gateway in (world.placed, other, gone):
        ties.tie(device=device, gateway=gateway, by=world.owner)
    ties.untie(device=device, gateway=gone, by=world.owner)
    client.force_login(world.owner)
    serials = {"serial": [device.serial, other.serial, world.placed.serial]}
    text = downloaded(client.post(reverse("devices:export"), serials)).removeprefix("\ufeff")
    told = {row["Serial"]: row["Gateways"] for row in csv.DictReader(io.StringIO(text))}
    assert told[device.serial] == ", ".join(sorted([world.placed.serial, other.serial]))
    assert told[world.placed.serial] == told[other.serial] == ""
