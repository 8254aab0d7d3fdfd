"""Devices with a TLS client certificate at the door of activation, and what they write: what counts is a certificate
whose key was proved, in its time, and every refusal is told with its cause."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from django.test import Client

from devices.credentials import operations as credentials
from devices.identity.certificates import read_certificate
from devices.lifecycle import locks
from devices.models import Credential, Device, Event, RefusedAttempt
from devices.mqtt import text_values
from lib.trusted_proxies import BY_PROXY
from provisioning.doors import refused_attempts
from provisioning.doors.activate import certified, data, operations, reopening
from provisioning.doors.client_certificates import Shown, is_signed_by, write_pem
from provisioning.models import Door, DoorRegistration
from telemetry.models import Latest
from tenants.models import User
from tests import certificates
from tests.provisioning.doors.test_activate import FORM, count_reasons, make_door, move_back

if TYPE_CHECKING:
    from tests.certificates import Made
    from tests.conftest import World

pytestmark = pytest.mark.django_db
ACTIVATE, WRITE = "/o/kanarra/provision/activate", "/o/kanarra/api:v1/stack/alias"
BY: Any = {BY_PROXY: True}
BARE: Any = {BY_PROXY: False}


@pytest.fixture(autouse=True)
def _remembers_nothing() -> None:
    text_values._declared.clear()
    data.debts._until.clear()


@pytest.fixture
def door(world: World) -> Door:
    return make_door(world.version, settings={"authentication": "certificate", "authorities": ""})


def send(made: Made | str, path: str = WRITE, body: str = "rpm=55", **extra: Any) -> Any:
    """As the proxy hands it on."""
    header = made if isinstance(made, str) else made.header
    return Client().generic("POST", path, body, content_type=FORM, **{"HTTP_CLIENT_CERT": header, **BY, **extra})


def of(device: Device, **fields: Any) -> Made:
    return certificates.make(device.serial, **fields)


def tell(device: Device) -> set[str]:
    refused_attempts.refused_attempts.count()
    return set(RefusedAttempt.objects.filter(device=device).values_list("reason", flat=True))


def kinds(device: Device) -> list[str]:
    return list(Event.objects.filter(device=device).order_by("pk").values_list("kind", flat=True))


def test_the_first_write_activates_and_the_certificate_is_the_credential(world: World, door: Door) -> None:
    made = of(world.waiting)
    first = send(made)
    assert (first.status_code, first.content) == (204, b"")
    credential = Credential.objects.get(device=world.waiting)
    assert (credential.kind, credential.access_key) == ("certificate", made.fingerprint)
    assert credential.expires_at == made.certificate.not_valid_after_utc
    assert kinds(world.waiting) == ["registered", "credential-issued", "activated"]
    assert Latest.objects.get(device=world.waiting).data["rpm"][0] == 55
    assert DoorRegistration.objects.get().device == world.waiting
    assert send(made, path="/onep:v1/stack/alias", body="rpm=56").status_code == 204  # whoever knows it needs no name
    read = Client().get(f"{WRITE}?rpm", HTTP_CLIENT_CERT=made.header, **BY)
    assert (read.status_code, read.content) == (200, b"rpm=56")
    assert kinds(world.waiting) == ["registered", "credential-issued", "activated"]
    assert not count_reasons(door)


@pytest.mark.parametrize("body", ["id={serial}", ""])
def test_a_device_may_activate_before_it_writes(world: World, door: Door, body: str) -> None:
    made = of(world.waiting)
    answer = send(made, ACTIVATE, body.format(serial=world.waiting.serial))
    assert (answer.status_code, answer.content) == (204, b"")
    assert send(made).status_code == 204
    assert send(made, ACTIVATE, "").status_code == 409
    assert count_reasons(door) == {"door-already-registered"}


def refuse(answer: Any, status: int) -> None:
    assert answer.status_code == status
    assert not Credential.objects.filter(kind="certificate").exists()
    assert not Event.objects.filter(kind="activated").exists()


UNPROVED: list[dict[str, Any]] = [{BY_PROXY: False}, {BY_PROXY: None}, {BY_PROXY: "1"}]


@pytest.mark.parametrize("path", [ACTIVATE, WRITE])
@pytest.mark.parametrize("extra", UNPROVED)
def test_a_header_from_anybody_but_the_proxy_proves_nothing(
    world: World, door: Door, path: str, extra: dict[str, Any]
) -> None:
    made = of(world.waiting)
    answer = send(made, path, f"id={world.waiting.serial}", **extra)
    refuse(answer, 401)
    assert b"nobody proved to have the key" in answer.content
    assert count_reasons(door) == {"certificate-unproved"}
    assert tell(world.waiting) == {"certificate-unproved"}
    assert send(made).status_code == 204
    assert send(made, **extra).status_code == 401  # a registered one neither


@pytest.mark.parametrize("path", [ACTIVATE, WRITE])
@pytest.mark.parametrize(
    ("span", "reason", "words"),
    [
        ((timedelta(days=-9), timedelta(hours=-1)), "certificate-expired", b"expired at"),
        ((timedelta(hours=1), timedelta(days=9)), "certificate-not-yet-valid", b"valid from"),
    ],
)
def test_a_certificate_has_its_time(world: World, door: Door, path: str, span: Any, reason: str, words: bytes) -> None:
    answer = send(of(world.waiting, since=span[0], until=span[1]), path, "")
    refuse(answer, 401)
    assert words in answer.content
    assert count_reasons(door) == {reason}
    assert tell(world.waiting) == {reason}


@pytest.mark.parametrize(
    "header", ["x", ":", "::", ":!:", ":AAAA:", "AAAA", ":AAAA:, :AAAA:", ":" + "A" * 30_000 + ":"]
)
def test_what_is_no_certificate_is_refused(world: World, door: Door, header: str) -> None:
    for path in (ACTIVATE, WRITE):
        answer = send(header, path, "")
        refuse(answer, 401)
        assert b"a certificate that can't be read" in answer.content


def test_without_a_certificate_nobody_comes_in(world: World, door: Door) -> None:
    bare = Client().generic("POST", ACTIVATE, f"id={world.waiting.serial}", content_type=FORM, **BY)
    refuse(bare, 415)
    assert count_reasons(door) == {"door-authentication"}


def test_a_certificate_is_for_the_device_that_it_names(world: World, door: Door) -> None:
    refuse(send(certificates.make("00000009"), ACTIVATE, f"id={world.waiting.serial}"), 403)
    assert count_reasons(door) == {"certificate-of-another-identity"}
    refuse(send(certificates.make("00000009"), ACTIVATE, ""), 404)
    stranger = send(certificates.make("00000009"))
    refuse(stranger, 401)
    assert stranger.content == b""
    assert count_reasons(door) == {"certificate-of-another-identity", "door-not-listed"}
    nameless = send(certificates.make("a\u202eb"))
    refuse(nameless, 400)


def test_an_authority_of_the_organisations_own(world: World, door: Door) -> None:
    own, other = (certificates.make("Kanarra's authority", authority=True) for _ in range(2))
    door.settings["authorities"] = own.pem
    door.save()
    for made in (of(world.waiting), of(world.waiting, by=other)):
        refuse(send(made), 401)
        refuse(send(made, ACTIVATE, ""), 403)
    assert count_reasons(door) == {"certificate-of-another-authority"}
    assert send(of(world.waiting, by=own)).status_code == 204


def test_what_the_door_refuses_it_refuses_here_too(world: World, door: Door) -> None:
    door.networks = ["192.0.2.0/24"]
    door.save()
    refuse(send(of(world.waiting), ACTIVATE, ""), 403)
    refuse(send(of(world.waiting)), 401)
    assert count_reasons(door) == {"door-address"}
    door.networks = []
    door.save()
    move_back(49)
    refuse(send(of(world.waiting)), 401)
    assert count_reasons(door) == {"door-address", "door-window-over"}
    refuse(send(of(world.waiting), path=WRITE.removeprefix("/o/kanarra")), 401)  # it says not whose it is


@pytest.mark.parametrize("kind", ["token", "password"])
def test_a_door_of_tokens_takes_none(world: World, door: Door, kind: str) -> None:
    door.settings["authentication"] = kind
    door.save()
    refuse(send(of(world.waiting)), 415)
    assert count_reasons(door) == {"door-authentication"}
    more = "" if kind == "token" else f"&password={'x' * 20}"
    answer = send(of(world.waiting), ACTIVATE, f"id={world.waiting.serial}{more}")
    assert answer.status_code == (200 if kind == "token" else 204)
    assert not Credential.objects.filter(kind="certificate").exists()


def test_whoever_was_shut_out_stays_out(world: World, door: Door) -> None:
    made = of(world.waiting)
    send(made)
    locks.lock_devices([world.waiting], by=world.admin)
    assert send(made).status_code == 401
    assert tell(world.waiting) == {"connect-locked"}
    locks.unlock_devices([world.waiting], by=world.admin)
    assert send(made).status_code == 204
    credentials.revoke_all_credentials([world.waiting], by=world.admin)
    answer = send(made)
    assert (answer.status_code, answer.content) == (401, b"")
    assert tell(world.waiting) == {"connect-locked", "connect-revoked-credential"}
    reopening.open_again(door=door, listed=[world.waiting.serial], by=world.owner)
    assert send(made, ACTIVATE, "").status_code == 409
    assert "certificate-used" in count_reasons(door)
    assert send(of(world.waiting)).status_code == 204


def test_another_certificate_of_the_same_name_is_another(world: World, door: Door) -> None:
    send(of(world.waiting))
    assert send(of(world.waiting)).status_code == 401
    assert Credential.objects.filter(device=world.waiting).count() == 1


def test_opened_again_it_may_bring_another_and_the_former_works_until_then(world: World, door: Door) -> None:
    former, new = of(world.waiting), of(world.waiting)
    send(former)
    reopening.open_again(door=door, listed=[world.waiting.serial], by=world.owner)
    assert send(former).status_code == 204
    assert send(former, ACTIVATE, "").status_code == 409
    assert send(new, ACTIVATE, "").status_code == 204
    assert send(former).status_code == 204
    assert send(new).status_code == 204
    assert send(former).status_code == 401
    assert kinds(world.waiting).count("credential-rotated") == 1


def test_of_two_devices_one_has_a_certificate(world: World, door: Door) -> None:
    door.admits = "any"
    door.save()
    made = of(world.waiting)
    send(made)
    assert send(made, ACTIVATE, "id=00000009").status_code == 403
    assert Credential.objects.filter(access_key=made.fingerprint).count() == 1


def test_a_certificate_that_the_factory_listed_needs_no_door(world: World) -> None:
    made = of(world.waiting)
    Credential.objects.create(
        device=world.waiting,
        kind="certificate",
        access_key=made.fingerprint,
        secret_hash=bytes.fromhex(made.fingerprint),
        expires_at=made.certificate.not_valid_after_utc,
    )
    assert send(made, path="/onep:v1/stack/alias").status_code == 204
    world.waiting.refresh_from_db()
    assert world.waiting.activated_at
    other = send(made, path="/o/other/onep:v1/stack/alias")
    assert other.status_code == 401
    assert send(made, path="/onep:v1/stack/alias", **BARE).status_code == 401


def test_a_token_counts_before_a_certificate(world: World, door: Door) -> None:
    made = of(world.waiting)
    assert send(made, HTTP_X_EXOSITE_CIK="0" * 40).status_code == 401
    assert not Credential.objects.filter(kind="certificate").exists()


def test_an_admin_gives_the_door_its_authorities(client: Client, world: World, door: Door) -> None:
    own = certificates.make("Kanarra's authority", authority=True)
    client.force_login(world.owner)
    page = client.get(f"/doors/{door.key}/").content.decode()
    assert "A TLS client certificate" in page
    assert "--cert device-cert.pem --key device-key.pem" in page
    fields = {"name": door.name, "recipe": door.recipe_id, "admits": "listed", "own-hours": "48"}
    fields |= {"own-authentication": "certificate", "own-authorities": f"Our authority\n{own.pem}"}
    answer = client.post(f"/doors/{door.key}/change/", fields)
    assert answer.status_code == 302, answer.content.decode()
    door.refresh_from_db()
    assert door.settings["authorities"] == own.pem
    wrong = client.post(f"/doors/{door.key}/change/", fields | {"own-authorities": "-----BEGIN CERTIFICATE-----"})
    assert wrong.status_code == 422
    assert "Give certificates in PEM" in wrong.content.decode()


@pytest.mark.parametrize("sent", [":\xff:", ":!!!:", ":=:", ":\xc3\xbc:"])
def test_what_is_no_byte_sequence_is_refused_as_unreadable(world: World, door: Door, sent: str) -> None:
    for answer in (send(sent), send(sent, path=ACTIVATE, body="", **BARE)):
        assert answer.status_code in (400, 401)
        assert b"can't be read" in answer.content


def test_a_certificate_of_no_known_version_is_refused_as_unreadable(client: Client, world: World, door: Door) -> None:
    """Anybody can send one: no proof of its key is needed for that."""
    made = of(world.waiting)
    der = made.der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020109"), 1)
    strange = base64.b64encode(der).decode()
    for answer in (send(f":{strange}:"), send(f":{strange}:", path=ACTIVATE, body="", **BARE)):
        assert answer.status_code in (400, 401)
        assert b"can't be read" in answer.content
    client.force_login(world.owner)
    fields = {"name": door.name, "recipe": door.recipe_id, "admits": "listed", "own-hours": "48"}
    pem = f"-----BEGIN CERTIFICATE-----\n{strange}\n-----END CERTIFICATE-----\n"
    fields |= {"own-authentication": "certificate", "own-authorities": pem}
    answer = client.post(f"/doors/{door.key}/change/", fields)
    assert answer.status_code == 422
    assert "Give certificates in PEM" in answer.content.decode()


def test_an_authority_whose_key_is_of_no_known_kind_signed_nothing() -> None:
    curve = bytes.fromhex("06082a8648ce3d030107")
    odd = certificates.make("Kanarra's authority", authority=True).der.replace(curve, curve[:-1] + b"\x63", 1)
    authority = x509.load_der_x509_certificate(odd)
    made = certificates.make("00000002", by=certificates.make("Kanarra's authority", authority=True))
    shown = Shown(read_certificate(made.der), made.der, is_proved=True)
    assert not is_signed_by(shown, write_pem(authority))


def test_a_certificate_without_an_end_is_shown_by_every_clock(client: Client, world: World, door: Door) -> None:
    """RFC 5280, 4.1.2.5: 9999-12-31 23:59:59Z says that there is none, as devices' own identities do."""
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    made = of(world.waiting, until=end - datetime.now(UTC).replace(microsecond=0))
    assert send(made).status_code == 204
    User.objects.filter(pk=world.owner.pk).update(time_zone="Europe/Berlin")
    client.force_login(world.owner)
    page = client.get(f"/devices/{world.waiting.serial}/credentials/")
    assert page.status_code == 200
    assert "9999-12-31" in page.content.decode()


def test_of_a_devices_first_requests_at_once_each_is_heard(
    world: World, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = operations.activate

    def activate(**asked: Any) -> Any:
        real(**asked)  # by the other request, in the moment before
        return real(**asked)

    monkeypatch.setattr(certified, "activate", activate)
    assert send(of(world.waiting)).status_code == 204
    assert kinds(world.waiting).count("activated") == 1
