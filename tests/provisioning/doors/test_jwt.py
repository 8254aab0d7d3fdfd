"""The door of signed tokens, as devices of that vendor know it: every status and body."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from devices.credentials import operations as credentials
from devices.identity import serials
from devices.models import Device, Event, RefusedAttempt
from provisioning.doors import refused_attempts
from provisioning.models import Door, DoorRefusal, DoorRegistration
from provisioning.windows import operations as windows
from tests import builders
from tests.devices.api import Program
from tests.provisioning.doors.makers import call, make_jwt_door, register, sign

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db
SERIAL = "K7QX2M9TB4" + serials.compute_check_characters("K7QX2M9TB4")
INVALID, MISSING, AGAIN = "Invalid registration token", "Missing manufacturerId field.", "Device already registered."


def refused(answer: Any) -> str:
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/json"
    assert not answer.cookies
    assert list(answer.json()) == ["error"]
    return str(answer.json()["error"])


def reasons(door: Door) -> set[str]:
    refused_attempts.refused_attempts.count()
    return set(DoorRefusal.objects.of(door).values_list("reason", flat=True))


def test_a_device_comes_from_the_shelf(world: World) -> None:
    door = make_jwt_door(world.version)
    answer = register(SERIAL, HTTP_COOKIE="sessionid=x")
    assert answer.status_code == 200
    assert set(answer.json()) == {"deviceId", "accessKey", "accessSecret"}
    assert not answer.cookies
    assert answer["Content-Length"] == str(len(answer.content))
    device = Device.objects.get(device_id=answer.json()["deviceId"])
    assert (device.serial, device.organisation, device.version) == (SERIAL, world.kanarra, world.version)
    assert device.group is None
    sent = {"access_key": answer.json()["accessKey"], "access_secret": answer.json()["accessSecret"]}
    assert credentials.find_credential(**sent) is not None
    made = DoorRegistration.objects.get()
    assert (made.device, made.door, made.key) == (device, door, door.keys.get())
    event = Event.objects.get(device=device)
    assert (event.kind, event.data) == ("registered", {"access_key": answer.json()["accessKey"], "door": "Factory"})
    door.refresh_from_db()
    assert door.made == 1
    assert door.last_used_at


def test_refusals_come_in_the_vendors_order(world: World) -> None:
    make_jwt_door(world.version)
    for body in (
        "",
        "{",
        "[]",
        "null",
        {},
        {"token": sign()},
        {"token": "x", "manufacturerId": ""},
        {"manufacturerId": 7},
    ):
        assert refused(call(body)) == MISSING
    for token in ("x", None, 7, "", sign(key="another secret, which nobody here ever had")):
        assert refused(call({"token": token, "manufacturerId": SERIAL})) == INVALID
    assert register(SERIAL).status_code == 200
    assert refused(register(SERIAL)) == AGAIN
    assert refused(register(SERIAL.lower())) == AGAIN
    assert refused(call({"token": "x", "manufacturerId": SERIAL})) == INVALID


def test_a_refusal_is_told_at_the_door_and_at_the_device(world: World) -> None:
    door = make_jwt_door(world.version)
    register(SERIAL)
    for _ in range(3):
        register(SERIAL)
    register("another", sign(key="another secret, which nobody here ever had"))
    assert reasons(door) == {"door-already-registered", "door-token-signature"}
    row = DoorRefusal.objects.get(reason="door-already-registered")
    assert (row.count, row.sample) == (3, SERIAL)
    assert row.first_at <= row.last_at
    attempt = RefusedAttempt.objects.get()
    assert (attempt.device.serial, attempt.reason, attempt.door, attempt.count) == (SERIAL, row.reason, "jwt", 3)


@pytest.mark.parametrize("reason", ["door-token-signature", "door-token-expired"])
def test_a_wrong_token_of_a_known_device_is_told_in_its_open_window(world: World, reason: str) -> None:
    make_jwt_door(world.version)
    window = windows.open_window(device=world.waiting, by=world.technician)
    strange = sign(key="another secret, which nobody here ever had")
    token = strange if reason == "door-token-signature" else sign({"exp": 1})
    register(world.waiting.serial, token)
    register("a\0b", token)
    refused_attempts.refused_attempts.count()
    (told,) = Program(world.technician).get(f"windows/{window.key}/").json()["refused"]
    assert (told["reason"], told["count"]) == (reason, 1)


POLICIES: list[tuple[dict[str, Any], str]] = [
    ({"ended_at": Now()}, "door-ended"),
    ({"expires_at": Now() - timedelta(seconds=1)}, "door-expired"),
    ({"cap": 0}, "door-full"),
    ({"networks": ["192.0.2.0/24"]}, "door-address"),
    ({"pattern": "ZZ*"}, "door-identity-other"),
    ({"admits": "listed"}, "door-not-listed"),
]


@pytest.mark.parametrize(("fields", "reason"), POLICIES, ids=[reason for _, reason in POLICIES])
def test_what_the_policy_refuses(world: World, fields: dict[str, Any], reason: str) -> None:
    door = make_jwt_door(world.version)
    Door.objects.filter(pk=door.pk).update(**fields)
    before = Device.objects.count()
    assert refused(register(SERIAL)) == INVALID
    assert reasons(door) == {reason}
    assert Device.objects.count() == before
    assert not DoorRegistration.objects.exists()


def test_what_the_policy_admits(world: World) -> None:
    make_jwt_door(world.version, networks=["127.0.0.0/8", "::1/128"], pattern="k7*", cap=1)
    assert register(SERIAL).status_code == 200


def test_an_identity_that_no_serial_has_is_refused(world: World) -> None:
    door = make_jwt_door(world.version)
    for identity in ("---", "x" * 5000, "new", "SN\u202e1", "\U0001f600", "K7QX2M9TB4AA"):
        assert refused(register(identity)) in {INVALID, MISSING}
    assert reasons(door) == {"door-identity-unfit", "door-identity-missing"}


def test_a_listed_device_is_taken_over(world: World) -> None:
    waiting = world.waiting
    door = make_jwt_door(world.version, admits="listed")
    answer = register(waiting.serial)
    assert answer.json()["deviceId"] == waiting.device_id
    assert DoorRegistration.objects.get().is_new is False
    event = Event.objects.filter(device=waiting).first()
    assert event is not None
    assert (event.kind, event.data["door"]) == ("credential-issued", door.name)
    assert refused(register(waiting.serial)) == AGAIN


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"locked_at": Now()}, "door-device-barred"),
        ({"retired_at": Now()}, "door-device-barred"),
        ({"expires_at": Now()}, "door-device-barred"),
        ({"activated_at": Now()}, "door-already-registered"),
    ],
)
def test_a_listed_device_that_may_not_connect_is_refused(world: World, fields: dict[str, Any], reason: str) -> None:
    door = make_jwt_door(world.version, admits="any")
    Device.objects.filter(pk=world.waiting.pk).update(**fields)
    assert refused(register(world.waiting.serial)) in {INVALID, AGAIN}
    assert reasons(door) == {reason}


def test_a_device_with_a_credential_or_of_another_recipe_is_nobodys_to_take(world: World) -> None:
    other = builders.make_recipe(world.kanarra, "Another recipe")
    door = make_jwt_door(other, admits="listed")
    assert refused(register(world.waiting.serial)) == INVALID
    Door.objects.filter(pk=door.pk).update(recipe=world.version.recipe)
    credentials.issue_credential(device=world.waiting, by=None)
    assert refused(register(world.waiting.serial)) == AGAIN
    assert reasons(door) == {"door-not-listed", "door-already-registered"}


def test_a_device_comes_into_the_doors_group(world: World) -> None:
    make_jwt_door(world.version, group=world.anaheim)
    assert register(SERIAL).status_code == 200
    device = Device.objects.get(serial=SERIAL)
    assert device.group == world.anaheim
    kinds = Event.objects.filter(device=device).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["registered", "provisioned"]
    assert device.credentials.get().assignment is None


def test_a_group_that_takes_no_devices_any_more_is_told(world: World) -> None:
    door = make_jwt_door(world.version, group=world.region)
    assert refused(register(SERIAL)) == INVALID
    assert reasons(door) == {"group-takes-no-devices"}
    assert not Device.objects.filter(serial=SERIAL).exists()


def test_a_cap_counts_and_ending_works_at_once(world: World) -> None:
    door = make_jwt_door(world.version, cap=1)
    assert register(SERIAL).status_code == 200
    assert refused(register(serials.generate())) == INVALID
    Door.objects.filter(pk=door.pk).update(cap=9)
    assert register(serials.generate()).status_code == 200
    Door.objects.filter(pk=door.pk).update(ended_at=Now())
    assert refused(register(serials.generate())) == INVALID


def test_other_methods_and_large_bodies(world: World) -> None:
    make_jwt_door(world.version)
    answer = Client().get("/api/register-device")
    assert (answer.status_code, answer["Allow"], list(answer.json())) == (405, "POST", ["error"])
    answer = call({"token": sign(), "manufacturerId": SERIAL, "x": "x" * 20_000})
    assert (answer.status_code, list(answer.json())) == (413, ["error"])


def test_strangers_of_one_address_are_heard_no_more_for_a_while(world: World, settings: Settings) -> None:
    settings.DOOR_REFUSALS_ADDRESS = 3
    make_jwt_door(world.version)
    here = {"REMOTE_ADDR": "192.0.2.77"}
    for _ in range(3):
        assert refused(register(SERIAL, "x", **here)) == INVALID
    answer = register(SERIAL, **here)
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert register(SERIAL, REMOTE_ADDR="192.0.2.78").status_code == 200


def test_the_host_or_the_path_may_name_the_organisation(world: World, settings: Settings) -> None:
    settings.DEVICE_DOMAINS = ["devices.example"]
    settings.ALLOWED_HOSTS = ["*"]
    make_jwt_door(world.version)
    assert register(SERIAL, path="/o/kanarra/api/register-device").status_code == 200
    assert register(serials.generate(), HTTP_HOST="kanarra.devices.example:8443").status_code == 200
    for elsewhere in ({"path": "/o/other/api/register-device"}, {"HTTP_HOST": "other.devices.example"}):
        assert refused(register(serials.generate(), **elsewhere)) == INVALID
    both = {"path": "/o/kanarra/api/register-device", "HTTP_HOST": "other.devices.example"}
    assert refused(register(serials.generate(), **both)) == INVALID
    assert refused(register(SERIAL, path="/o/nobody/api/register-device")) == INVALID
