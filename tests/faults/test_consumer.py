"""The worker that stores what devices report, under load, while it and what it needs are killed (quality: row 12)."""

from __future__ import annotations

import json
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import SyncToAsync
from django.db import connection, connections
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from devices.models import ConsumerProcess
from devices.mqtt import heartbeat
from provisioning.models import Window
from provisioning.windows import operations as windows
from telemetry.models import Report
from tests import builders, parts
from tests.mqtt.mosquitto import mosquitto
from tests.mqtt.presses import press_until
from tests.mqtt.processes import Process, eventually, python, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from django.test import Client as WebClient
    from pytest_django import Settings

    from devices.models import Device
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]

DEVICES, EACH, PAUSE = 4, 400, 0.01


@pytest.fixture
def redis(settings: Settings) -> Iterator[parts.Redis]:
    server = parts.Redis()
    server.start()
    settings.REDIS_URL = server.url
    yield server
    server.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Process]:
    with running(mosquitto(tmp_path)) as process:
        yield process


@pytest.fixture
def worker(broker: Process, redis: parts.Redis, world: World) -> Iterator[Process]:
    url = f"mqtt://127.0.0.1:{broker.port}"
    command = ("-m", "celery", "-A", "config", "worker", "--pool", "solo", "--consumer")
    process = python(*command, MQTT_URL=url, REDIS_URL=redis.url)
    with running(process):
        eventually(heartbeat.read, 60)
        yield process


@pytest.fixture
def fleet(world: World) -> list[Device]:
    return [builders.make_device(world.version) for _ in range(DEVICES)]


class Load(threading.Thread):
    """One device's reports at QoS 1, each with a time of its own, one after the other's acknowledgement.

    EACH of them, and then a tenth as often until it is enough.
    """

    def __init__(self, port: int, device: Device, enough: threading.Event) -> None:
        super().__init__(daemon=True)
        self.device = device
        self._enough = enough
        self.acknowledged: list[tuple[int, int]] = []
        self._client = Client(CallbackAPIVersion.VERSION2, device.device_id)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def run(self) -> None:
        began = int(time.time() * 1000) - 60_000
        number = 0
        while number < EACH or not self._enough.is_set():
            body = json.dumps({"data": {"rpm": number}, "time": began + number})
            sent = self._client.publish(f"devices/{self.device.device_id}/state", body, qos=1)
            sent.wait_for_publish(20)
            self.acknowledged.append((began + number, number))
            number += 1
            time.sleep(PAUSE if number < EACH else 10 * PAUSE)
        self._client.disconnect()
        self._client.loop_stop()


def begin(broker: Process, fleet: list[Device], enough: threading.Event | None = None) -> list[Load]:
    if enough is None:
        enough = threading.Event()
        enough.set()
    loads = [Load(broker.port, device, enough) for device in fleet]
    for load in loads:
        load.start()
    return loads


def everything_is_stored_once(loads: list[Load]) -> None:
    for load in loads:
        load.join(60)
    expected = {(load.device.pk, at, number) for load in loads for at, number in load.acknowledged}
    assert len(expected) >= DEVICES * EACH
    rows = Report.objects.filter(device__in=[load.device for load in loads])
    eventually(lambda: rows.count() >= len(expected), 30)
    stored = [(row.device_id, round(row.at.timestamp() * 1000), row.data["rpm"]) for row in rows]
    assert sorted(stored) == sorted(expected)


def test_killed_again_and_again(broker: Process, worker: Process, fleet: list[Device]) -> None:
    enough = threading.Event()
    loads = begin(broker, fleet, enough)
    for _ in range(4):
        time.sleep(0.7)
        worker.kill()
        worker.start()
        heartbeat.connect().delete(heartbeat.KEY)
        eventually(heartbeat.read, 60)
    enough.set()
    everything_is_stored_once(loads)


@pytest.mark.postgres
def test_the_database_drops_its_connections(broker: Process, worker: Process, fleet: list[Device]) -> None:
    enough = threading.Event()
    loads = begin(broker, fleet, enough)
    dropped, began = 0, time.monotonic()
    while time.monotonic() < began + 4 or (dropped < 3 and time.monotonic() < began + 60):
        time.sleep(0.5)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            dropped += cursor.fetchone()[0]
    enough.set()
    # That of the thread on which earlier tests ran their asynchronous views is among them.
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
    assert dropped >= 3
    everything_is_stored_once(loads)


def test_redis_is_away(broker: Process, worker: Process, redis: parts.Redis, fleet: list[Device]) -> None:
    redis.stop()
    everything_is_stored_once(begin(broker, fleet))
    worker.kill()  # Celery leaves in order only between two tries to reach Redis


def test_a_press_counts_once_however_often_it_is_delivered(broker: Process, worker: Process, world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    client = Client(CallbackAPIVersion.VERSION2, "device")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    topic = f"devices/{world.waiting.device_id}/state"
    press_until(
        lambda: Window.objects.get(pk=window.pk).pressed_at,
        lambda: client.publish(topic, json.dumps({"data": {"registerButton": True}}), qos=1).wait_for_publish(5),
    )
    pressed_at = Window.objects.get(pk=window.pk).pressed_at
    for _ in range(5):
        client.publish(topic, json.dumps({"data": {"registerButton": True}}), qos=1).wait_for_publish(5)
    client.publish(topic, json.dumps({"data": {"rpm": 7}}), qos=1).wait_for_publish(5)
    eventually(lambda: Report.objects.filter(device=world.waiting, data={"rpm": 7}).exists())
    assert Window.objects.get(pk=window.pk).pressed_at == pressed_at
    client.disconnect()
    client.loop_stop()


def test_a_press_that_waited_at_the_broker_does_not_count(broker: Process, worker: Process, world: World) -> None:
    """While the consumer was away, and while it was merely behind; then one counts that came in time."""
    client = Client(CallbackAPIVersion.VERSION2, "device")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    topic, rpm = f"devices/{world.waiting.device_id}/state", 0

    def press() -> None:
        nonlocal rpm
        rpm += 1
        body = json.dumps({"data": {"registerButton": True, "rpm": rpm}})
        client.publish(topic, body, qos=1).wait_for_publish(5)

    def stored() -> bool:
        return Report.objects.filter(device=world.waiting, data__rpm=rpm).exists()

    def pressed() -> bool:
        return Window.objects.get(pk=window.pk).pressed_at is not None

    press()
    eventually(stored)
    worker.signal(signal.SIGSTOP)
    press()
    window = windows.open_window(device=world.waiting, by=world.technician)
    worker.signal(signal.SIGCONT)
    eventually(stored)
    assert not pressed()

    worker.stop()
    press()
    window = windows.open_window(device=world.waiting, by=world.technician)
    worker.start()
    eventually(stored, 20)
    assert not pressed()
    press_until(pressed, press)
    client.disconnect()
    client.loop_stop()


def test_it_leaves_in_order(broker: Process, worker: Process, fleet: list[Device]) -> None:
    loads = begin(broker, fleet)
    time.sleep(0.5)
    worker.stop()
    assert heartbeat.read() is None
    worker.start()
    everything_is_stored_once(loads)


def test_a_second_one_stands_by_and_takes_over(
    broker: Process, worker: Process, redis: parts.Redis, fleet: list[Device], client: WebClient, settings: Settings
) -> None:
    settings.MQTT_URL = f"mqtt://127.0.0.1:{broker.port}"
    eventually(lambda: client.get("/healthz").status_code == 200)
    with running(Process(worker.command, env=worker.env)):
        eventually(lambda: ConsumerProcess.objects.live().count() == 2, 60)
        beat = heartbeat.read()
        enough = threading.Event()
        loads = begin(broker, fleet, enough)
        time.sleep(2)
        assert (heartbeat.read() or {})["by"] == (beat or {})["by"]
        worker.kill()
        eventually(lambda: (heartbeat.read() or beat or {})["by"] != (beat or {})["by"], 15)
        enough.set()
        everything_is_stored_once(loads)
    worker.start()
