"""A Redis that takes no writes, hangs or is away: reports are stored, jobs go on by themselves (quality: row 14)."""

from __future__ import annotations

import json
import signal
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import redis as client_of_redis
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from config.tasks import clear_sessions
from devices.models import Import
from devices.mqtt import heartbeat
from lib import tasks
from telemetry.models import Report
from tests import builders, parts
from tests.mqtt.gateway import Gateway
from tests.mqtt.mosquitto import mosquitto
from tests.mqtt.processes import eventually, python, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from django.test import Client
    from pytest_django import Settings

    from tests.conftest import World
    from tests.mqtt.processes import Process

    Tell = Callable[..., object]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]

PATIENCE = 60.0

# As after a failover, when its memory is full, and when it misses its replica: what brings it there, and back.
REFUSALS = [
    (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0")),
]


@pytest.fixture
def redis(settings: Settings) -> Iterator[parts.Redis]:
    server = parts.Redis()
    server.start()
    settings.REDIS_URL = settings.CELERY_BROKER_URL = server.url
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": server.url}}
    yield server
    server.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Process]:
    with running(mosquitto(tmp_path)) as process:
        yield process


@pytest.fixture
def worker(broker: Process, redis: parts.Redis, world: World) -> Process:
    command = ("-m", "celery", "-A", "config", "worker", "--pool", "threads", "--concurrency", "2", "--consumer")
    return python(*command, MQTT_URL=f"mqtt://127.0.0.1:{broker.port}", REDIS_URL=redis.url)


@pytest.fixture
def report(broker: Process, world: World) -> Iterator[Callable[[int], None]]:
    device = Gateway(broker.port, "device", "", "")
    device.connect()

    def send(number: int) -> None:
        """Returns once it is stored."""
        topic = f"devices/{world.placed.device_id}/state"
        stored = Report.objects.filter(device=world.placed, data={"rpm": number})

        def is_stored() -> bool:
            time.sleep(0.2)
            return device.publish(topic, json.dumps({"data": {"rpm": number}})) and stored.exists()

        eventually(is_stored, PATIENCE)

    yield send
    device.leave()


@contextmanager
def hanging(redis: parts.Redis) -> Iterator[None]:
    """It takes connections and answers nothing."""
    assert redis.process is not None
    redis.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        redis.process.send_signal(signal.SIGCONT)


@contextmanager
def away(redis: parts.Redis) -> Iterator[None]:
    assert redis.process is not None
    redis.process.kill()
    redis.process.wait()
    try:
        yield
    finally:
        redis.start()


def a_job_is_done() -> None:
    """Asked for until Redis takes it, as beat does."""
    Session.objects.create(session_key="over", expire_date=timezone.now() - timedelta(days=1))
    tasks.send(clear_sessions.name)
    eventually(lambda: not Session.objects.filter(session_key="over").exists(), PATIENCE)


def test_a_redis_that_takes_no_writes(
    worker: Process, redis: parts.Redis, report: Callable[[int], None], tmp_path: Path
) -> None:
    worker.log = tmp_path / "worker.log"
    tell: Tell = client_of_redis.Redis.from_url(redis.url).execute_command
    tell(*REFUSALS[0][0])
    with running(worker):
        for number, (refuse, accept) in enumerate(REFUSALS):
            tell(*refuse)
            report(2 * number)
            time.sleep(1.0)  # as long as the worker needs to notice
            assert worker.is_up()
            report(2 * number + 1)
            tell(*accept)
            a_job_is_done()
    assert "Frequent restarts detected" not in worker.log.read_text()  # it tries again calmly


def test_a_redis_that_is_away_when_the_worker_starts_and_then_hangs(
    worker: Process, redis: parts.Redis, report: Callable[[int], None]
) -> None:
    with ExitStack() as stack:
        with away(redis):
            stack.enter_context(running(worker))
            report(0)
            time.sleep(2.0)  # as long as the worker needs to notice
            assert worker.is_up()
        with hanging(redis):
            report(1)
            began = time.monotonic()
            for number in range(2, 14):
                report(number)
            assert time.monotonic() - began < 12  # it would wait for each announcement
        a_job_is_done()


@pytest.mark.parametrize("trouble", [hanging, away])
def test_pages_wait_for_it_once_and_briefly(
    client: Client, world: World, redis: parts.Redis, trouble: Callable[[parts.Redis], AbstractContextManager[None]]
) -> None:
    login = reverse("account_login")
    client.post(login, {"login": world.owner.email, "password": "wrong"})  # by a connection that goes stale
    with trouble(redis):
        began = time.monotonic()
        client.post(login, {"login": world.owner.email, "password": "wrong"})
        assert client.post(login, {"login": world.owner.email, "password": builders.PASSWORD}).status_code == 302
        assert client.get("/").status_code == 200
        assert client.get(reverse("devices:api-devices")).status_code == 200
        for _ in range(3):
            answer = client.post(reverse("devices:new-many"), {"recipe": world.version.recipe_id, "total": 3})
            assert answer.status_code == 302
        assert time.monotonic() - began < 10  # waiting each time takes 28 seconds
        assert Import.objects.filter(state=Import.State.WAITING).count() == 3
    eventually(lambda: cache.get_or_set("asked", "again") and cache.get("asked") == "again", 5)


@pytest.mark.parametrize("trouble", [hanging, away])
def test_who_asks_for_a_job_first_does_not_wait_either(
    redis: parts.Redis, trouble: Callable[[parts.Redis], AbstractContextManager[None]]
) -> None:
    """The queue's library sleeps for six seconds between its tries, whatever it is told of retrying."""
    with trouble(redis):
        began = time.monotonic()
        tasks.send(clear_sessions.name)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("refuse", [refuse for refuse, _ in REFUSALS])
def test_pages_work_while_it_takes_no_writes(
    client: Client, world: World, redis: parts.Redis, refuse: tuple[str, ...]
) -> None:
    tell: Tell = client_of_redis.Redis.from_url(redis.url).execute_command
    tell(*refuse)
    login = reverse("account_login")
    assert client.post(login, {"login": world.owner.email, "password": builders.PASSWORD}).status_code == 302
    assert client.post(reverse("devices:new-many"), {"recipe": world.version.recipe_id, "total": 3}).status_code == 302
    assert "redis" in client.get("/healthz").json()["down"]
    with pytest.raises(client_of_redis.ResponseError):
        heartbeat.read()  # as it is not known whether a consumer is at work
