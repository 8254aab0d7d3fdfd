from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from devices.credentials import operations as credentials
from devices.models import Credential

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries, Settings

    from devices.credentials.operations import Issued
    from tests.conftest import World

    Ask = Callable[..., str]

SECRET = "broker-secret"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def _secret(settings: Settings) -> None:
    settings.BROKER_AUTH_SECRET = SECRET
    settings.MQTT_URL = "mqtt://site:site-secret@127.0.0.1"


def basic(secret: str, user: str = "rabbitmq") -> str:
    return "Basic " + b64encode(f"{user}:{secret}".encode()).decode()


@pytest.fixture
def ask(client: Client) -> Ask:
    def post(what: str, **fields: str) -> str:
        fields = {key.replace("__", "."): value for key, value in fields.items()}
        headers = {"Authorization": basic(SECRET)}
        response = client.post(reverse(f"devices:rabbitmq-{what}"), urlencode(fields), FORM, headers=headers)
        assert response.status_code == 200
        assert response["Content-Type"] == "text/plain"
        return response.content.decode()

    return post


@pytest.fixture
def issued(world: World) -> Issued:
    return credentials.issue_credential(device=world.placed, by=None)


@pytest.mark.parametrize("what", ["user", "vhost", "resource", "topic"])
def test_only_the_broker_is_answered(client: Client, settings: Settings, db: None, what: str) -> None:
    url = reverse(f"devices:rabbitmq-{what}")
    missing = client.post("/broker/nothing")
    assert client.get(url, headers={"Authorization": basic(SECRET)}).status_code == 404
    wrong = ["", "Basic", "Basic !", basic("wrong"), basic(""), "Bearer " + basic(SECRET)[6:], "Basic " + SECRET]
    for header in wrong:
        answer = client.post(url, headers={"Authorization": header})
        assert (answer.status_code, answer.content) == (404, missing.content)
    settings.BROKER_AUTH_SECRET = ""
    for secret in ("", SECRET):
        assert client.post(url, headers={"Authorization": basic(secret)}).status_code == 404


def test_csrf_does_not_stop_the_broker(db: None) -> None:
    from django.test import Client as Browser

    browser = Browser(enforce_csrf_checks=True)
    answer = browser.post(reverse("devices:rabbitmq-user"), headers={"Authorization": basic(SECRET)})
    assert answer.content == b"deny"


def test_user(world: World, issued: Issued, ask: Ask, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    fields = {"username": issued.access_key, "password": issued.access_secret, "client_id": world.placed.device_id}
    assert ask("user", **fields) == "allow"
    with django_assert_num_queries(1):
        assert ask("user", **fields) == "allow"
    assert ask("user", **fields | {"client_id": world.foreign.device_id}) == "deny"
    assert ask("user", **fields | {"password": "wrong"}) == "deny"
    assert ask("user") == "deny"
    assert ask("user", username="site", password="site-secret", client_id="any") == "allow"
    assert ask("user", username="site", password="", client_id="any") == "deny"


def test_vhost(world: World, issued: Issued, ask: Ask) -> None:
    assert ask("vhost", username=issued.access_key, vhost="/", client_id=world.placed.device_id) == "allow"
    assert ask("vhost", username=issued.access_key, vhost="/") == "allow"
    assert ask("vhost", username=issued.access_key, vhost="/", client_id=world.foreign.device_id) == "deny"
    assert ask("vhost", username=issued.access_key, vhost="other") == "deny"
    assert ask("vhost", username="unknown", vhost="/") == "deny"


RESOURCES = [
    # resource, name, permission, a device, the site
    ("exchange", "amq.topic", "write", "allow", "allow"),
    ("exchange", "amq.topic", "read", "allow", "allow"),
    ("exchange", "amq.topic", "configure", "deny", "deny"),
    ("exchange", "amq.direct", "write", "deny", "deny"),
    ("queue", "mqtt-subscription-{own}qos1", "configure", "allow", "allow"),
    ("queue", "mqtt-subscription-{own}qos0", "read", "allow", "allow"),
    ("queue", "mqtt-subscription-{other}qos1", "read", "deny", "allow"),
    ("queue", "mqtt-subscription-handover-consumerqos1", "read", "deny", "allow"),
    ("queue", "handover.unrouted", "read", "deny", "allow"),
    ("queue", "handover.unrouted", "write", "deny", "deny"),
    ("queue", "handover.unrouted", "configure", "deny", "deny"),
    ("exchange", "handover.unrouted", "write", "deny", "deny"),
    ("exchange", "handover.parts", "write", "deny", "allow"),
    ("exchange", "handover.parts", "read", "deny", "allow"),
    ("exchange", "handover.parts", "configure", "deny", "deny"),
    ("queue", "anything", "write", "deny", "deny"),
    ("topic", "amq.topic", "write", "deny", "deny"),
]


@pytest.mark.parametrize(("kind", "name", "permission", "device", "site"), RESOURCES)
def test_resource(
    world: World, issued: Issued, ask: Ask, kind: str, name: str, permission: str, device: str, site: str
) -> None:
    name = name.format(own=world.placed.device_id, other=world.foreign.device_id)
    fields = {"vhost": "/", "resource": kind, "name": name, "permission": permission}
    assert ask("resource", username=issued.access_key, **fields) == device
    assert ask("resource", username="site", **fields) == site
    assert ask("resource", username="unknown", **fields) == "deny"


TOPICS = [
    # routing key, a device writes, a device reads, the site writes, the site reads
    ("devices.{own}.state", "allow", "deny", "deny", "deny"),
    ("losant.{own}.state", "allow", "deny", "deny", "deny"),
    ("devices.{own}.command", "deny", "allow", "allow", "allow"),
    ("devices.{other}.state", "deny", "deny", "deny", "deny"),
    ("devices.{other}.command", "deny", "deny", "allow", "allow"),
    ("devices.*.state", "deny", "deny", "deny", "allow"),
    ("devices.#", "deny", "deny", "deny", "deny"),
    ("devices/{own}/state", "deny", "deny", "deny", "deny"),
    ("$share.g.devices.{own}.command", "deny", "deny", "deny", "deny"),
]


@pytest.mark.parametrize(("key", "out", "into", "site_out", "site_into"), TOPICS)
def test_topic(
    world: World, issued: Issued, ask: Ask, key: str, out: str, into: str, site_out: str, site_into: str
) -> None:
    key = key.format(own=world.placed.device_id, other=world.foreign.device_id)
    fields = {"vhost": "/", "resource": "topic", "name": "amq.topic", "routing_key": key}
    assert ask("topic", username=issued.access_key, permission="write", **fields) == out
    assert ask("topic", username=issued.access_key, permission="read", **fields) == into
    assert ask("topic", username="site", permission="write", **fields) == site_out
    assert ask("topic", username="site", permission="read", **fields) == site_into
    assert ask("topic", username=issued.access_key, permission="configure", **fields) == "deny"
    foreign = world.foreign.device_id
    assert (
        ask("topic", username=issued.access_key, permission="write", variable_map__client_id=foreign, **fields)
        == "deny"
    )


def test_after_revocation_nothing(world: World, issued: Issued, ask: Ask) -> None:
    credentials.revoke_credential(credential=Credential.objects.get(access_key=issued.access_key), by=world.owner)
    key, own = issued.access_key, world.placed.device_id
    assert ask("user", username=key, password=issued.access_secret, client_id=own) == "deny"
    assert ask("vhost", username=key, vhost="/") == "deny"
    assert ask("resource", username=key, resource="exchange", name="amq.topic", permission="write") == "deny"
    assert (
        ask("topic", username=key, name="amq.topic", permission="write", routing_key=f"devices.{own}.state") == "deny"
    )
