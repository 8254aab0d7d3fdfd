"""The registry as a file: what each row says, as far as whoever takes it manages the devices when their turn comes."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from devices.inventory import export
from devices.inventory.export import REGISTRY, stream_registry
from devices.lifecycle import assignments
from devices.models import Connection, Device, Event
from tenants.models import Membership, Role, User
from tests import builders

if TYPE_CHECKING:
    from tests.conftest import World


def taken(world: World, who: str = "owner") -> list[dict[str, str]]:
    user = User.objects.get(pk=getattr(world, who).pk)
    managed = Device.objects.manageable_by(user)

    async def collect() -> bytes:
        return b"".join([part async for part in stream_registry(managed, user)])

    return list(csv.DictReader(StringIO(async_to_sync(collect)().decode("utf-8-sig"))))


def test_a_row_says_what_a_device_is_and_where(world: World) -> None:
    Device.objects.filter(pk=world.placed.pk).update(
        description="=SUM(A1)", tags={"b": "2", "a": "1"}, person=world.viewer, activated_at=timezone.now()
    )
    Connection.objects.create(device=world.placed, last_seen_at=timezone.now())
    (row,) = (row for row in taken(world) if row["Serial"] == world.placed.serial)
    device = Device.objects.get(pk=world.placed.pk)
    assert list(row) == list(REGISTRY)
    assert (row["Device ID"], row["Name"], row["Description"]) == (device.device_id, "Anaheim One", "'=SUM(A1)")
    assert row["Group"] == "Sadler-Isberg › Los Angeles › Kaiser Permanente Anaheim"
    assert (row["Person"], row["Model"], row["Recipe"]) == (world.viewer.email, "KG-250", "Generator gateway")
    assert (row["Tags"], row["Gateways"], row["Status"]) == ("a: 1; b: 2", "", "Online")
    assert row["Added (UTC)"] == f"{device.registered_at:%Y-%m-%dT%H:%M:%SZ}"
    assert row["Activated (UTC)"]
    assert row["Last seen (UTC)"]


def test_what_is_not_known_or_another_tenants_is_empty(world: World) -> None:
    Connection.objects.create(device=world.placed, last_seen_at=timezone.now())
    Device.objects.filter(pk=world.placed.pk).update(activated_at=timezone.now())
    assignments.assign(device=world.placed, group=world.boise, name="x", model=None, by=world.owner)
    rows = {row["Serial"]: row for row in taken(world)}
    empty = ("Activated (UTC)", "Last seen (UTC)", "Model", "Person")
    assert [rows[world.placed.serial][name] for name in empty] == [""] * 4
    assert rows[world.waiting.serial]["Group"] == ""


def test_groups_are_named_as_far_as_they_are_seen(world: World) -> None:
    (row,) = taken(world, "admin")
    assert row["Group"] == "Sadler-Isberg › Los Angeles › Kaiser Permanente Anaheim"
    Membership.objects.filter(user=world.admin).update(group=world.region)
    (row,) = taken(world, "admin")
    assert row["Group"] == "Los Angeles › Kaiser Permanente Anaheim"


def test_it_is_in_the_order_in_which_devices_were_added_over_its_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CHUNK", 2)
    for name in ("b", "a", "c"):
        builders.make_device(world.version, name=name)
    assert [row["Name"] for row in taken(world)] == [
        *("Waiting gateway", "Anaheim One", "Canary Boise One"),
        *("b", "a", "c"),
    ]


def test_whoever_loses_the_role_on_the_way_gets_no_more_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "CHUNK", 1)
    builders.make_device(world.version, group=world.anaheim, by=world.owner, name="Later")
    user = User.objects.get(pk=world.admin.pk)
    managed = Device.objects.manageable_by(user)

    async def collect() -> list[bytes]:
        parts = []
        async for part in stream_registry(managed, user):
            parts.append(part)
            if len(parts) == 2:
                await Membership.objects.filter(user=user).aupdate(role=Role.VIEWER)
        return parts

    text = b"".join(async_to_sync(collect)()).decode()
    assert "Anaheim One" in text
    assert "Later" not in text


def test_the_history_says_how_many_were_taken(world: World) -> None:
    export.record_export(devices=Device.objects.manageable_by(world.owner), selection={"ticked": True}, by=world.owner)
    event = Event.objects.get(kind="exported")
    assert (event.data, event.by, event.organisation) == ({"devices": 3, "ticked": True}, world.owner, world.kanarra)
