"""The door of activation, as devices of that dialect know it: every status and body, in the order of their life."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client

from devices.broker import authorization
from devices.connections import activation
from devices.credentials import operations as credentials
from devices.credentials import standing
from devices.credentials.tokens import derive_access_key, find_by_token
from devices.identity import serials
from devices.lifecycle import locks, retirement
from devices.models import Credential, Device, Event
from provisioning.doors import refused_attempts
from provisioning.doors.activate import reopening
from provisioning.models import Door, DoorRefusal, DoorRegistration, DoorVendor
from tenants.models import Role, User
from tests import builders

if TYPE_CHECKING:
    from devices.models import RecipeVersion
    from tests.conftest import World

FORM = "application/x-www-form-urlencoded; charset=utf-8"
PATH = "/o/kanarra/provision/activate"


def make_door(version: Any, **fields: Any) -> Door:
    settings = {"hours": 48, "authentication": "token", "vendor": "", "model": ""} | fields.pop("settings", {})
    shown = {"kind": Door.Kind.ACTIVATE, "name": "Line 1", "admits": "listed", "recipe": version.recipe} | fields
    return Door.objects.create(organisation=version.recipe.organisation, settings=settings, **shown)


def send(body: str | bytes, path: str = PATH, **extra: Any) -> Any:
    return Client().generic("POST", path, body, content_type=FORM, **extra)


def activate(device: Device, more: str = "", **extra: Any) -> Any:
    return send(f"id={device.serial}{more}", **extra)


def read_token(answer: Any) -> str:
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Length"] == "40"
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies
    return str(answer.content.decode())


def move_back(hours: float, *, of: Any = Device, **when: Any) -> None:
    """Let it have happened so much earlier."""
    (name,) = when or {"registered_at": None}
    of.objects.update(**{name: F(name) - timedelta(hours=hours)})


def count_reasons(door: Door) -> set[str]:
    refused_attempts.refused_attempts.count()
    return set(DoorRefusal.objects.of(door).values_list("reason", flat=True))


@pytest.mark.django_db
def test_a_device_that_was_added_gets_a_token_once(world: World) -> None:
    door = make_door(world.version)
    token = read_token(activate(world.waiting))
    assert len(token) == 40
    assert set(token) <= set("0123456789abcdef")  # firmware refuses others
    found = find_by_token(token)
    assert found
    assert found.device == world.waiting
    again = activate(world.waiting)
    assert (again.status_code, again.content) == (409, b"")
    assert find_by_token(token)
    world.waiting.refresh_from_db()
    assert world.waiting.activated_at
    row = DoorRegistration.objects.get()
    assert (row.door, row.device, row.is_new) == (door, world.waiting, False)
    kinds = Event.objects.filter(device=world.waiting).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["registered", "credential-issued", "activated"]
    assert count_reasons(door) == {"door-already-registered"}


@pytest.mark.django_db
def test_what_it_gets_is_what_mqtt_takes(world: World) -> None:
    make_door(world.version)
    token = read_token(activate(world.waiting))
    identity = authorization.connect(derive_access_key(token), token, world.waiting.device_id)
    assert identity
    assert identity.device == world.waiting
    assert token not in str(list(Credential.objects.values_list("access_key", flat=True)))


@pytest.mark.django_db
def test_the_organisation_is_named_by_host_or_path(world: World, settings: Any) -> None:
    make_door(world.version)
    settings.DEVICE_DOMAINS, settings.ALLOWED_HOSTS = ["devices.example"], ["*"]
    nobody = activate(world.waiting, path="/provision/activate")
    other = activate(world.waiting, path="/o/other/provision/activate")
    missing = activate(world.waiting, path="/o/missing/provision/activate")
    assert {each.status_code for each in (nobody, other, missing)} == {403}
    host = "kanarra.devices.example:8443"
    read_token(activate(world.waiting, path="/provision/activate", HTTP_HOST=host))


@pytest.mark.django_db
def test_old_firmware_names_vendor_and_model(world: World) -> None:
    DoorVendor.objects.create(name="acme", organisation=world.kanarra)
    DoorVendor.objects.create(name="emca", organisation=world.other)
    door = make_door(world.version, settings={"vendor": "acme", "model": "gateway"})
    make_door(world.other_version, settings={"vendor": "acme", "model": "gateway"})  # not theirs
    path, serial = "/provision/activate", world.waiting.serial
    for vendor, model in (("acme", "pump"), ("emca", "gateway"), ("", "gateway"), ("kanarra", "gateway")):
        assert send(f"vendor={vendor}&model={model}&sn={serial}", path).status_code == 403
    assert send(f"vendor=acme&model=gateway&sn={serial}x", path).status_code == 404
    read_token(send(f"vendor=acme&model=gateway&sn={serial}", path))
    assert door.registrations.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ("unknown", 404, "door-not-listed"),
        ("unfit", 404, "door-identity-unfit"),
        ("too long", 404, "door-identity-unfit"),
        ("pattern", 404, "door-identity-other"),
        ("another recipe", 404, "door-not-listed"),
        ("nothing", 400, "door-identity-missing"),
        ("unprintable", 400, "door-identity-missing"),
        ("locked", 409, "door-device-barred"),
        ("retired", 409, "door-device-barred"),
        ("expired", 409, "door-device-barred"),
        ("late", 409, "door-window-over"),
        ("key of the factory's", 409, "door-already-registered"),
        ("ended", 409, "door-ended"),
        ("time over", 409, "door-expired"),
        ("full", 409, "door-full"),
        ("elsewhere", 403, "door-address"),
        ("a password", 415, "door-authentication"),
    ],
)
def test_what_is_refused_and_counted(world: World, change: str, status: int, reason: str) -> None:
    door, device, body = make_door(world.version), world.waiting, f"id={world.waiting.serial}"
    changes: dict[str, dict[str, Any]] = {
        "pattern": {"pattern": "KG-*"},
        "ended": {"ended_at": Now()},
        "time over": {"expires_at": Now()},
        "full": {"cap": 0},
        "elsewhere": {"networks": ["192.0.2.0/24"]},
    }
    Door.objects.update(**changes.get(change, {"made": 0}))
    bodies = {
        "unknown": f"id={serials.generate()}",
        "unfit": "id=--",
        "too long": f"id={'7' * 5000}",
        "nothing": "vendor=acme",
        "unprintable": "id=%00",
        "a password": body + "&password=" + "x" * 20,
    }
    if change == "locked":
        locks.lock_devices([device], by=None)
    elif change == "retired":
        retirement.retire_devices([device], by=world.owner)
    elif change == "expired":
        Device.objects.update(expires_at=Now())
    elif change == "late":
        move_back(49)
    elif change == "another recipe":
        Device.objects.update(version=builders.make_recipe(world.kanarra, "Pump"))
    elif change == "key of the factory's":
        credentials.issue_credential(device=device, by=None)
    before = Credential.objects.count()
    answer = send(bodies.get(change, body))
    assert answer.status_code == status
    assert (answer.content == b"") is (status not in (400, 415))
    assert Credential.objects.count() == before
    assert not DoorRegistration.objects.exists()
    assert count_reasons(door) == {reason}
    device.refresh_from_db()
    assert device.activated_at is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body", ["", "&", "=", "id", "id=", "%", b"\xff=\xff", b"\0", "id[]=1", "[" * 9000, "{" * 9000]
)
def test_no_request(world: World, body: str | bytes) -> None:
    make_door(world.version)
    assert send(body).status_code in (400, 404)
    assert Client().get(PATH).status_code == 405
    assert send("x" * (17 << 10)).status_code == 413


@pytest.mark.django_db
def test_who_guesses_identities_is_heard_no_more(world: World, settings: Any) -> None:
    settings.DOOR_REFUSALS_ADDRESS = 3
    make_door(world.version)
    here = {"REMOTE_ADDR": "192.0.2.77"}
    answers = [send(f"id={serials.generate()}", **here) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert answers[-1]["Retry-After"] == "60"
    assert activate(world.waiting, **here).status_code == 429
    read_token(activate(world.waiting, REMOTE_ADDR="192.0.2.78"))


@pytest.mark.django_db
def test_the_window_is_the_doors_and_begins_when_a_device_was_added(world: World) -> None:
    door = make_door(world.version, settings={"hours": 2})
    move_back(2.1)
    assert activate(world.waiting).status_code == 409
    Door.objects.update(settings=door.settings | {"hours": 3})
    read_token(activate(world.waiting))


@pytest.mark.django_db
def test_one_that_is_opened_again_activates_late(world: World) -> None:
    door = make_door(world.version)
    Device.objects.filter(pk=world.waiting.pk).update(expires_at=Now() - timedelta(hours=1))
    move_back(49)
    assert reopening.open_again(door=door, listed=[world.waiting.serial.lower()], by=world.owner) == 1
    event = Event.objects.get(kind=Event.Kind.OPENED_AGAIN)
    assert (event.device, event.by, event.data) == (world.waiting, world.owner, {"door": "Line 1"})
    token = read_token(activate(world.waiting))
    assert find_by_token(token)
    assert activate(world.waiting).status_code == 409


@pytest.mark.django_db
def test_one_that_is_opened_again_on_its_own_page_activates_late_too(world: World) -> None:
    make_door(world.version)
    Device.objects.filter(pk=world.waiting.pk).update(expires_at=Now() - timedelta(hours=1))
    move_back(49)
    assert activation.reopen_activation([world.waiting], by=world.owner)
    read_token(activate(world.waiting))


@pytest.mark.django_db
def test_an_activated_one_that_is_opened_again_gets_another_token_once(world: World) -> None:
    door = make_door(world.version, cap=1)
    first = read_token(activate(world.waiting))
    move_back(1, of=Credential, created_at=None)
    move_back(100)
    reopening.open_again(door=door, listed=[world.waiting.serial], by=world.owner)
    second = read_token(activate(world.waiting))
    assert first != second
    assert find_by_token(first)  # until the new one is used: an answer may get lost
    found = find_by_token(second)
    assert found
    standing.note_use(found)
    assert find_by_token(first) is None
    assert activate(world.waiting).status_code == 409
    rotated = Event.objects.get(kind=Event.Kind.CREDENTIAL_ROTATED)
    assert rotated.data["door"] == door.name


@pytest.mark.django_db
def test_what_was_opened_again_closes_by_itself(world: World) -> None:
    door = make_door(world.version)
    read_token(activate(world.waiting))
    move_back(60, of=Credential, created_at=None)
    reopening.open_again(door=door, listed=[world.waiting.serial], by=world.owner)
    Event.objects.filter(kind="opened-again").update(at=Now() - timedelta(hours=49))
    assert activate(world.waiting).status_code == 409


@pytest.mark.django_db
def test_more_time_for_a_device_with_the_factorys_key_gives_nobody_another(world: World) -> None:
    make_door(world.version, admits="any")
    credentials.issue_credential(device=world.waiting, by=None)
    move_back(1, of=Credential, created_at=None)
    Device.objects.filter(pk=world.waiting.pk).update(expires_at=Now())
    assert activation.reopen_activation([world.waiting], by=world.owner)
    assert activate(world.waiting).status_code == 409


@pytest.mark.django_db
@pytest.mark.parametrize("bar", ["lock", "retire"])
def test_a_barred_one_that_was_opened_again_stays_out(world: World, bar: str) -> None:
    door = make_door(world.version)
    read_token(activate(world.waiting))
    move_back(1, of=Credential, created_at=None)
    reopening.open_again(door=door, listed=[world.waiting.serial], by=world.owner)
    if bar == "lock":
        locks.lock_devices([world.waiting], by=None)
    else:
        retirement.retire_devices([world.waiting], by=world.owner)
    assert activate(world.waiting).status_code == 409
    assert count_reasons(door) == {"door-device-barred"}


@pytest.mark.django_db
def test_devices_register_themselves_where_the_door_lets_them(world: World) -> None:
    pump = builders.make_recipe(world.kanarra, "Pump")
    make_door(world.version)
    door = make_door(pump, admits="any", name="Line 2", group=world.anaheim)
    make_door(pump, admits="new", name="Line 3", pattern="KG-*")
    serial = serials.generate()
    read_token(send(f"id={serial}"))
    device = Device.objects.get(serial=serial)
    assert (device.version, device.group) == (pump, world.anaheim)
    assert DoorRegistration.objects.get().door == door
    read_token(activate(world.waiting))


@pytest.mark.django_db
def test_a_device_chooses_a_password_where_the_door_wants_one(world: World) -> None:
    door = make_door(world.version, settings={"authentication": "password"})
    assert activate(world.waiting).status_code == 415
    assert activate(world.waiting, "&password=" + "x" * 19).status_code == 415
    assert count_reasons(door) == {"door-authentication", "door-password-short"}
    answer = activate(world.waiting, "&password=%C3%BC" + "x" * 18)  # in bytes
    assert (answer.status_code, answer.content) == (204, b"")
    key = Credential.objects.get(device=world.waiting).access_key
    assert credentials.find_credential(access_key=key, access_secret="ü" + "x" * 18)


@pytest.fixture
def version(transactional_db: None) -> RecipeVersion:
    return builders.make_recipe(builders.make_organisation("Kanarra"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("life", ["added", "unknown", "activated"])
def test_of_fifty_at_once_one_gets_a_token(version: RecipeVersion, life: str) -> None:
    door = make_door(version, admits="any")
    serial = serials.generate()
    if life != "unknown":
        builders.make_device(version, serial=serial)
    if life == "activated":
        read_token(send(f"id={serial}"))
        move_back(1, of=Credential, created_at=None)
        owner: User = builders.make_user("owner@kanarra.example", door.organisation.root, Role.ADMIN)
        reopening.open_again(door=door, listed=[serial], by=owner)
    start = Barrier(10)

    def run(_: int) -> list[int]:
        start.wait()
        try:
            return [send(f"id={serial}").status_code for _ in range(5)]
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as threads:
        answers = Counter(answer for part in threads.map(run, range(10)) for answer in part)
    assert answers == {200: 1, 409: 49}
    assert Device.objects.count() == 1
    assert Credential.objects.count() == 1 + (life == "activated")
