"""EMQX 5 and mosquitto-go-auth ask over HTTP: other words, the same decisions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse

from devices.credentials import operations as credentials
from devices.lifecycle import locks
from devices.models import CredentialUse
from tests.devices.broker.test_rabbitmq import SECRET, basic

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import DjangoAssertNumQueries, Settings

    from devices.credentials.operations import Issued
    from tests.conftest import World

    Ask = Callable[..., bool]

ROUTES = ["emqx-connect", "emqx-may", "mosquitto-connect", "mosquitto-may"]
BROKERS = ["emqx", "mosquitto"]
ACC = {"receive": 1, "publish": 2, "subscribe": 4}


@pytest.fixture(autouse=True)
def _secret(settings: Settings) -> None:
    settings.BROKER_AUTH_SECRET = SECRET
    settings.MQTT_URL = "mqtt://site:site-secret@127.0.0.1"


@pytest.fixture
def issued(world: World) -> Issued:
    return credentials.issue_credential(device=world.placed, by=None)


def post(route: str, body: object) -> Any:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = reverse(f"devices:{route}")
    browser = Client(enforce_csrf_checks=True)
    return browser.post(url, text, "application/json", headers={"Authorization": basic(SECRET)})


def asked(broker: str, question: str, **facts: object) -> bool:
    """As the broker understands the answer."""
    answer = post(f"{broker}-{question}", facts)
    if broker == "emqx":
        assert answer.status_code == 200
        return {"allow": True, "deny": False}[answer.json()["result"]]
    assert answer.json()["ok"] is (answer.status_code == 200)
    return bool(answer.status_code == 200)


def may(broker: str, username: str, client_id: str, action: str, topic: str, **facts: object) -> bool:
    how = {"action": action} if broker == "emqx" else {"acc": ACC[action]}
    return asked(broker, "may", username=username, clientid=client_id, topic=topic, **how, **facts)


@pytest.mark.parametrize("broker", BROKERS)
def test_who_may_connect(
    world: World, issued: Issued, broker: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mine = {"username": issued.access_key, "password": issued.access_secret, "clientid": world.placed.device_id}
    assert asked(broker, "connect", **mine)
    assert CredentialUse.objects.exists()
    with django_assert_num_queries(1):
        assert asked(broker, "connect", **mine)
    assert not asked(broker, "connect", **mine | {"password": "wrong"})
    assert not asked(broker, "connect", **mine | {"clientid": world.foreign.device_id})
    assert asked(broker, "connect", username="site", password="site-secret", clientid="any")
    locks.lock_devices([world.placed], by=world.owner)
    assert not asked(broker, "connect", **mine)


@pytest.mark.parametrize("broker", BROKERS)
def test_who_may_what(
    world: World, issued: Issued, broker: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key, own, other = issued.access_key, world.placed.device_id, world.foreign.device_id
    with django_assert_num_queries(1):
        assert may(broker, key, own, "publish", f"devices/{own}/state")
    assert may(broker, key, own, "subscribe", f"devices/{own}/command")
    assert may(broker, "site", "handover-consumer", "subscribe", "devices/+/state")
    for action, topic in (
        ("publish", f"devices/{own}/command"),
        ("publish", f"devices/{other}/state"),
        ("subscribe", "devices/+/command"),
        ("subscribe", f"$share/g/devices/{own}/command"),
        ("subscribe", "#"),
    ):
        assert not may(broker, key, own, action, topic), topic
    assert not may(broker, key, other, "publish", f"devices/{own}/state")
    credentials.revoke_all_credentials([world.placed], by=world.owner)
    assert not may(broker, key, own, "publish", f"devices/{own}/state")


def test_emqx_says_whether_a_message_is_retained(world: World, issued: Issued) -> None:
    key, own = issued.access_key, world.placed.device_id
    for retain, allowed in ((True, False), ("true", False), (False, True), ("false", True)):
        assert may("emqx", key, own, "publish", f"devices/{own}/state", retain=retain) is allowed


def test_mosquitto_asks_before_it_delivers(world: World, issued: Issued) -> None:
    key, own, other = issued.access_key, world.placed.device_id, world.foreign.device_id
    assert may("mosquitto", key, own, "receive", f"devices/{own}/command")
    assert not may("mosquitto", key, own, "receive", f"devices/{other}/command")
    assert not may("mosquitto", key, own, "receive", f"devices/{own}/state")
    assert may("mosquitto", "site", "handover-consumer", "receive", f"devices/{own}/state")
    assert not may("mosquitto", "site", "handover-consumer", "receive", f"devices/{own}/command")


NONSENSE: list[object] = [b"", b"{", b"\xff", b"[" * 100_000, [], None, 1, {}, {"username": None, "acc": [1]}]


@pytest.mark.parametrize("route", ROUTES)
def test_nonsense_is_refused(db: None, route: str) -> None:
    for body in [*NONSENSE, {"username": "\0", "password": "\0", "clientid": "", "action": "publish", "acc": 2}]:
        answer = post(route, body)
        assert answer.json() in ({"result": "deny"}, {"ok": False, "error": "refused"})


@pytest.mark.parametrize("route", ROUTES)
def test_only_the_broker_is_answered(client: Client, db: None, route: str) -> None:
    url, missing = reverse(f"devices:{route}"), client.post("/broker/nothing")
    for header in ("", basic("wrong"), "Bearer " + basic(SECRET)[6:]):
        answer = client.post(url, b"{}", "application/json", headers={"Authorization": header})
        assert (answer.status_code, answer.content) == (404, missing.content)
    assert client.get(url, headers={"Authorization": basic(SECRET)}).status_code == 404
