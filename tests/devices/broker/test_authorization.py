from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from devices.broker import authorization, refused_topics
from devices.connections import limited
from devices.credentials import operations as credentials
from devices.credentials.certificates import make_certified, make_ticket
from devices.identity.certificates import read_certificate
from devices.models import Credential, RefusedAttempt
from devices.ties import operations as ties
from tests import certificates
from tests.builders import make_device

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries, Settings

    from devices.credentials.operations import Issued
    from tests.conftest import World

OWN, OTHER = "a" * 24, "b" * 24


@pytest.fixture(autouse=True)
def _service(settings: Settings) -> None:
    settings.MQTT_URL = "mqtt://site:s%40te%2Fsecret@127.0.0.1:1883"


@pytest.fixture
def issued(world: World) -> Issued:
    return credentials.issue_credential(device=world.placed, by=None)


def test_a_device_connects_as_itself_in_one_query(
    world: World, issued: Issued, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        identity = authorization.connect(issued.access_key, issued.access_secret, world.placed.device_id)
    assert identity is not None
    assert identity.device == world.placed
    with django_assert_num_queries(0):
        assert authorization.may_use_topic(identity, "publish", f"devices/{world.placed.device_id}/state")


@pytest.mark.parametrize("wrong", ["key", "secret", "client id", "nothing", "nul", "emoji"])
def test_everything_else_is_refused(world: World, issued: Issued, wrong: str) -> None:
    username, password, client_id = issued.access_key, issued.access_secret, world.placed.device_id
    attempt = {
        "key": ("0" * 32, password, client_id),
        "secret": (username, password[:-1], client_id),
        "client id": (username, password, world.foreign.device_id),
        "nothing": ("", "", client_id),
        "nul": ("\0", "\0", client_id),
        "emoji": (username, "🔑", client_id),
    }[wrong]
    assert authorization.connect(*attempt) is None


def test_a_revoked_credential_is_refused(world: World, issued: Issued) -> None:
    assert authorization.find_live_keys([issued.access_key, "unknown"]) == {issued.access_key}
    credentials.revoke_credential(credential=Credential.objects.get(access_key=issued.access_key), by=world.owner)
    assert authorization.connect(issued.access_key, issued.access_secret, world.placed.device_id) is None
    assert authorization.identify(issued.access_key) is None
    assert authorization.find_live_keys([issued.access_key]) == set()


def test_a_certificate_is_let_in_by_a_ticket_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = certificates.make(world.placed.serial)
    credentials.make_first(world.placed, lambda _: make_certified(read_certificate(made.der)))
    ticket, device_id = make_ticket(made.fingerprint), world.placed.device_id
    identity = authorization.connect(made.fingerprint, ticket, device_id)
    assert identity is not None
    assert identity.device == world.placed
    known = authorization.identify_many([made.fingerprint])[made.fingerprint]
    assert known.lets_in_certified(device_id)
    assert not known.lets_in_certified(world.foreign.device_id)
    assert not known.lets_in(bytes(32), device_id)
    other = make_ticket("0" * 64)
    for password in ("", "x", made.fingerprint, other, f"{ticket}x", ticket.partition(":")[2]):
        assert authorization.connect(made.fingerprint, password, device_id) is None, password
    assert authorization.connect(made.fingerprint, ticket, world.foreign.device_id) is None
    issued = credentials.issue_credential(device=world.placed, by=None)
    assert authorization.connect(issued.access_key, make_ticket(issued.access_key), device_id) is None
    later = time.time() + 61
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    assert authorization.connect(made.fingerprint, ticket, device_id) is None


def test_the_site_connects_with_its_password(db: None) -> None:
    identity = authorization.connect("site", "s@te/secret", "any")
    assert identity == authorization.identify("site") == authorization.Identity("site")
    assert authorization.connect("site", "", "any") is None
    assert authorization.connect("site", "s%40te%2Fsecret", "any") is None


def test_a_site_without_a_password_is_nobody(db: None, settings: Settings) -> None:
    for url in ("mqtt://127.0.0.1", "mqtt://site@127.0.0.1"):
        settings.MQTT_URL = url
        assert authorization.connect("", "", "any") is None
        assert authorization.connect("site", "", "any") is None


TABLE = [
    # topic, the device publishes, the device subscribes, the site publishes, the site subscribes
    ("handover/fence", False, False, True, True),
    (f"devices/{OWN}/state", True, False, False, False),
    (f"losant/{OWN}/state", True, False, False, False),
    (f"devices/{OWN}/command", False, True, True, True),
    (f"losant/{OWN}/command", False, True, True, True),
    (f"devices/{OTHER}/state", False, False, False, False),
    (f"devices/{OTHER}/command", False, False, True, True),
    ("devices/+/state", False, False, False, True),
    ("losant/+/state", False, False, False, True),
    ("devices/+/command", False, False, False, False),
    ("devices/#", False, False, False, False),
    ("#", False, False, False, False),
    ("+/+/+", False, False, False, False),
    (f"devices/{OWN}/+", False, False, False, False),
    (f"devices/{OWN}/#", False, False, False, False),
    (f"+/{OWN}/command", False, False, False, False),
    (f"$share/g/devices/{OWN}/command", False, False, False, False),
    ("$share/g/devices/+/state", False, False, False, False),
    ("$SYS/#", False, False, False, False),
    (f"devices/{OWN}/state/x", False, False, False, False),
    (f"devices/{OWN.upper()}/state", False, False, False, False),
    ("", False, False, False, False),
]


@pytest.mark.parametrize(("topic", "out", "into", "site_out", "site_into"), TABLE)
def test_who_may_what(world: World, topic: str, out: bool, into: bool, site_out: bool, site_into: bool) -> None:
    world.placed.device_id = OWN
    device, site = authorization.Identity("key", world.placed), authorization.Identity("site")
    assert authorization.may_use_topic(device, "publish", topic) is out
    assert authorization.may_use_topic(device, "subscribe", topic) is into
    assert authorization.may_use_topic(site, "publish", topic) is site_out
    assert authorization.may_use_topic(site, "subscribe", topic) is site_into
    for identity in (device, site):
        assert not authorization.may_use_topic(identity, "publish", topic, retain=True)


@pytest.mark.parametrize(("topic", "out", "into", "_", "__"), TABLE)
def test_a_gateway_may_for_another_what_that_may(
    world: World, topic: str, out: bool, into: bool, _: bool, __: bool
) -> None:
    gateway = authorization.Identity("key", world.placed, speaks_for=frozenset({OWN}))
    caller = authorization.Caller("key", world.placed.device_id, speaks_for=frozenset({OWN}))
    for each in (gateway, caller):
        assert authorization.may_use_topic(each, "publish", topic) is out
        assert authorization.may_use_topic(each, "subscribe", topic) is into
        assert not authorization.may_use_topic(each, "publish", topic, retain=True)


def test_brokers_are_told_for_whom_a_gateway_speaks(
    world: World, issued: Issued, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    device = make_device(world.version, group=world.anaheim, by=world.owner)
    topic = f"losant/{device.device_id}/state"
    question = authorization.Question(issued.access_key, action="publish", topic=topic)
    assert not authorization.answer_question(question)
    ties.tie(device=device, gateway=world.placed, by=world.owner)
    with django_assert_num_queries(2):
        assert authorization.answer_question(question)
    with django_assert_num_queries(2):
        callers = authorization.identify_many([issued.access_key])
    assert authorization.is_permitted(question, callers[issued.access_key].caller)
    ties.untie(device=device, gateway=world.placed, by=world.owner)
    assert not authorization.answer_question(question)
    assert not authorization.identify_many([issued.access_key])[issued.access_key].caller.speaks_for


def test_a_foreign_topic_is_counted_at_whoever_wanted_it(world: World, issued: Issued) -> None:
    """Until it is tied. What it may with its own, and what is its own but for a flag, is none."""
    device = make_device(world.version, group=world.anaheim, by=world.owner)
    asked = [("publish", f"devices/{device.device_id}/state"), ("subscribe", "devices/+/command"), ("receive", "x/y")]

    def ask(retain: bool = False) -> list[tuple[object, ...]]:
        for action, topic in asked:
            authorization.answer_question(
                authorization.Question(issued.access_key, action=action, topic=topic, retain=retain)  # type: ignore[arg-type]
            )
        refused_topics.refused_topics.count()
        return list(RefusedAttempt.objects.values_list("device", "reason", "count"))

    assert ask() == [(world.placed.pk, "topic-of-another", 2)]
    ties.tie(device=device, gateway=world.placed, by=world.owner)
    assert ask(retain=True) == [(world.placed.pk, "topic-of-another", 3)]
    ties.untie(device=device, gateway=world.placed, by=world.owner)
    assert ask() == [(world.placed.pk, "topic-of-another", 5)]
    limited.record_limits({world.placed.device_id: (60.0, 1)})
    assert ask() == [(world.placed.pk, "topic-of-another", 5)]
