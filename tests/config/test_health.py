"""/healthz: what is up, what is not, within bounds, and no reasons for strangers."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import redis
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from config import health
from devices.mqtt import heartbeat, parts
from lib import stopping
from tests.parts import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client
    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broker(settings: Settings) -> Iterator[socket.socket]:
    """Something that answers every connect."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings.MQTT_URL = f"mqtt://handover:secret-of-the-broker@127.0.0.1:{listening.getsockname()[1]}"
        answering = threading.Thread(target=answer, args=[listening], daemon=True)
        answering.start()
        yield listening
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        answering.join()


def answer(listening: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            with client:
                client.recv(1000)
                client.sendall(b"\x20\x02\x00\x00")


@pytest.fixture
def store() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    yield client
    client.delete(heartbeat.KEY)


def beat(store: redis.Redis, **facts: float) -> None:
    store.set(heartbeat.KEY, json.dumps({"time": time.time(), "connected": True, "failing": False} | facts))


def test_all_up(client: Client, broker: socket.socket, store: redis.Redis) -> None:
    beat(store)
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "up", "parts": dict.fromkeys(health.CHECKS, "up")}
    assert "no-store" in answer["Cache-Control"]


def test_no_broker(client: Client, broker: socket.socket, store: redis.Redis) -> None:
    beat(store)
    broker.shutdown(socket.SHUT_RDWR)
    broker.close()
    assert_down(client, "broker")


def test_a_broker_that_hangs(client: Client, store: redis.Redis, settings: Settings) -> None:
    beat(store)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        settings.MQTT_URL = f"mqtt://127.0.0.1:{hanging.getsockname()[1]}"
        assert_down(client, "broker")


def test_no_consumer(client: Client, broker: socket.socket, store: redis.Redis) -> None:
    assert_down(client, "consumer")


@pytest.mark.parametrize("facts", [{"connected": False}, {"failing": True}, {"behind": 11.0}, {"rival": True}])
def test_a_consumer_that_gets_nothing_stored(
    client: Client, broker: socket.socket, store: redis.Redis, facts: dict[str, float]
) -> None:
    beat(store, **facts)
    assert_down(client, "consumer")


def test_no_redis(client: Client, broker: socket.socket, settings: Settings) -> None:
    settings.REDIS_URL = f"redis://:secret-of-redis@127.0.0.1:{free_port()}/0"
    assert_down(client, "consumer", "redis")


def test_no_database(
    client: Client, broker: socket.socket, store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat(store)

    def refuse() -> bool:
        raise OSError("secret-of-the-database")

    monkeypatch.setitem(health.CHECKS, "database", refuse)
    assert_down(client, "database")


@pytest.mark.postgres
def test_a_connection_to_the_database_that_was_cut_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its threads stay, and what they kept would be of a database that has since restarted."""
    with ThreadPoolExecutor(1) as thread:
        monkeypatch.setattr(health, "_pool", thread)
        monkeypatch.setattr(health, "CHECKS", {name: health.CHECKS[name] for name in ("database", "session")})
        for _ in range(2):
            assert health.check() == {"database": True, "session": True}
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )


def test_while_the_database_is_away_nothing_is_said_of_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError

    monkeypatch.setattr("devices.broker.sessions.find_loss", fail)
    assert health.check()["session"]


def test_a_check_that_hangs_is_not_waited_for(
    client: Client, broker: socket.socket, store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat(store)
    hangs = threading.Event()
    monkeypatch.setitem(health.CHECKS, "database", lambda: hangs.wait(30))
    began = time.monotonic()
    assert_down(client, "database")
    assert time.monotonic() - began < health.WITHIN + 2
    hangs.set()


def test_is_not_sent_to_https(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == 503


def test_only_reads(client: Client) -> None:
    assert client.post("/healthz").status_code == 405


def assert_down(client: Client, *names: str) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["down"] == list(names)
    assert b"secret" not in answer.content


@pytest.mark.parametrize(
    ("start_seconds", "said"), [(0, ("WARNING", "down: consumer")), (3600, ("INFO", "waiting for: consumer"))]
)
def test_the_log_says_what_changed_and_nothing_again(
    client: Client,
    broker: socket.socket,
    store: redis.Redis,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    start_seconds: int,
    said: tuple[str, str],
) -> None:
    """Parts that start after the site are waited for; later the same is an alarm."""
    caplog.set_level("INFO", "config.health")
    monkeypatch.setattr(health, "START_SECONDS", start_seconds)
    health._noted.clear()
    for _ in range(3):
        client.get("/healthz")
    beat(store)
    client.get("/healthz")
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "config.health"]
    assert lines == [said, ("INFO", "everything is up")]


def test_many_who_ask_at_once_ask_the_parts_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may ask, and each asking of the parts is a connection to each."""
    asked: list[int] = []

    def look() -> bool:
        asked.append(1)
        time.sleep(0.1)
        return True

    monkeypatch.setattr(health, "FRESH_SECONDS", 30.0)
    monkeypatch.setattr(health, "CHECKS", {"part": look})
    with ThreadPoolExecutor(20) as threads:
        told = list(threads.map(lambda _: health.check(), range(20)))
    assert told == [{"part": True}] * 20
    assert client.get("/healthz").json()["status"] == "up"
    assert len(asked) == 1


class TestReadiness:
    def test_ready(self) -> None:
        assert health.find_lacks() == []

    @pytest.mark.parametrize(("gone", "said"), [("database", ["database"]), ("migrations", ["migrations"])])
    def test_what_it_lacks(self, monkeypatch: pytest.MonkeyPatch, gone: str, said: list[str]) -> None:
        monkeypatch.setitem(health.READINESS, gone, lambda: False)
        assert health.find_lacks() == said

    def test_migrations_are_looked_at_until_all_are_there(self) -> None:
        health._known_to_be_migrated.clear()
        applied = MigrationRecorder.Migration.objects.filter(app="telemetry")
        rows = list(applied)
        applied.delete()
        try:
            assert not health._migrated()
        finally:
            MigrationRecorder.Migration.objects.bulk_create(rows)
        assert health._migrated()
        MigrationRecorder(connection).record_applied("telemetry", "9999_of_a_later_release")
        health._known_to_be_migrated.clear()
        assert health._migrated()
        applied.filter(name="9999_of_a_later_release").delete()

    def test_who_is_told_to_stop_asks_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stopping, "_stopping", threading.Event())
        monkeypatch.setattr(health, "READINESS", {})
        stopping.begin()
        assert health.find_lacks() == ["stopping"]


def test_of_several_consumers_each_is_told_and_every_part_needs_one(
    client: Client, broker: socket.socket, store: redis.Redis, settings: Settings
) -> None:
    settings.CONSUMERS, settings.BROKER_DIVIDES = 2, "exchange"
    health._known.until = 0.0
    facts = {"time": time.time(), "connected": True, "failing": False, "counts": {}}
    keys = [heartbeat.build_key(part) for part in range(parts.PARTS)]
    for number, key in enumerate(keys):
        of = number % 2
        store.set(key, json.dumps(facts | {"by": f"consumer {of}", "queued": 10 * of, "behind": 0.5}))
    try:
        answer = client.get("/healthz").json()
        assert answer["status"] == "up"
        assert sorted(answer["consumers"], key=lambda each: each["queued"]) == [
            {"parts": parts.PARTS // 2, "queued": queued, "behind": 0.5} for queued in (0, 10)
        ]
        assert (heartbeat.read() or {})["queued"] == 10
        health._known.until = 0.0
        store.delete(keys[-1])
        assert_down(client, "consumer")
    finally:
        store.delete(*keys)
