"""The device list with those that need attention first: page and API alike, and each device once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.inventory import listing
from devices.inventory.filters import DeviceFilter
from devices.lifecycle import retirement
from devices.models import Attention, Device
from lib.paging import BY_ID
from tests.devices.api import Program
from tests.devices.inventory.test_list import FRAGMENT, many, names, walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.test import Client

    from tests.conftest import World

FIRST = {"order": "attention"}


def need(*devices: Device, cause: Attention.Cause = Attention.Cause.SILENT) -> None:
    Attention.objects.bulk_create(
        Attention(
            organisation_id=device.organisation_id, device=device, assignment_id=device.assignment_id or 0, cause=cause
        )
        for device in devices
    )


@pytest.fixture
def fleet(world: World) -> list[Device]:
    """Of a hospital, 43 devices beside the first; every seventh needs attention, two of them for two reasons."""
    many(world, world.anaheim, 43)
    devices = list(Device.objects.filter(group=world.anaheim).order_by("name", "pk"))
    need(*devices[::7])
    need(*devices[:8:7], cause=Attention.Cause.FAULT)
    return devices


@pytest.fixture(params=[1000, 0], ids=["few", "many"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "COUNTED", request.param)


def sort(devices: Sequence[Device]) -> list[str]:
    needing = devices[::7]
    return [device.serial for device in [*needing, *(each for each in devices if each not in needing)]]


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("size", [3, 7, 8, 10, 50])
def test_each_device_once_in_both_directions(
    client: Client, world: World, fleet: list[Device], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(listing, "SIZE", size)
    client.force_login(world.viewer)
    forward = walk(client, "next", "/?" + urlencode(FIRST))
    assert [serial for page in forward for serial in page] == sort(fleet)
    assert {len(page) for page in forward[:-1]} <= {size}
    order = listing.choose_order("attention", world.viewer)
    end = order.write([1, "~", 2**40])
    back = walk(client, "prev", "/?" + urlencode({**FIRST, "before": end}))
    assert [serial for page in reversed(back) for serial in page] == sort(fleet)


def test_the_api_answers_as_the_page_does(world: World, fleet: list[Device]) -> None:
    program = Program(world.viewer)
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        answer = program.get("devices/", **FIRST, limit=9, **after).json()
        found += [each["serial"] for each in answer["results"]]
        if not answer["next"]:
            break
        after = {"after": re.search(r"after=([^&]+)", answer["next"])[1]}  # type: ignore[index]
    assert found == sort(fleet)


def test_it_goes_with_the_filters_and_stays_the_viewers(client: Client, world: World, fleet: list[Device]) -> None:
    client.force_login(world.sibling)
    assert names(client, **FIRST) == ["Canary Boise One"]
    client.force_login(world.viewer)
    assert len(names(client, **FIRST, status="attention")) == len(fleet[::7])
    assert names(client, **FIRST, q="anaheim one") == ["Anaheim One"]
    body = client.get("/", FIRST, headers=FRAGMENT).content.decode()
    assert "order=attention" not in body.partition("data-query=")[2].partition(">")[0]


def test_the_retired_and_those_of_a_former_tenant_are_not_first(world: World, client: Client) -> None:
    need(world.placed, world.foreign)
    retirement.retire_devices([world.foreign], by=world.owner)
    Attention.objects.filter(device=world.placed).update(assignment=world.foreign.assignment_id)
    client.force_login(world.owner)
    assert names(client, **FIRST) == ["Anaheim One", "Waiting gateway"]
    assert names(client, **FIRST, status="retired") == ["Canary Boise One"]


@pytest.mark.parametrize("after", ["", "x", "WzBd", BY_ID.write([3])])
def test_a_key_of_another_order_is_no_page(world: World, client: Client, after: str) -> None:
    client.force_login(world.viewer)
    asked = {**FIRST, "after": after or listing.BY_NAME.write(["A", 1])}
    assert client.get("/", asked).status_code == 400
    assert Program(world.viewer).get("devices/", **asked).status_code == 400


def test_an_order_that_there_is_not(world: World, client: Client) -> None:
    client.force_login(world.viewer)
    assert names(client, order="worst") == []
    assert "There is no such order" in client.get("/", {"order": "worst"}).content.decode()
    assert Program(world.viewer).get("devices/", order="worst").status_code == 400


@pytest.mark.postgres
def test_no_page_reads_the_fleet(world: World) -> None:
    """The few that need attention by their index, the others along the names: as PostgreSQL means to do it once the
    fleet is one that it would not read whole."""
    many(world, world.anaheim, 3_000)
    devices = list(Device.objects.filter(group=world.anaheim).order_by("name", "pk"))
    need(*devices[::300])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    order = listing.choose_order("attention", world.owner)
    for query in ({}, {"after": order.write([1, devices[2_000].name, devices[2_000].pk])}):
        form = DeviceFilter({"order": "attention", **query}, user=world.owner)
        with CaptureQueriesContext(connection) as asked:
            assert len(listing.find_page(form, world.owner, None)[1].rows) == 50
        for each in asked.captured_queries:
            if "COUNT(*)" in each["sql"]:
                continue
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN " + each["sql"])
                plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan on devices_device " not in plan, plan
            if "NOT EXISTS" in each["sql"]:
                assert "Sort" not in plan.replace("Incremental Sort", ""), plan
