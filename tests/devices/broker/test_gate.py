"""The gate as brokers ask it: over HTTP, while its database and its queue come and go."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from devices.broker import authorization, gate, lookup, refused_connects
from devices.broker.gate import Gate
from devices.broker.queue_watch import State
from devices.credentials import operations as credentials
from devices.models import Connection, Credential, CredentialUse, RefusedAttempt
from tests.devices.broker.test_rabbitmq import SECRET, basic

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from pytest_django import Settings

    from devices.credentials.operations import Issued
    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)


class Broker:
    """Asks a gate, many questions at once."""

    def __init__(self, of: Gate) -> None:
        self.gate = of

    async def ask(self, what: str, **fields: str) -> str:
        body = urlencode({key.replace("__", "."): value for key, value in fields.items()}).encode()
        status, answer = await self.post(f"/broker/rabbitmq/{what}", body)
        return answer.decode() if status == 200 else str(status)

    async def post(
        self, path: str, body: bytes = b"", *, secret: str = SECRET, method: str = "POST"
    ) -> tuple[int, bytes]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"authorization", basic(secret).encode())]
        await self.gate({"type": "http", "path": path, "method": method, "headers": headers}, receive, send)
        return sent[0]["status"], sent[1]["body"]


@pytest.fixture(autouse=True)
def _settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BROKER_AUTH_SECRET, settings.MQTT_URL = SECRET, "mqtt://site:site-secret@127.0.0.1"
    monkeypatch.setattr(lookup, "RETRY", 0.05)


@pytest.fixture
def issued(world: World) -> Issued:
    return credentials.issue_credential(device=world.placed, by=None)


@pytest.fixture
def connect(world: World, issued: Issued) -> dict[str, str]:
    secrets = {"username": issued.access_key, "password": issued.access_secret}
    return {**secrets, "client_id": world.placed.device_id}


def run(talk: Callable[[Broker], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        of = Gate()
        try:
            await talk(Broker(of))
        finally:
            await asyncio.to_thread(of.close)

    asyncio.run(whole())


@contextmanager
def database_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(*_: object) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(gate, "HOLD", 0.4)
        patch.setattr(lookup, "HOLD", 0.4)
        patch.setattr(authorization, "identify_many", fail)
        yield


def test_it_answers_as_the_site_does(world: World, connect: dict[str, str]) -> None:
    async def talk(broker: Broker) -> None:
        assert await broker.ask("user", **connect) == "allow"
        assert await broker.ask("user", **connect | {"password": "wrong"}) == "deny"
        assert await broker.ask("user", **connect | {"client_id": world.foreign.device_id}) == "deny"
        assert await broker.ask("user", username="site", password="site-secret", client_id="any") == "allow"
        assert await broker.ask("user", username="site", password="wrong", client_id="any") == "deny"
        assert await broker.ask("user", username="a\0b", password="x\0", client_id="any") == "deny"
        assert await broker.ask("vhost", username=connect["username"], vhost="/") == "allow"
        topic = {"username": connect["username"], "resource": "topic", "name": "amq.topic", "permission": "write"}
        for device, answer in ((world.placed, "allow"), (world.foreign, "deny")):
            assert await broker.ask("topic", **topic, routing_key=f"devices.{device.device_id}.state") == answer

    run(talk)
    assert CredentialUse.objects.count() == 1


def test_what_it_refuses_is_put_down(world: World, connect: dict[str, str]) -> None:
    async def talk(broker: Broker) -> None:
        assert await broker.ask("user", **connect | {"password": "wrong"}) == "deny"
        assert await broker.ask("user", **connect) == "allow"
        assert await broker.ask("vhost", username="nobody", vhost="/") == "deny"

    run(talk)
    refused_connects.refused_connects.count()
    assert [(row.device, row.reason) for row in RefusedAttempt.objects.all()] == [
        (world.placed, "connect-wrong-secret")
    ]


def test_a_device_that_sent_too_much_may_connect_and_say_nothing(world: World, connect: dict[str, str]) -> None:
    now = timezone.now()
    limits = {"last_seen_at": now, "limited_until": now + timedelta(minutes=1)}
    Connection.objects.update_or_create(device=world.placed, defaults=limits)
    topic = {"username": connect["username"], "resource": "topic", "name": "amq.topic", "permission": "write"}

    async def talk(broker: Broker) -> None:
        assert await broker.ask("user", **connect) == "allow"
        assert await broker.ask("topic", **topic, routing_key=f"devices.{world.placed.device_id}.state") == "deny"

    run(talk)


def test_a_wrong_secret_beside_a_right_name_in_one_batch_is_refused(connect: dict[str, str]) -> None:
    async def talk(broker: Broker) -> None:
        there = {"username": connect["username"], "vhost": "/"}
        guesses = [broker.ask("user", **connect | {"password": f"guess {number}"}) for number in range(50)]
        answers = await asyncio.gather(broker.ask("vhost", **there), *guesses, broker.ask("user", **connect))
        assert answers == ["allow", *["deny"] * 50, "allow"]

    run(talk)


def test_strangers_learn_nothing(connect: dict[str, str]) -> None:
    async def talk(broker: Broker) -> None:
        body = urlencode(connect).encode()
        assert await broker.post("/broker/rabbitmq/user", body, secret="wrong") == (404, b"")
        assert await broker.post("/broker/rabbitmq/user", body, method="GET") == (404, b"")
        assert await broker.post("/broker/nothing", body) == (404, b"")
        assert (await broker.post("/broker/rabbitmq/user", bytes(1 << 20)))[0] == 413
        for body in (b"\xff=\xff", b"&" * 5000, b"a=b&" * 5000):
            assert await broker.post("/broker/rabbitmq/user", body) == (200, b"deny")
        assert await broker.post("/broker/emqx/authentication", b'{"username": "\\ud800"}') == (
            200,
            b'{"result": "deny"}',
        )

    run(talk)


def test_who_was_let_in_stays_while_the_database_is_away_and_nobody_is_refused(
    world: World, connect: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = credentials.issue_credential(device=world.foreign, by=None)
    unknown = {"username": other.access_key, "password": other.access_secret, "client_id": world.foreign.device_id}
    there = {"username": connect["username"], "vhost": "/"}
    monkeypatch.setattr(lookup, "FRESH", 0.0)

    async def talk(broker: Broker) -> None:
        assert [await broker.ask("user", **connect), await broker.ask("vhost", **there)] == ["allow", "allow"]
        with database_away(monkeypatch):
            assert [await broker.ask("user", **connect), await broker.ask("vhost", **there)] == ["allow", "allow"]
            assert await broker.ask("user", **unknown) == "503"
            assert await broker.ask("user", username="site", password="site-secret", client_id="any") == "allow"
            settings.BROKER_STALE_SECONDS = 0.0
            assert await broker.ask("vhost", **there) == "503"
            waiting = asyncio.create_task(broker.ask("user", **unknown))
            await asyncio.sleep(0.1)
        assert await waiting == "allow"

    run(talk)


def test_a_revoked_credential_is_refused_once_the_database_can_say_so(
    world: World, connect: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "FRESH", 0.2)
    there = {"username": connect["username"], "vhost": "/"}

    def revoke() -> None:
        credentials.revoke_credential(credential=Credential.objects.get(access_key=connect["username"]), by=world.owner)
        connections.close_all()

    async def talk(broker: Broker) -> None:
        assert await broker.ask("vhost", **there) == "allow"
        thread = threading.Thread(target=revoke)
        thread.start()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0.2)
        assert await broker.ask("vhost", **there) == "deny"
        with database_away(monkeypatch):
            assert await broker.ask("vhost", **there) == "503"

    run(talk)


def test_no_device_is_let_in_before_its_reports_would_be_kept(connect: dict[str, str]) -> None:
    there = {"username": connect["username"], "vhost": "/"}

    async def talk(broker: Broker) -> None:
        queue = broker.gate._queue
        queue.state = State.UNKNOWN
        assert (await broker.post("/ready", method="GET"))[0] == 503
        assert [await broker.ask("user", **connect), await broker.ask("vhost", **there)] == ["503", "allow"]
        queue.state = State.MISSING
        assert [await broker.ask("user", **connect), await broker.ask("vhost", **there)] == ["503", "503"]
        own = {"username": "site", "resource": "queue", "name": "mqtt-subscription-handover-consumerqos1"}
        assert await broker.ask("resource", **own, permission="configure") == "allow"
        waiting = asyncio.create_task(broker.ask("user", **connect))
        await asyncio.sleep(0.1)
        queue.state = State.THERE
        assert await waiting == "allow"
        assert await broker.post("/ready", method="GET") == (200, b"ready")

    run(talk)
