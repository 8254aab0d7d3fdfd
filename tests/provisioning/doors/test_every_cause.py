"""Each cause for which a door refuses a device, by a real attempt at each door where it can occur, leaves its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from devices.credentials import operations as credentials
from devices.identity import serials
from devices.lifecycle import locks
from devices.models import Device, RefusedAttempt
from devices.mqtt import text_values
from lib.refusals import Kind
from provisioning.doors import refusals, refused_attempts
from provisioning.doors.activate import content, data, reopening
from provisioning.doors.approval import decisions, operations
from provisioning.models import Door, DoorKey, DoorRefusal, ProvisioningOperation, RegistrationToken
from tenants.models import User
from tests import certificates
from tests.provisioning.doors import test_certified as certified
from tests.provisioning.doors.knocking import Site, open_door
from tests.provisioning.doors.makers import Sdk, call, get_operation, make_jwt_door, register, sign
from tests.provisioning.doors.test_activate import move_back, read_token, send
from tests.provisioning.doors.test_data import ALIAS, RECORD, ask
from tests.provisioning.doors.test_device_grant import OauthClient
from tests.provisioning.doors.test_profile import ask as ask_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db
ANOTHER = "another secret of thirty-two bytes, or more"


# What every door may say -------------------------------------------------------------------------


def change(model: Any, **fields: Any) -> Callable[[Site], None]:
    def apply(site: Site) -> None:
        model.objects.update(**fields)

    return apply


def get_in(site: Site) -> None:
    assert site.knock(site.world.waiting.serial).status_code < 300


def list_it(site: Site) -> None:
    Door.objects.update(admits="listed")


def come_before(site: Site) -> None:
    list_it(site)
    get_in(site)


def lock(site: Site) -> None:
    list_it(site)
    locks.lock_devices([site.world.waiting], by=None)


EVERYWHERE = ("jwt", "profile", "approval", "oauth", "activate", "certificate")
KEYED, SERIALS = ("jwt", "profile", "approval", "oauth"), ("jwt", "profile", "activate", "certificate")
MATRIX: dict[str, tuple[tuple[str, ...], Callable[[Site], None], str]] = {
    "door-ended": (EVERYWHERE, change(Door, ended_at=Now()), "waiting"),
    "door-expired": (EVERYWHERE, change(Door, expires_at=Now()), "waiting"),
    "door-full": (EVERYWHERE, change(Door, cap=0), "waiting"),
    "door-address": (EVERYWHERE, change(Door, networks=["192.0.2.0/24"]), "waiting"),
    "door-identity-other": (EVERYWHERE, change(Door, pattern="ZZ*"), "waiting"),
    "door-key-ended": (KEYED, change(DoorKey, ended_at=Now()), "waiting"),
    "door-key-expired": (KEYED, change(DoorKey, expires_at=Now()), "waiting"),
    "door-key-full": (KEYED, change(DoorKey, cap=0), "waiting"),
    "door-not-listed": (SERIALS, list_it, "unknown"),
    "door-identity-unfit": (SERIALS, change(Door, admits="new"), "--"),
    "door-id-unfit": (("approval", "oauth"), lambda site: None, "abc"),
    "door-already-registered": (("jwt", "activate"), come_before, "waiting"),
    "door-device-barred": (("jwt", "profile", "activate", "certificate"), lock, "waiting"),
    "door-window-over": (("activate", "certificate"), lambda site: move_back(49), "waiting"),
    "operations-too-many": (("approval", "oauth"), lambda site: None, "waiting"),
}
CELLS = [(code, door) for code, (doors, _, _) in MATRIX.items() for door in doors]


@pytest.fixture(autouse=True)
def _remembers_nothing(settings: Settings) -> None:
    settings.DOOR_REFUSALS_ADDRESS = 10**6
    settings.MQTT_TOPIC_LIMIT, settings.MQTT_BACKLOG = 2, 1
    text_values._declared.clear()
    for debts in (data.debts, content.debts):
        debts._until.clear()


def read_rows(site: Site) -> dict[str, int]:
    refused_attempts.refused_attempts.count()
    return dict(DoorRefusal.objects.of(site.door).values_list("reason", "count"))


def read_attempts(device: Device) -> dict[str, int]:
    return dict(RefusedAttempt.objects.filter(device=device).values_list("reason", "count"))


@pytest.mark.parametrize(("code", "name"), CELLS, ids=[f"{code}-{door}" for code, door in CELLS])
def test_what_any_door_refuses(world: World, monkeypatch: pytest.MonkeyPatch, code: str, name: str) -> None:
    site = open_door(name, world)
    _, spoil, who = MATRIX[code]
    if code == "operations-too-many":
        monkeypatch.setattr(operations, "MOST", 0)
    spoil(site)
    identity = {"waiting": world.waiting.serial, "unknown": serials.generate()}.get(who, who)
    for _ in range(2):
        assert site.knock(identity).status_code >= 400
    assert read_rows(site) == {code: 2}
    assert read_attempts(world.waiting) == ({code: 2} if who == "waiting" else {})


# What one kind of door says ----------------------------------------------------------------------


def name_nobody(site: Site) -> Any:
    return call({"token": sign()})


def ask_for_no_one(site: Site) -> Any:
    Door.objects.update(settings={"hardware_id": True})
    return ask_profile(site.token)


def sign_by(settings: dict[str, Any], claims: dict[str, Any], **more: Any) -> Callable[[Site], Any]:
    def attempt(site: Site) -> Any:
        Door.objects.filter(pk=site.door.pk).update(settings=site.door.settings | settings)
        return register(site.world.waiting.serial, sign(claims, **more))

    return attempt


def use_twice(site: Site) -> Any:
    Door.objects.filter(pk=site.door.pk).update(settings=site.door.settings | {"once": True}, admits="both")
    token = sign({"jti": "1"})
    register(serials.generate(), token)
    return register(site.world.waiting.serial, token)


def lose_the_sites_secret(site: Site) -> Any:
    DoorKey.objects.update(material=b"sealed by another secret")
    return register(site.world.waiting.serial)


def come_with(*, name: str = "", body: str = "", extra: Any = None, **fields: Any) -> Callable[[Site], Any]:
    """By a certificate, and more besides."""

    def attempt(site: Site) -> Any:
        serial = site.world.waiting.serial
        made = certificates.make(name or serial, **fields)
        return certified.send(made, certified.ACTIVATE, body.format(serial=serial), **(extra or {}))

    return attempt


def come_with_anothers(site: Site) -> Any:
    authority = certificates.make("Kanarra's", authority=True)
    Door.objects.update(settings=site.door.settings | {"authorities": authority.pem})
    return come_with()(site)


def come_with_a_used_one(site: Site) -> Any:
    made = certificates.make(site.world.waiting.serial)
    assert certified.send(made, certified.ACTIVATE, "").status_code == 204
    credentials.revoke_all_credentials([site.world.waiting], by=None)
    reopening.open_again(door=site.door, listed=[site.world.waiting.serial], by=site.world.owner)
    return certified.send(made, certified.ACTIVATE, "")


def ask_as_anothers(site: Site) -> Any:
    Door.objects.update(settings=site.door.settings | {"vendor": "acme"})
    return activate_then(lambda token: ask(token, "/provision/download?vendor=another"))(site)


def activate_then(attempt: Callable[[str], Any]) -> Callable[[Site], Any]:
    """What a device sends with the token that it got."""

    def run(site: Site) -> Any:
        return attempt(read_token(send(f"id={site.world.waiting.serial}")))

    return run


def send_too_fast(token: str) -> Any:
    for _ in range(5):
        if (answer := ask(token, ALIAS, "rpm=1")).status_code == 429:
            return answer
    raise AssertionError("is never too fast")


def start(site: Site, name: str = "") -> str:
    return str(Sdk(site.token).init(name or site.world.waiting.serial).json()["provisioningOperationId"])


def decide(outcome: str) -> Callable[[Site], Any]:
    def attempt(site: Site) -> Any:
        started = start(site)
        if outcome == "cancelled":
            decisions.cancel_operation(operation=get_operation(started), by=site.world.owner)
        else:
            ProvisioningOperation.objects.update(expires_at=Now())
        return Sdk(site.token).complete(started)

    return attempt


def register_with(**fields: Any) -> Callable[[Site], Any]:
    def attempt(site: Site) -> Any:
        token = Sdk(site.token).get_approved(site.world.owner, "dev-0001")
        RegistrationToken.objects.update(**fields)
        return Sdk(site.token).register(token)

    return attempt


def register_again(site: Site) -> Any:
    token = Sdk(site.token).get_approved(site.world.owner, "dev-0001")
    assert Sdk(site.token).register(token).status_code == 200
    return Sdk(site.token).register(token)


def fetch_once_more(site: Site) -> Any:
    token = Sdk(site.token).get_approved(site.world.owner, "dev-0001")
    assert Sdk(site.token).register(token).status_code == 200
    return Sdk(site.token).complete(str(ProvisioningOperation.objects.get().key))


def ask_for_another_grant(site: Site) -> Any:
    return OauthClient(site.token).poll("x", grant_type="password")


OWN: dict[tuple[str, str], Callable[[Site], Any]] = {
    ("door-identity-missing", "jwt"): name_nobody,
    ("door-identity-missing", "profile"): ask_for_no_one,
    ("door-identity-missing", "activate"): lambda site: send("vendor=acme"),
    ("door-body-unreadable", "approval"): lambda site: Sdk(site.token).send(
        "POST", "/provisioning-operations/init", "["
    ),
    ("door-token-algorithm", "jwt"): sign_by({"algorithms": ["ES256"]}, {}),
    ("door-token-signature", "jwt"): sign_by({}, {}, key=ANOTHER),
    ("door-token-unreadable", "jwt"): sign_by({}, {"exp": "soon"}),
    ("door-token-expired", "jwt"): sign_by({}, {"exp": 1}),
    ("door-token-early", "jwt"): sign_by({}, {"nbf": 2**33}),
    ("door-token-endless", "jwt"): sign_by({"expires": True}, {}),
    ("door-token-audience", "jwt"): sign_by({"audience": "handover"}, {"aud": "x"}),
    ("door-token-unnamed", "jwt"): sign_by({"once": True}, {}),
    ("door-token-used", "jwt"): use_twice,
    ("door-key-unreadable", "jwt"): lose_the_sites_secret,
    ("door-name-unfit", "profile"): lambda site: ask_profile(site.token, givenName="x" * 51),
    ("door-tags-unfit", "profile"): lambda site: ask_profile(site.token, tags="line"),
    ("door-authentication", "activate"): lambda site: send(f"id={site.world.waiting.serial}&password={'x' * 20}"),
    ("door-authentication", "certificate"): lambda site: send(f"id={site.world.waiting.serial}"),
    ("door-password-short", "activate"): lambda site: (
        Door.objects.update(settings={"authentication": "password"}),
        send(f"id={site.world.waiting.serial}&password=short"),
    )[1],
    ("certificate-unproved", "certificate"): come_with(extra=certified.BARE),
    ("certificate-not-yet-valid", "certificate"): come_with(since=certificates.DAY, until=2 * certificates.DAY),
    ("certificate-expired", "certificate"): come_with(since=-2 * certificates.DAY, until=-certificates.DAY),
    ("certificate-of-another-identity", "certificate"): come_with(name="SOMEBODY", body="id={serial}"),
    ("certificate-of-another-authority", "certificate"): come_with_anothers,
    ("data-too-fast", "activate"): activate_then(send_too_fast),
    ("data-too-many", "activate"): activate_then(
        lambda token: ask(token, RECORD, "alias=rpm&" + "&".join(f"{1700000000 + each}=1" for each in range(2001)))
    ),
    ("data-conflict", "activate"): activate_then(lambda token: ask(token, RECORD, "alias=rpm&1=1&1=2")),
    ("door-body-unreadable", "activate"): activate_then(lambda token: ask(token, RECORD, "alias=rpm&x=1")),
    ("content-of-another-vendor", "activate"): lambda site: ask_as_anothers(site),
    ("certificate-used", "certificate"): come_with_a_used_one,
    ("content-unknown", "activate"): activate_then(lambda token: ask(token, "/provision/download?id=none")),
    ("content-range", "activate"): activate_then(lambda token: ask_behind_the_end(token)),
    ("operation-unknown", "approval"): lambda site: Sdk(site.token).complete("op-1"),
    ("operation-cancelled", "approval"): decide("cancelled"),
    ("operation-expired", "approval"): decide("expired"),
    ("operation-served", "approval"): fetch_once_more,
    ("registration-token-ended", "approval"): register_with(ended_at=Now()),
    ("registration-token-expired", "approval"): register_with(expires_at=Now()),
    ("registration-token-other", "approval"): lambda site: Sdk(site.token).refresh("nobody's"),
    ("door-too-soon", "approval"): register_again,
    ("grant-unknown", "oauth"): ask_for_another_grant,
}


def ask_behind_the_end(token: str) -> Any:
    door = Door.objects.get()
    by = User.objects.get(email="owner@kanarra.example")
    content.upload(door=door, by=by, name="fw.bin", data=b"1234", content_type="a/b", meta="")
    return ask(token, "/provision/download?id=fw.bin", HTTP_RANGE="bytes=9-")


@pytest.mark.parametrize(("code", "name"), OWN, ids=[f"{code}-{door}" for code, door in OWN])
def test_what_one_door_refuses(world: World, code: str, name: str) -> None:
    site = open_door(name, world)
    answer = OWN[code, name](site)
    assert answer.status_code >= 400
    assert read_rows(site) == {code: 1}
    if code.startswith(("data-", "content-")):  # it said by its credential which device it is
        assert read_attempts(world.waiting) == {code: 1}


def test_a_registered_device_that_asks_for_another_credential_is_told(world: World) -> None:
    site = open_door("approval", world)
    token = Sdk(site.token).get_approved(world.owner, "dev-0001")
    assert Sdk(site.token).register(token).status_code == 200
    asked = '{"connectionStringType":"X509"}'
    assert Sdk(site.token).send("PUT", "/devices/register", asked, token).status_code == 400
    assert read_rows(site) == read_attempts(Device.objects.get(own_id="dev-0001")) == {"door-body-unreadable": 1}


# Of people, of strangers, and no refusal
PEOPLES = {
    *("door-name-taken", "door-issuer-taken", "door-vendor-taken", "door-serials-unknown", "door-too-many-keys"),
    *("door-ended-already", "door-key-algorithm", "content-too-many", "operation-decided", "operation-without-id"),
    *("operation-id-fixed", "operation-id-taken", "operation-id-not-for-door", "operation-door-closed"),
    "operation-device-barred",
}
STRANGERS = {
    *("door-unknown", "door-limited", "door-method", "door-body-too-large", "certificate-unreadable"),
    *("data-credential-missing", "data-credential-unknown"),
}
WAITING = {"operation-pending", "operation-asked-too-often"}


def test_no_cause_of_a_door_is_left_out() -> None:
    codes = {kind.code for kind in vars(refusals).values() if isinstance(kind, Kind)}
    driven = {*MATRIX, *(code for code, _ in OWN)}
    assert codes - driven == PEOPLES | STRANGERS | WAITING
    assert not driven - codes


def test_a_flood_writes_once_a_second_and_few_rows(world: World) -> None:
    make_jwt_door(world.version)
    strange = sign(key=ANOTHER)
    with CaptureQueriesContext(connection) as asked:
        for number in range(200):
            register(world.waiting.serial if number % 2 else f"guess {number}", strange)
    assert [each["sql"] for each in asked.captured_queries if not each["sql"].startswith("SELECT")] == []
    with CaptureQueriesContext(connection) as written:
        refused_attempts.refused_attempts.count()
    assert len(written) <= 12
    assert list(DoorRefusal.objects.values_list("reason", "count")) == [("door-token-signature", 200)]
    assert read_attempts(world.waiting) == {"door-token-signature": 100}
