"""A device's credentials and its lock for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices.credentials import operations as credentials
from devices.models import Credential, Device
from tests.devices.api import Program, kind, places

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def admin(world: World) -> Program:
    return Program(world.admin)


def path(device: Device, more: str = "") -> str:
    return f"devices/{device.serial}/credentials/{more}"


def works(issued: dict[str, Any]) -> bool:
    return credentials.authenticate_device(**issued) is not None


def test_a_secret_is_issued_once(admin: Program, world: World) -> None:
    made = admin.post(path(world.placed), key="one")
    issued = made.json()
    assert (made.status_code, works(issued)) == (201, True)
    again = admin.post(path(world.placed), key="one")
    assert (kind(again), again.json()["resource"]) == ("secret-shown-once", made["Location"])
    [row] = admin.get(path(world.placed)).json()["results"]
    assert (row["access_key"], row["works"], row["by"]) == (issued["access_key"], True, str(world.admin))
    assert issued["access_secret"] not in admin.get(path(world.placed)).content.decode()
    for _ in range(credentials.MAX_LIVE - 1):
        admin.post(path(world.placed))
    assert kind(admin.post(path(world.placed))) == "too-many-credentials"


def test_a_rotation_ends_the_others(admin: Program, world: World) -> None:
    first = admin.post(path(world.placed)).json()
    second = admin.post(path(world.placed, "rotate/"), {"ends": "first-use"}, key="two").json()
    assert works(first)
    assert works(second)
    [_, former] = admin.get(path(world.placed)).json()["results"]
    assert former["successor"] == second["access_key"]
    assert kind(admin.post(path(world.placed, "rotate/"), {"ends": "first-use"}, key="two")) == "secret-shown-once"
    third = admin.post(path(world.placed, "rotate/"), {"ends": "now"}).json()
    assert [works(each) for each in (first, second, third)] == [False, False, True]
    assert places(admin.post(path(world.placed, "rotate/"), {"ends": "soon"})) == ["#/ends"]
    assert places(admin.post(path(world.placed, "rotate/"))) == ["#/ends"]


def test_one_is_revoked_and_then_all(admin: Program, world: World) -> None:
    first, second = admin.post(path(world.placed)).json(), admin.post(path(world.placed)).json()
    pk = Credential.objects.get(access_key=first["access_key"]).pk
    assert admin.post(path(world.placed, f"{pk}/revoke/")).json() == {"revoked": 1}
    assert admin.post(path(world.placed, f"{pk}/revoke/")).json() == {"revoked": 0}
    assert [works(first), works(second)] == [False, True]
    assert admin.post(path(world.placed, "revoke/")).json() == {"revoked": 1}
    assert not works(second)


def test_of_ones_own_devices_only(admin: Program, world: World) -> None:
    issued = credentials.issue_credential(device=world.foreign, by=None)
    pk = Credential.objects.get(access_key=issued.access_key).pk
    narrow = Program(world.owner, world.sadler)
    for program in (admin, narrow, Program(world.technician)):
        for device in (world.foreign, world.alien, world.waiting):
            for address in (path(device), path(device, "revoke/"), path(device, f"{pk}/revoke/")):
                assert kind(program.post(address)) == "not-found"
            assert kind(program.post(path(device, "rotate/"), {"ends": "now"})) == "not-found"
            assert kind(program.post(f"devices/{device.serial}/lock/")) == "not-found"
    assert kind(admin.post(path(world.placed, f"{pk}/revoke/"))) == "not-found"  # another device's, by one's own
    assert credentials.authenticate_device(access_key=issued.access_key, access_secret=issued.access_secret)
    assert not Device.objects.exclude(locked_at=None).exists()


def test_a_locked_device_is_unlocked(admin: Program, world: World) -> None:
    one = f"devices/{world.placed.serial}/"
    assert admin.post(f"{one}lock/").json()["status"] == "locked"
    assert admin.post(f"{one}lock/").json()["status"] == "locked"
    assert admin.post(f"{one}unlock/").json()["status"] == "never"
    assert kind(admin.post(f"{one}open-again/")) == "activation-not-needed"
    Device.objects.filter(pk=world.placed.pk).update(expires_at="2026-01-01T00:00Z")
    assert admin.post(f"{one}open-again/").json()["expires_at"] > "2026-01-02"
