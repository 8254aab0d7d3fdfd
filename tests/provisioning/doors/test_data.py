"""The device data API, as devices of that dialect know it: what they write is state, as over MQTT."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.utils import timezone

from devices.credentials import operations as credentials
from devices.lifecycle import assignments, locks, retirement
from devices.models import Attribute, Credential, Device, Event, RefusedAttempt
from devices.mqtt import text_values
from provisioning.doors import refused_attempts
from provisioning.doors.activate import data
from provisioning.models import Window
from provisioning.windows import operations as windows
from telemetry.models import Drop, Latest, Report
from tests import builders
from tests.provisioning.doors.test_activate import FORM, activate, make_door, move_back, read_token

if TYPE_CHECKING:
    from pytest_django import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db
ALIAS, API, RECORD = "/onep:v1/stack/alias", "/api:v1/stack/alias", "/onep:v1/stack/record"


@pytest.fixture(autouse=True)
def _remembers_nothing() -> None:
    text_values._declared.clear()
    data.debts._until.clear()


def make_token(world: World, device: Device | None = None) -> str:
    if not world.version.recipe.doors.exists():
        make_door(world.version)
    return read_token(activate(device or world.waiting))


def ask(token: str, path: str = ALIAS, body: str | bytes | None = None, **extra: Any) -> Any:
    shown: Any = {"HTTP_X_EXOSITE_CIK": token} | extra
    if body is None:
        return Client().get(path, **shown)
    return Client().generic("POST", path, body, content_type=FORM, **shown)


def write(token: str, body: str | bytes, path: str = ALIAS, **extra: Any) -> None:
    answer = ask(token, path, body, **extra)
    assert (answer.status_code, answer.content) == (204, b"")


def read(token: str, query: str, path: str = ALIAS, **extra: Any) -> str:
    answer = ask(token, f"{path}?{query}", **extra)
    assert answer.status_code == 200
    assert answer["Content-Type"] == FORM
    assert answer["Content-Length"] == str(len(answer.content))
    assert not answer.cookies
    return str(answer.content.decode())


def latest(device: Device) -> dict[str, Any]:
    return {name: value for name, (value, _) in Latest.objects.get(device=device).data.items()}


def drops(device: Device) -> dict[str, str]:
    return dict(Drop.objects.filter(device=device).values_list("cause", "sample"))


def test_what_is_written_is_state_and_is_read_back(world: World) -> None:
    token = make_token(world)
    write(token, "rpm=1800.5&load=7&engineState=running")
    assert latest(world.waiting) == {"rpm": 1800.5, "load": 7, "engineState": "running"}
    assert read(token, "rpm&engineState") == "rpm=1800.5&engineState=running"
    assert read(token, "load&nope&rpm") == "load=7&rpm=1800.5"
    nothing = ask(token, f"{ALIAS}?nope")
    assert (nothing.status_code, nothing.content) == (204, b"")
    assert ask(token, ALIAS).status_code == 204
    device = Device.objects.with_status().get(pk=world.waiting.pk)
    assert device.status == Device.Status.ONLINE


@pytest.mark.parametrize(
    ("body", "kept", "shown"),
    [
        (b"engineState=a b", "a b", "a%20b"),
        (b"engineState=d+e%20\xfc", "d+e ü", "d%2Be%20%C3%BC"),
        ("engineState=ü€".encode(), "ü€", "%C3%BC%E2%82%AC"),
        (b'engineState={"rpm": 1800, "x": "a&b"}', '{"rpm": 1800, "x": "a&b"}', None),
        (b"engineState=", "", ""),
        (b"engineState=a=b", "a=b", "a%3Db"),
    ],
)
def test_texts_come_raw_or_encoded(world: World, body: bytes, kept: str, shown: str | None) -> None:
    token = make_token(world)
    write(token, body)
    assert latest(world.waiting) == {"engineState": kept}
    if shown is not None:
        assert read(token, "engineState") == f"engineState={shown}"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("rpm=1800", 1800),
        ("rpm=-1.5e3", -1500.0),
        ("rpm= 7 ", 7),
        ("rpm=+.5", 0.5),
        ("rpm=1e999", None),
        ("rpm=" + "9" * 5000, None),
        ("rpm=1,5", None),
        ("rpm=nan", None),
        ("rpm=abc", None),
        ("registerButton=1", True),
        ("registerButton=FALSE", False),
        ("registerButton=2", None),
        ("engineState=%00", None),
    ],
)
def test_a_value_is_what_its_recipe_declares_or_dropped_and_counted(world: World, body: str, kept: object) -> None:
    token = make_token(world)
    write(token, body)
    name = body.partition("=")[0]
    if kept is None:
        assert not Latest.objects.exists()
        assert set(drops(world.waiting).values()) == {name}
    else:
        assert latest(world.waiting) == {name: kept}
        assert type(latest(world.waiting)[name]) is type(kept)
        assert not Drop.objects.exists()


def test_a_recipe_may_read_numbers_with_a_comma(world: World) -> None:
    Attribute.objects.filter(name="rpm").update(reads_text=True)
    token = make_token(world)
    write(token, "rpm=1,5")
    assert latest(world.waiting) == {"rpm": 1.5}


def test_an_unknown_alias_is_no_error_but_told(world: World) -> None:
    token = make_token(world)
    write(token, "myalias=50&rpm=1")
    write(token, "%00=1")
    assert latest(world.waiting) == {"rpm": 1}
    assert "myalias" in drops(world.waiting)["undeclared"]


def test_a_write_with_a_query_reads_what_was_written(world: World) -> None:
    token = make_token(world)
    answer = ask(token, f"{ALIAS}?rpm&load", "rpm=5")
    assert (answer.status_code, answer.content) == (200, b"rpm=5")
    assert ask(token, f"{ALIAS}?load", "rpm=6").status_code == 204


def test_either_header_on_either_path(world: World) -> None:
    token = make_token(world)
    none: Any = {"HTTP_X_EXOSITE_CIK": ""}
    for path in (ALIAS, API, "/o/kanarra/api:v1/stack/alias"):
        write(token, "rpm=1", path)
        for scheme in ("Token", "token"):
            write(token, "rpm=2", path, HTTP_AUTHORIZATION=f"{scheme} {token}", **none)
            assert read(token, "rpm", path, HTTP_AUTHORIZATION=f"{scheme} {token}", **none) == "rpm=2"


@pytest.mark.parametrize("serial", ["", "00:14:22:01:23:45"])
@pytest.mark.parametrize("password", ["x" * 20, "a:password:with:colons", "pässword of some bytes"])
def test_a_password_is_sent_as_basic(world: World, settings: Settings, serial: str, password: str) -> None:
    version = builders.make_recipe(world.kanarra, "Meter", identity={"kind": "mac48"}) if serial else world.version
    make_door(version, settings={"authentication": "password"})
    device = builders.make_device(version, serial=serial) if serial else world.waiting
    assert activate(device, f"&password={password}").status_code == 204

    def sign(identity: str, secret: str) -> Any:
        told = b64encode(f"{identity}:{secret}".encode()).decode()
        return {"HTTP_AUTHORIZATION": f"Basic {told}", "HTTP_X_EXOSITE_CIK": ""}

    write("", "rpm=3", API, **sign(device.serial, password))
    write("", "rpm=4", f"/o/kanarra{API}", **sign(device.serial.lower(), password))
    assert latest(device) == {"rpm": 4}
    for path, identity, secret in (
        (API, device.serial, password + "x"),
        (API, world.alien.serial, password),
        (f"/o/other{API}", device.serial, password),
        (API, "x" * 5000, password),
        (API, "\0", password),
    ):
        assert ask("", path, "rpm=5", **sign(identity, secret)).status_code == 401
    refused_attempts.refused_attempts.count()
    attempt = RefusedAttempt.objects.get(device=device)
    assert (attempt.reason, attempt.door) == ("connect-wrong-secret", "activate")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"HTTP_X_EXOSITE_CIK": "0" * 40},
        {"HTTP_X_EXOSITE_CIK": "x" * 40},
        {"HTTP_X_EXOSITE_CIK": "\xff\0"},
        {"HTTP_AUTHORIZATION": "Token"},
        {"HTTP_AUTHORIZATION": "Bearer " + "0" * 40},
        {"HTTP_AUTHORIZATION": "Basic"},
        {"HTTP_AUTHORIZATION": "Basic !"},
        {"HTTP_AUTHORIZATION": "Basic /w=="},
        {"HTTP_AUTHORIZATION": "Basic eA=="},
        {"HTTP_AUTHORIZATION": "Basic " + b64encode(b":" * 5000).decode()},
    ],
)
def test_strangers_are_401(world: World, headers: Any) -> None:
    make_token(world)
    for answer in (
        Client().get(f"{ALIAS}?rpm", REMOTE_ADDR="192.0.2.9", **headers),
        Client().generic("POST", API, "rpm=1", REMOTE_ADDR="192.0.2.9", **headers),
        Client().generic("POST", RECORD, "alias=rpm&1=1", REMOTE_ADDR="192.0.2.9", **headers),
    ):
        assert (answer.status_code, answer.content) == (401, b"")
    assert not Report.objects.exists()


def test_another_organisations_host_is_401(world: World) -> None:
    token = make_token(world)
    assert ask(token, f"/o/other{ALIAS}", "rpm=1").status_code == 401
    assert ask(token, f"/o/missing{ALIAS}", "rpm=1").status_code == 401


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("lock", "connect-locked"),
        ("retire", "connect-retired"),
        ("revoke", "connect-revoked-credential"),
    ],
)
def test_whoever_is_barred_is_401_and_it_is_told_why(world: World, act: str, reason: str) -> None:
    token = make_token(world)
    if act == "lock":
        locks.lock_devices([world.waiting], by=None)
    elif act == "retire":
        retirement.retire_devices([world.waiting], by=world.owner)
    else:
        credentials.revoke_all_credentials([world.waiting], by=None)
    assert ask(token, ALIAS, "rpm=1").status_code == 401
    refused_attempts.refused_attempts.count()
    assert RefusedAttempt.objects.get(device=world.waiting).reason == reason


def test_the_new_tokens_first_use_ends_the_former(world: World) -> None:
    first = make_token(world)
    move_back(1, of=Credential, created_at=None)
    Event.objects.create(
        organisation=world.kanarra, device=world.waiting, kind=Event.Kind.OPENED_AGAIN, data={"door": "Line 1"}
    )
    second = make_token(world)
    write(first, "rpm=1")
    write(second, "rpm=2")
    assert ask(first, ALIAS, "rpm=3").status_code == 401
    assert latest(world.waiting) == {"rpm": 2}


def test_a_press_proves_presence(world: World) -> None:
    token = make_token(world)
    window = windows.open_window(device=world.waiting, by=world.technician)
    write(token, "registerButton=0")
    window.refresh_from_db()
    assert window.pressed_at is None
    write(token, "registerButton=1")
    assert Window.objects.get(pk=window.pk).pressed_at
    assert Event.objects.filter(device=world.waiting, kind=Event.Kind.PRESSED).count() == 1


def test_a_new_tenant_reads_nothing_of_the_former(world: World) -> None:
    token = make_token(world, world.waiting)
    write(token, "rpm=1")
    device = Device.objects.get(pk=world.waiting.pk)
    assignments.assign(device=device, group=world.anaheim, name="x", model=device.model, by=world.owner)
    assert ask(token, f"{ALIAS}?rpm").status_code == 204


def test_whoever_sends_too_fast_is_told_to_wait(world: World, settings: Settings) -> None:
    settings.MQTT_TOPIC_LIMIT, settings.MQTT_BACKLOG = 2, 1
    token = make_token(world)
    statuses = [ask(token, ALIAS, f"rpm={each}").status_code for each in range(4)]
    assert statuses == [204, 204, 204, 429]
    answer = ask(token, RECORD, "alias=rpm&1=1")
    assert (answer.status_code, answer["Retry-After"]) == (429, "30")
    assert latest(world.waiting) == {"rpm": 2}


# Record ------------------------------------------------------------------------------------------


def epoch(**before: float) -> float:
    return round((timezone.now() - timedelta(**before)).timestamp(), 3)


def test_what_is_past_is_recorded(world: World) -> None:
    token = make_token(world)
    move_back(24 * 40)
    first, second = int(epoch(hours=2)), epoch(hours=1)
    write(token, f"alias=rpm&{first}=1700", RECORD)
    write(token, f"alias=rpm&{second}=1701&-60=1702&alias=load&{first}=5", "/api:v1/stack/record")
    rows = Report.objects.filter(device=world.waiting).order_by("at").values_list("at", "data", "timed")
    assert [(row[1], row[2]) for row in rows] == [
        ({"rpm": 1700, "load": 5}, True),
        ({"rpm": 1701}, True),
        ({"rpm": 1702}, True),
    ]
    assert rows[0][0] == datetime.fromtimestamp(first, UTC)
    assert abs(rows[1][0].timestamp() - second) < 0.001
    assert latest(world.waiting) == {"rpm": 1702, "load": 5}
    assert read(token, "rpm") == "rpm=1702"


def test_what_is_too_old_is_dropped_and_counted(world: World) -> None:
    token = make_token(world)
    write(token, "alias=rpm&1700000000=1700&5=1", RECORD)
    assert not Report.objects.exists()
    assert "too-old" in drops(world.waiting)


def test_two_values_of_a_moment_conflict_and_nothing_is_kept(world: World) -> None:
    token = make_token(world)
    at, later = int(epoch(hours=2)), int(epoch(hours=1))
    body = f"alias=rpm&{at}=1&{later}=2&{at}=3&{later}.0=4&alias=load&{at}=5&{at}=5&alias=rpm&{at}=1"
    answer = ask(token, RECORD, body)
    assert (answer.status_code, answer.content.decode()) == (409, f"rpm={at},{later}.0")
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        "1700000000=1",
        "alias=rpm&x=1",
        "alias=rpm&1e9=1",
        "alias=rpm&999999999999=1",
        "alias=rpm&-999999999999=1",
        "alias=rpm&nan=1",
    ],
)
def test_no_record(world: World, body: str) -> None:
    assert ask(make_token(world), RECORD, body).status_code == 400


@pytest.mark.parametrize("body", ["", "&", "=", "alias=rpm", "alias", b"\xff", b"\0=\0"])
def test_nothing_fails(world: World, body: str | bytes) -> None:
    token = make_token(world)
    assert ask(token, ALIAS, body).status_code == 204
    assert ask(token, RECORD, body).status_code in (204, 400)


def test_bounds(world: World) -> None:
    token = make_token(world)
    assert ask(token, ALIAS, "rpm=" + "1" * (64 << 10)).status_code == 413
    many = "alias=rpm&" + "&".join(f"{1700000000 + each}=1" for each in range(2001))
    assert ask(token, RECORD, many).status_code == 413
    assert Client().put(ALIAS).status_code == 405
    assert Client().get(RECORD).status_code == 405


def test_the_time_is_told_to_everybody() -> None:
    for path in ("/timestamp", "/o/kanarra/timestamp"):
        answer = Client().get(path)
        if path == "/timestamp":
            assert answer.status_code == 200
            assert abs(int(answer.content) - timezone.now().timestamp()) < 5
