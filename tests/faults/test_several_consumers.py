"""Several consumers behind RabbitMQ: each has its part of the devices, and another takes it over when it dies."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest
from django.db import connection

from devices.credentials import operations as credentials
from devices.models import ConsumerPart
from devices.mqtt import heartbeat
from devices.mqtt.parts import PARTS
from telemetry.models import Report
from tests import builders, parts
from tests.mqtt import fleet as fleets
from tests.mqtt.gateway import ACCEPTED, Gateway, gateway
from tests.mqtt.processes import Process, eventually, python, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pytest_django import Settings

    from devices.models import Device
    from tests.conftest import World
    from tests.mqtt.fleet import Fleet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres]

DEVICES = 16
PAUSE = 0.05
TAKEN_OVER = 10.0

RECORD = """
CREATE TABLE who_stored (device bigint, who text, at timestamptz, reported timestamptz);
CREATE FUNCTION record_who() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO who_stored
    VALUES (new.device_id, current_setting('application_name'), clock_timestamp(), new.at);
  RETURN NULL;
END $$;
CREATE TRIGGER record_who AFTER INSERT OR UPDATE ON telemetry_report FOR EACH ROW EXECUTE FUNCTION record_who();
"""
FORGET = "DROP TRIGGER record_who ON telemetry_report; DROP FUNCTION record_who; DROP TABLE who_stored"


class Stored(NamedTuple):
    """Hold who stored something of a device, and which moment that is of."""

    who: str
    reported: datetime


@pytest.fixture(scope="module")
def several() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONSUMERS", "2")
        yield


@pytest.fixture(scope="module")
def fleet(several: None, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleets.fleet(tmp_path_factory.mktemp("fleet")) as it:
        yield it


@pytest.fixture
def redis(settings: Settings) -> Iterator[parts.Redis]:
    server = parts.Redis()
    server.start()
    settings.REDIS_URL, settings.CONSUMERS, settings.BROKER_DIVIDES = server.url, 2, "exchange"
    yield server
    server.stop()


@pytest.fixture
def recorded(world: World) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(RECORD)
    yield
    with connection.cursor() as cursor:
        cursor.execute(FORGET)


def make_worker(fleet: Fleet, redis: parts.Redis, name: str, consumers: int = 2) -> Process:
    command = ("-m", "celery", "-A", "config", "worker", "--pool", "solo", "--consumer", "--hostname", name)
    return python(
        *command,
        MQTT_URL=fleet.site_url,
        BROKER_AMQP_URL=f"amqp://127.0.0.1:{fleet.amqp}",
        BROKER_AUTH_SECRET=fleets.SECRET,
        REDIS_URL=redis.url,
        CONSUMERS=str(consumers),
        PGAPPNAME=name,
    )


@pytest.fixture
def workers(fleet: Fleet, redis: parts.Redis, recorded: None) -> Iterator[list[Process]]:
    first, second = (make_worker(fleet, redis, name) for name in ("first", "second"))
    with running(first), running(second):
        eventually(lambda: count_held() == [PARTS // 2] * 2, 180)
        eventually(fleet.is_ready, 120)
        eventually(heartbeat.read, 60)
        yield [first, second]


def count_held() -> list[int]:
    held: defaultdict[str, int] = defaultdict(int)
    for holder in ConsumerPart.objects.values_list("holder", flat=True):
        held[holder] += 1
    return sorted(held.values())


def find_storers() -> dict[int, list[Stored]]:
    """Who stored what of each device, in order."""
    found: defaultdict[int, list[Stored]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute("SELECT device, who, reported FROM who_stored ORDER BY at")
        for device, who, reported in cursor.fetchall():
            found[device].append(Stored(who, reported))
    return found


class Load(threading.Thread):
    """One device's reports, each with a number and a time of its own, one after the other's acknowledgement."""

    def __init__(self, device: Device, client: Gateway) -> None:
        super().__init__(daemon=True)
        self.device = device
        self.acknowledged: list[tuple[int, int]] = []
        self.enough = threading.Event()
        self._client = client

    def run(self) -> None:
        began, number = int(time.time() * 1000) - 600_000, 0
        while not self.enough.is_set():
            body = json.dumps({"data": {"rpm": number}, "time": began + number})
            with suppress(AssertionError):
                if self._client.publish(f"devices/{self.device.device_id}/state", body):
                    self.acknowledged.append((began + number, number))
            number += 1
            time.sleep(PAUSE)
        self._client.leave()


@pytest.fixture
def loads(fleet: Fleet, workers: list[Process], world: World) -> Iterator[list[Load]]:
    devices = [builders.make_device(world.version) for _ in range(DEVICES)]
    clients = [gateway(fleet.port, each, credentials.issue_credential(device=each, by=None)) for each in devices]
    assert [client.connect() for client in clients] == [ACCEPTED] * DEVICES
    begun = [Load(*each) for each in zip(devices, clients, strict=True)]
    for load in begun:
        load.start()
    yield begun
    for load in begun:
        load.enough.set()


def everything_is_stored_once(loads: list[Load]) -> None:
    for load in loads:
        load.enough.set()
        load.join(60)
    expected = sorted((load.device.pk, at, number) for load in loads for at, number in load.acknowledged)
    devices = [load.device for load in loads]
    eventually(lambda: len(list_stored(devices)) >= len(expected), 30)
    assert list_stored(devices) == expected


def list_stored(devices: list[Device]) -> list[tuple[int, int, int]]:
    rows = Report.objects.filter(device__in=devices)
    return sorted((row.device_id, round(row.at.timestamp() * 1000), int(row.data["rpm"])) for row in rows)


def test_each_device_is_one_consumers_and_anothers_when_that_one_dies(
    workers: list[Process], loads: list[Load]
) -> None:
    time.sleep(5)
    storers = find_storers()
    assert len(storers) == DEVICES
    assert [len({stored.who for stored in each}) for each in storers.values()] == [1] * DEVICES
    for each in storers.values():
        assert all(former.reported < later.reported for former, later in pairwise(each))
    owner = {device: each[0].who for device, each in storers.items()}
    assert set(owner.values()) == {"first", "second"}

    workers[0].kill()
    killed = time.monotonic()
    orphans = {device for device, who in owner.items() if who == "first"}
    eventually(lambda: all(find_storers()[device][-1].who == "second" for device in orphans), TAKEN_OVER)
    assert time.monotonic() - killed < TAKEN_OVER
    assert heartbeat.hears(heartbeat.read())

    workers[0].start()
    eventually(lambda: count_held() == [PARTS // 2] * 2, 60)
    time.sleep(3)
    everything_is_stored_once(loads)
    for each in find_storers().values():
        changes = sum(former.who != later.who for former, later in pairwise(each))
        assert changes <= 2  # to the other when it died, and back: never in between


def test_another_division_loses_nothing_that_waits(
    fleet: Fleet, redis: parts.Redis, workers: list[Process], world: World
) -> None:
    """From several consumers to one, and back, while reports wait for those of before."""
    devices = [builders.make_device(world.version) for _ in range(DEVICES)]
    clients = [gateway(fleet.port, each, credentials.issue_credential(device=each, by=None)) for each in devices]
    sent: list[tuple[int, int, int]] = []
    began = int(time.time() * 1000) - 600_000

    def report(numbers: range) -> None:
        assert [client.connect() for client in clients] == [ACCEPTED] * DEVICES
        for device, client in zip(devices, clients, strict=True):
            for number in numbers:
                body = json.dumps({"data": {"rpm": number}, "time": began + number})
                assert client.publish(f"devices/{device.device_id}/state", body)
                sent.append((device.pk, began + number, number))

    for worker in workers:
        worker.stop()
    report(range(10))
    only = make_worker(fleet, redis, "only", consumers=1)
    with running(only):
        eventually(lambda: list_stored(devices) == sorted(sent), 180)
        assert {stored.who for each in find_storers().values() for stored in each} == {"only"}
    for worker in workers:
        worker.start()
    eventually(lambda: count_held() == [PARTS // 2] * 2, 180)
    eventually(fleet.is_ready, 120)
    report(range(10, 20))
    eventually(lambda: list_stored(devices) == sorted(sent), 60)
    for client in clients:
        client.leave()
