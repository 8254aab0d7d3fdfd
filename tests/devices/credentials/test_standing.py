"""What brokers are told of credentials, and what is noted when one is used."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import signing
from django.db.models.functions import Now
from django.utils import timezone

from devices.credentials import certificates, snippets, standing
from devices.credentials.operations import Issued
from devices.credentials.standing import Use
from devices.models import Connection, Credential, CredentialUse, Device, Event, Tie
from tests import builders

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries
    from pytest_django.fixtures import Settings

    from tests.conftest import World

FINGERPRINT = "ab" * 32


def make(device: Device, key: str = "k1", **fields: Any) -> Credential:
    return Credential.objects.create(device=device, access_key=key, **{"secret_hash": b"h" * 32} | fields)


def test_what_stands_is_told_with_what_is_due(world: World, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    Device.objects.filter(pk=world.placed.pk).update(activated_at=Now())
    key, other = make(world.placed), make(world.foreign, "k2")
    certified = make(world.placed, FINGERPRINT, kind="certificate")
    make(world.placed, "gone", revoked_at=Now())
    make(world.placed, "old", superseded_by=key)
    Connection.objects.create(device=world.foreign, last_seen_at=Now(), limited_until=Now() + timedelta(hours=1))
    CredentialUse.objects.create(credential=certified)
    with django_assert_num_queries(1):
        found = {row.access_key: row for row in standing.find_standing(["k1", "k2", FINGERPRINT, "gone", "none"])}
    assert found.keys() == {"k1", "k2", FINGERPRINT}
    own = {"device_id": world.placed.device_id, "limited": False, "lasts": True}
    for row, wanted in (
        (found["k1"], own | {"secret_hash": b"h" * 32, "certified": False}),
        (found[FINGERPRINT], own | {"secret_hash": None, "certified": True}),
        (found["k2"], {"device_id": world.foreign.device_id, "limited": True, "lasts": False, "certified": False}),
    ):
        assert {name: getattr(row, name) for name in wanted} == wanted
    assert found["k1"].use == Use(key.pk, world.placed.pk, unnoted=True, is_first=False, has_former=True)
    assert found["k2"].use == Use(other.pk, world.foreign.pk, unnoted=True, is_first=True, has_former=False)
    assert found[FINGERPRINT].use == Use(certified.pk, world.placed.pk, unnoted=False)


def ended(since: Any = None, most: int = 10) -> set[str] | None:
    now = timezone.now()
    return standing.find_ended_devices(since or now - timedelta(minutes=1), now, most=most)


ENDS: dict[str, Any] = {
    "revoked": lambda world: make(world.placed, revoked_at=Now()),
    "past its end": lambda world: make(world.placed, expires_at=Now() - timedelta(seconds=5)),
    "locked": lambda world: Device.objects.filter(pk=world.placed.pk).update(locked_at=Now()),
    "shut out": lambda world: Connection.objects.create(
        device=world.placed, last_seen_at=Now(), limited_until=Now() + timedelta(hours=1)
    ),
    "spoke for another": lambda world: Tie.objects.create(device=world.foreign, gateway=world.placed, ended_at=Now()),
}


@pytest.mark.parametrize("how", ENDS)
def test_brokers_are_told_of_everything_that_ended_lately(world: World, how: str) -> None:
    assert ended() == set()
    ENDS[how](world)
    assert ended() == {world.placed.device_id}
    assert ended(most=1) is None  # too many to be told one by one
    if how != "shut out":
        assert ended(since=timezone.now() + timedelta(seconds=1)) == set()


def test_what_ends_later_or_ended_long_ago_is_not_told(world: World) -> None:
    make(world.placed, expires_at=Now() + timedelta(minutes=1))
    make(world.placed, "k2", revoked_at=Now() - timedelta(minutes=2))
    Connection.objects.create(device=world.placed, last_seen_at=Now(), limited_until=Now() - timedelta(seconds=1))
    assert ended() == set()


def test_a_use_activates_ends_the_former_and_is_noted(world: World) -> None:
    new = make(world.placed)
    make(world.placed, "old", superseded_by=new)
    second = make(world.foreign, "k2")
    uses = [row.use for row in standing.find_standing(["k1", "k2"])]
    assert standing.note_uses(uses)
    assert set(CredentialUse.objects.values_list("credential", flat=True)) == {new.pk, second.pk}
    assert not Device.objects.filter(pk__in=[world.placed.pk, world.foreign.pk], activated_at=None).exists()
    told = Event.objects.get(kind="credential-revoked").data
    assert told == {"access_key": "old", "reason": "its successor was used"}
    assert standing.note_uses([row.use for row in standing.find_standing(["k1", "k2"])])
    assert Event.objects.filter(kind__in=["activated", "credential-revoked"]).count() == 3
    assert standing.note_uses([])


def test_a_ticket_stands_for_one_certificate_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = certificates.make_ticket(FINGERPRINT)
    assert certificates.is_ticket(FINGERPRINT, ticket)
    assert FINGERPRINT not in ticket
    for fingerprint, password in (
        ("cd" * 32, ticket),
        (FINGERPRINT[:-1], ticket),
        (FINGERPRINT, ticket + "x"),
        (FINGERPRINT, ticket.partition(":")[0]),
        (FINGERPRINT, f"x:{ticket}"),
        (FINGERPRINT, ""),
        ("", ticket),
    ):
        assert not certificates.is_ticket(fingerprint, password)
    later = signing.time.time() + certificates.TICKET_SECONDS + 2  # type: ignore[attr-defined]
    monkeypatch.setattr(signing, "time", type("Clock", (), {"time": staticmethod(lambda: later)}))
    assert not certificates.is_ticket(FINGERPRINT, ticket)


def test_a_certificate_is_found_by_itself_alone(world: World) -> None:
    made = make(world.placed, FINGERPRINT, kind="certificate")
    make(world.placed, "cd" * 32)
    found = certificates.find_by_certificate(FINGERPRINT)
    assert found == made
    assert certificates.find_by_certificate("cd" * 32) is None  # an access key
    Device.objects.update(locked_at=Now())
    assert certificates.find_by_certificate(FINGERPRINT) is None


@pytest.mark.parametrize(
    ("public", "url", "broker"),
    [
        ("mqtts://broker.example", "mqtt://127.0.0.1", {"host": "broker.example", "port": 8883, "tls": True}),
        ("mqtt://broker.example:1884", "", {"host": "broker.example", "port": 1884, "tls": False}),
        ("", "mqtt://site:secret@10.0.0.5", {"host": "10.0.0.5", "port": 1883, "tls": False}),
    ],
)
def test_a_device_is_told_the_broker_as_devices_see_it(
    world: World, settings: Settings, public: str, url: str, broker: dict[str, Any]
) -> None:
    settings.MQTT_PUBLIC_URL, settings.MQTT_URL = public, url
    told = snippets.build_configuration(world.placed, Issued("key", "s3cret"))
    own = {"device_id": world.placed.device_id, "access_key": "key", "access_secret": "s3cret"}
    assert told == broker | own
    texts = {each.name: each.text for each in snippets.render_snippets(world.placed, told)}
    assert texts.keys() == {"python", "shell", "arduino"}
    for text in texts.values():
        assert all(str(value) in text for value in (told["host"], told["port"], *own.values()))
        assert f"devices/{world.placed.device_id}/state" in text
        assert ("tls" in text.lower() or "setCACert" in text) is broker["tls"]
        assert "site:secret" not in text


def test_a_program_reports_what_the_recipe_declares_or_nothing(world: World) -> None:
    def report(device: Device) -> str:
        told = snippets.build_configuration(device, Issued("key", "s3cret"))
        return next(each.text for each in snippets.render_snippets(device, told) if each.name == "shell")

    assert """'{"data": {"rpm": 1}}'""" in report(world.placed)
    version = builders.make_recipe(world.kanarra, "Plain")
    version.attributes.filter(type="number").delete()
    assert """'{"data": {}}'""" in report(builders.make_device(version))
