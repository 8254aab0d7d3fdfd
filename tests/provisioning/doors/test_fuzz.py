"""Whatever strangers and devices send to the addresses of the doors, they are answered, soon, and nothing fails."""

from __future__ import annotations

import json
import logging
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from hypothesis import strategies as some

from devices.identity import serials
from devices.models import Credential, Device, Event
from devices.mqtt import text_values
from provisioning.doors import refused_attempts
from provisioning.doors.activate import content, data
from provisioning.models import DoorRegistration, ProvisioningOperation
from tests import certificates
from tests.provisioning.doors.makers import Sdk, make_approval_door, make_jwt_door, sign
from tests.provisioning.doors.test_activate import activate, make_door, read_token
from tests.provisioning.doors.test_profile import make_profile_door

if TYPE_CHECKING:
    from pytest_django import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db
SECONDS = 10.0
JSON, FORM, PROBLEM = "application/json", "application/x-www-form-urlencoded", "application/problem+json"


class Way(NamedTuple):
    """Hold an address, and the names that it knows, and how it is spoken to."""

    method: str
    path: str
    names: tuple[str, ...] = ()
    kind: str = JSON


WAYS = {
    "jwt": Way("POST", "/api/register-device", ("token", "manufacturerId")),
    "profile": Way("POST", "/ztp/cloudlocate/credentials", ("token", "hardwareId", "givenName", "tags")),
    "init": Way("POST", "/provisioning-operations/init", ("deviceId", "serial")),
    "complete": Way("PUT", "/provisioning-operations/complete", ("provisioningOperationId",)),
    "register": Way("PUT", "/devices/register", ("connectionStringType",)),
    "refresh": Way("PUT", "/devices/registration-tokens/refresh", ("registrationToken",)),
    "oauth-device": Way("POST", "/oauth/device_authorization", ("client_id", "client_secret", "device_id"), FORM),
    "oauth-token": Way("POST", "/oauth/token", ("grant_type", "client_id", "device_code", "refresh_token"), FORM),
    "activate": Way("POST", "/provision/activate", ("id", "sn", "vendor", "model", "password"), FORM),
    "write": Way("POST", "/onep:v1/stack/alias", ("rpm", "running", "position", "nope"), FORM),
    "record": Way("POST", "/api:v1/stack/record", ("alias", "1700000000", "-1", "999999999999"), FORM),
    "download": Way("GET", "/provision/download", ("id", "info", "vendor", "model"), FORM),
    "read": Way("GET", "/api:v1/stack/alias", ("rpm",), FORM),
    "timestamp": Way("GET", "/timestamp", (), FORM),
}
WIDTHS = (50, 3_000)
DEEP = [*(b"[" * depth + b"]" * depth for depth in WIDTHS), *(b'{"a":' * depth + b"}" * depth for depth in WIDTHS)]
ODD_BODIES = [
    *DEEP,
    b"",
    b"\0",
    b"null",
    b"{",
    b"1" * 5_000,
    b"\xff\xfe{\0}\0",
    b"\xef\xbb\xbf{}",
    b"%",
    b"%zz=%0&=&&%00=%ff%fe",
    b"a=" + b"{" * 3_000,
    b"&" * 16_000,
    b"a=[" * 5_000,
    b"alias=rpm&1700000000=" + b"9" * 5_000,
]
ODD_TEXTS = [
    "",
    "\0",
    "\ud800",
    "\u202ea",
    "\u0661\u0662\u0663",
    "A" * 10_000,
    "9" * 400,
    "urn:uuid:{",
    "00000000-0000-0000-0000-000000000000",
    "{}",
    "a:b",
    "..",
    "'\"<script>",
    "K7QX2M9TB4WC",
    "eyJhbGciOiJub25lIn0.eyJpc3MiOiJmYWN0b3J5LmV4YW1wbGUifQ.",
    "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJcdWQ4MDAifQ.AA",  # an issuer of half a letter
    "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJcdWQ4MDAifQ.AA\n",
    ".".join(3 * ["W1tb" * 900]),
    "urn:ietf:params:oauth:grant-type:device_code",
]
odd_texts = some.sampled_from(ODD_TEXTS) | some.text(max_size=20)
values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | odd_texts | some.sampled_from([10**400, 1e308]),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(odd_texts, inner, max_size=3),
    max_leaves=4,
)
headers = some.dictionaries(
    some.sampled_from(
        ["AUTHORIZATION", "X_EXOSITE_CIK", "CLIENT_CERT", "RANGE", "IF_MODIFIED_SINCE", "USER_AGENT", "X_FORWARDED_FOR"]
    ),
    some.sampled_from(
        [
            "Basic Og==",
            "Basic " + b64encode(b"\0:\0").decode(),
            "Basic " + b64encode(b":" * 60).decode(),
            "Basic \xff",
            "token \xe9\0",
            "DeviceToken \u0661",
            "Bearer " + "\xff" * 5_000,
            "bytes=999999999999-",
            "bytes=-",
            ":AAAA:",
            ":\xe9:",
            "Fri, 31 Dec 9999 23:59:60 GMT",
            "9" * 400,
        ]
    )
    | some.text(some.characters(max_codepoint=255), max_size=12),
    max_size=2,
)
kinds = some.sampled_from([JSON, FORM, "", "multipart/form-data; boundary=x", "application/json; charset=\xe9", "a"])
fuzzed = bounds(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Doors(NamedTuple):
    """Hold a way in at each door: names and values, and headers, that count."""

    counts: dict[str, dict[str, str]]
    shown: dict[str, dict[str, str]]


@pytest.fixture
def doors(world: World, settings: Settings) -> Doors:
    settings.DOOR_REFUSALS_ADDRESS = 10**6
    text_values._declared.clear()
    data.debts._until.clear()
    content.debts._until.clear()
    make_jwt_door(world.version, settings={"once": True})
    profile = make_profile_door(world.version)[1]
    approval = make_approval_door(world.version)[1]
    make_door(world.version, settings={"vendor": "acme", "model": "gateway"})
    device = {"X_EXOSITE_CIK": read_token(activate(world.waiting))}
    sdk = Sdk(approval)
    provisioning = {"AUTHORIZATION": f"DeviceToken {approval}"}
    registration = {"AUTHORIZATION": f"DeviceToken {sdk.get_approved(world.owner, 'dev-0001')}"}
    return Doors(
        {
            "jwt": {"token": sign({"jti": "1"}), "manufacturerId": serials.generate()},
            "profile": {"token": profile},
            "oauth-device": {"client_id": approval},
            "oauth-token": {"client_id": approval},
        },
        {"init": provisioning, "complete": provisioning, "refresh": provisioning, "register": registration}
        | dict.fromkeys(("write", "record", "download", "read"), device),
    )


def count_rows() -> list[int]:
    return [model.objects.count() for model in (Device, Credential, DoorRegistration, Event, ProvisioningOperation)]


def send(way: Way, body: bytes, kind: str, shown: dict[str, str], failed: list[logging.LogRecord]) -> Any:
    """Return the answer, which came in time, and is no server error; nothing is kept of it."""
    began = time.monotonic()
    path = way.path if way.method != "GET" else f"{way.path}?{quote(body, safe='&=%[]{}')[:3_000]}"
    extra: dict[str, Any] = {f"HTTP_{name}": text for name, text in shown.items()}
    with transaction.atomic():
        before = count_rows()
        answer = Client(raise_request_exception=True).generic(
            way.method, path, b"" if way.method == "GET" else body, kind, **extra
        )
        assert answer.status_code < 500, answer.content
        assert not failed, failed[0].getMessage()
        assert answer.status_code < 300 or count_rows() == before
        refused_attempts.refused_attempts.count()
        transaction.set_rollback(True)
    assert time.monotonic() - began < SECONDS
    return answer


@pytest.fixture
def failed(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What was logged as an error."""
    caplog.set_level(logging.ERROR)
    return caplog.records


@pytest.mark.parametrize("name", WAYS)
def test_no_body_and_no_header_of_a_stranger_makes_a_door_fail(
    name: str, doors: Doors, failed: list[logging.LogRecord]
) -> None:
    way, before = WAYS[name], count_rows()

    @fuzzed
    @given(some.sampled_from(ODD_BODIES) | some.binary(max_size=60), kinds, headers)
    def run(body: bytes, kind: str, shown: dict[str, str]) -> None:
        answer = send(way, body, kind, shown, failed)
        assert name == "timestamp" or answer.status_code not in (200, 201)

    run()
    assert count_rows() == before


@pytest.mark.parametrize("name", [name for name in WAYS if name != "timestamp"])
def test_nothing_that_is_said_beside_what_counts_makes_a_door_fail(
    name: str, doors: Doors, failed: list[logging.LogRecord]
) -> None:
    way, own, shown = WAYS[name], doors.counts.get(name, {}), doors.shown.get(name, {})
    prefix = "/o/kanarra" if name == "activate" else ""

    @fuzzed
    @given(some.dictionaries(some.sampled_from(way.names) | odd_texts, values, max_size=4), some.booleans())
    def run(said: dict[str, Any], counts: bool) -> None:
        told = own | said if counts else said | own
        body = json.dumps(told) if way.kind == JSON else write_form(told)
        send(way._replace(path=prefix + way.path), body.encode(), way.kind, shown, failed)

    run()


def write_form(told: dict[str, Any]) -> str:
    return urlencode(
        [(name, text if isinstance(text, str) else json.dumps(text)) for name, text in told.items()], errors="replace"
    )


def test_no_certificate_makes_a_door_fail(world: World, doors: Doors, failed: list[logging.LogRecord]) -> None:
    make_door(world.version, name="Certified", settings={"authentication": "certificate", "authorities": ""})
    der = certificates.make(world.placed.serial).der

    @fuzzed
    @given(some.integers(0, len(der) - 1), some.integers(1, 255), some.integers(0, 3))
    def run(at: int, other: int, cut: int) -> None:
        broken = bytearray(der)
        broken[at] ^= other
        shown = {"CLIENT_CERT": f":{b64encode(bytes(broken[: len(der) - cut])).decode()}:"}
        for name in ("activate", "write"):
            send(WAYS[name]._replace(path=f"/o/kanarra{WAYS[name].path}"), b"", FORM, shown, failed)

    run()


@pytest.mark.parametrize("claims", [{"iss": "\ud800"}, {"jti": "\ud800"}, {"jti": "\0"}, {"jti": "1", "exp": 10**300}])
def test_no_claim_makes_the_door_fail(claims: dict[str, Any], doors: Doors, failed: list[logging.LogRecord]) -> None:
    body = json.dumps({"token": sign(claims), "manufacturerId": serials.generate()}).encode()
    assert send(WAYS["jwt"], body, JSON, {}, failed).status_code in (200, 403)
