"""Brokers that no test starts: the very requests that their documentation or source shows, to a gate over HTTP.

EMQX 5: docs.emqx.com, "Use HTTP Service" (authentication and authorization), with the bodies that docs/operations.md
tells an operator to enter there. mosquitto-go-auth: `backends/http.go` in its JSON mode, whose Go encoder escapes `&`,
`<` and `>`.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from devices.broker.gate import Gate
from devices.credentials import operations as credentials
from tests.devices.broker.test_rabbitmq import SECRET, basic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

    from devices.credentials.operations import Issued
    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)

EMQX = [(b"accept", b"application/json"), (b"cache-control", b"no-cache"), (b"connection", b"keep-alive")]
GO_AUTH = [(b"user-agent", b"mosquitto-2.1.0"), (b"accept-encoding", b"gzip")]
AUTHENTICATION = '{"username": "%(user)s", "password": "%(password)s", "clientid": "%(client)s"}'
AUTHORIZATION = (
    '{"username": "%(user)s", "clientid": "%(client)s", "action": "%(action)s", "topic": "%(topic)s",'
    ' "retain": "%(retain)s", "qos": "%(qos)s"}'
)


@pytest.fixture(autouse=True)
def _secret(settings: Settings) -> None:
    settings.BROKER_AUTH_SECRET, settings.MQTT_URL = SECRET, "mqtt://site:site-secret@127.0.0.1"


@pytest.fixture
def issued(world: World) -> Issued:
    return credentials.issue_credential(device=world.placed, by=None)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.close()


def send(gate: Gate, path: str, body: str, headers: list[tuple[bytes, bytes]]) -> tuple[int, str, Any]:
    """Return status, content type and JSON of the answer."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body.encode()}

    async def answer(message: dict[str, Any]) -> None:
        sent.append(message)

    own = [(b"content-type", b"application/json"), (b"authorization", basic(SECRET).encode()), *headers]
    asyncio.run(gate({"type": "http", "path": path, "method": "POST", "headers": own}, receive, answer))
    head = dict(sent[0]["headers"])
    assert int(head[b"content-length"]) == len(sent[1]["body"])
    return sent[0]["status"], head[b"content-type"].decode(), json.loads(sent[1]["body"])


def test_emqx_asks_who_may_connect(world: World, issued: Issued, gate: Gate) -> None:
    """200 and `result`: every other status is no opinion, and passes on to the next authenticator."""
    mine = {"user": issued.access_key, "password": issued.access_secret, "client": world.placed.device_id}
    for changed, result in (
        ({}, "allow"),
        ({"password": "wrong"}, "deny"),
        ({"client": world.foreign.device_id}, "deny"),
        ({"user": "undefined", "password": "undefined"}, "deny"),  # what EMQX fills in for a client that sent none
    ):
        answer = send(gate, "/broker/emqx/authentication", AUTHENTICATION % (mine | changed), EMQX)
        assert answer == (200, "application/json", {"result": result})


def test_emqx_asks_who_may_what(world: World, issued: Issued, gate: Gate) -> None:
    own, other = world.placed.device_id, world.foreign.device_id
    mine = {"user": issued.access_key, "client": own, "qos": 1, "retain": "false"}
    for action, topic, retain, result in (
        ("publish", f"devices/{own}/state", "false", "allow"),
        ("publish", f"devices/{own}/state", "true", "deny"),
        ("publish", f"devices/{other}/state", "false", "deny"),
        ("subscribe", f"devices/{own}/command", "undefined", "allow"),
        ("subscribe", f"$share/all/devices/{own}/command", "undefined", "deny"),
        ("subscribe", "devices/+/command", "undefined", "deny"),
        ("all", f"devices/{own}/state", "false", "deny"),
    ):
        body = AUTHORIZATION % (mine | {"action": action, "topic": topic, "retain": retain})
        answer = send(gate, "/broker/emqx/authorization", body, EMQX)
        assert answer == (200, "application/json", {"result": result}), topic


def go_json(**members: object) -> str:
    """As Go's `json.Marshal` writes a map: sorted, without spaces, and safe in HTML."""
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def test_mosquitto_go_auth_asks_who_may_connect(world: World, issued: Issued, gate: Gate) -> None:
    """It takes the status; `ok` in its other mode says the same. 5xx is an error there, and refuses, too."""
    own = world.placed.device_id
    for username, password, client_id, status in (
        (issued.access_key, issued.access_secret, own, 200),
        (issued.access_key, "<&>", own, 403),
        (issued.access_key, issued.access_secret, world.foreign.device_id, 403),
        ("", "", "", 403),
    ):
        body = go_json(username=username, password=password, clientid=client_id)
        answer = send(gate, "/broker/mosquitto/user", body, GO_AUTH)
        assert (answer[0], answer[2]["ok"]) == (status, status == 200)


def test_mosquitto_go_auth_asks_who_may_what(world: World, issued: Issued, gate: Gate) -> None:
    own, other = world.placed.device_id, world.foreign.device_id
    for acc, topic, status in (
        (2, f"devices/{own}/state", 200),
        (2, f"devices/{other}/state", 403),
        (4, f"devices/{own}/command", 200),
        (1, f"devices/{own}/command", 200),
        (4, "#", 403),
        (3, f"devices/{own}/state", 403),  # MOSQ_ACL_READ and _WRITE at once, which nobody is asked for
    ):
        body = go_json(username=issued.access_key, clientid=own, topic=topic, acc=acc)
        assert send(gate, "/broker/mosquitto/acl", body, GO_AUTH)[0] == status, (acc, topic)
