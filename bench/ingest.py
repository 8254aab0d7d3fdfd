"""Ingest: messages a second that are durable (acknowledged to the broker after their commit).

    python -m bench.ingest [--messages 20000] [--rounds 3]     DATABASE_URL=... for another database than SQLite

While the consumer is away its session fills; then it is drained, in turns in one run, by an empty-callback paho
subscriber of the same session, by the worker's consumer, and (fewer of them) with one Celery task a message.
On the demo's broker, and on Mosquitto where there is one. Prints messages a second and ratios, medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DEMO", "1")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devices.credentials.operations import Issued
    from devices.models import Device
    from tests.mqtt.processes import Process

DEVICES, TASKS_SHARE = 10, 40  # one in forty messages is enough to time the tasks


def rows() -> int:
    from telemetry.models import Report

    return Report.objects.count()


def rate(count: Callable[[], int], messages: int) -> float:
    """From the first one counted to the last."""
    while not (first := count()):
        time.sleep(0.002)
    began = time.perf_counter()
    while count() < messages:
        time.sleep(0.002)
    return (messages - first) / (time.perf_counter() - began)


def fill(port: int, fleet: list[tuple[Device, Issued]], messages: int) -> None:
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    for device, issued in fleet:
        client = Client(CallbackAPIVersion.VERSION2, device.device_id)
        client.username_pw_set(issued.access_key, issued.access_secret)
        client.connect("127.0.0.1", port)
        client.loop_start()
        start = int(time.time() * 1000) - messages
        for number in range(messages // DEVICES):
            body = {"data": {"rpm": number, "load": 87.5, "engineState": "running"}, "time": start + number}
            sent = client.publish(f"devices/{device.device_id}/state", json.dumps(body), qos=1)
        sent.wait_for_publish(120)
        while client._out_messages:
            time.sleep(0.01)
        client.disconnect()
        client.loop_stop()


def subscriber(on_message: Callable[..., None], messages: int, count: Callable[[], int]) -> float:
    from django.conf import settings

    from devices.mqtt import client, topics

    paho = client.make_client(settings.MQTT_CLIENT_ID)
    paho.on_message = on_message
    subscribed = threading.Event()
    paho.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in topics.ALL_STATES]) and None
    paho.on_subscribe = lambda *_: subscribed.set()
    paho.loop_start()
    subscribed.wait(10)
    found = rate(count, messages) if messages else 0.0
    paho.disconnect()
    paho.loop_stop()
    return found


def empty(messages: int) -> float:
    received = [0]

    def on_message(*_: Any) -> None:
        received[0] += 1

    return subscriber(on_message, messages, lambda: received[0])


def worker(messages: int) -> float:
    with celery("config", "--consumer"):
        return rate(rows, messages)


def one_task_each(messages: int) -> float:
    from bench.one_task import app

    def on_message(_: Any, __: Any, message: Any) -> None:
        app.send_task("one", (message.topic.split("/")[1], message.payload.decode()))

    with celery("bench.one_task"):
        return subscriber(on_message, messages, rows)


@contextmanager
def celery(app: str, *options: str) -> Iterator[None]:
    from tests.mqtt.processes import Process, running

    command = [sys.executable, "-m", "celery", "-A", app, "worker", "--pool", "solo", *options]
    with running(Process(command)):
        yield


@contextmanager
def parts_of_the_demo() -> Iterator[None]:
    import django

    from tests.parts import Redis

    redis = Redis()
    redis.start()
    with tempfile.TemporaryDirectory(prefix="handover-bench-") as folder:
        os.environ |= {"VAR_DIR": folder, "REDIS_URL": redis.url, "LOG_LEVEL": "ERROR", "MQTT_LIMITS": "0"}
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/bench.sqlite3")
        django.setup()
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
        yield
    redis.stop()


def make_fleet() -> list[tuple[Device, Issued]]:
    from devices.credentials import operations as credentials
    from tests import builders

    version = builders.make_recipe(builders.make_organisation(f"Bench {time.time_ns()}"))
    fleet = [builders.make_device(version) for _ in range(DEVICES)]
    return [(device, credentials.issue_credential(device=device, by=None)) for device in fleet]


def embedded() -> Process:
    from tests.mqtt.processes import Process
    from tests.parts import free_port

    port = free_port()
    os.environ["MQTT_URL"] = f"mqtt://site:secret@127.0.0.1:{port}"
    return Process([sys.executable, "manage.py", "broker", "--port", str(port)], port)


def mosquitto(folder: Path) -> Process:
    from tests.mqtt.mosquitto import mosquitto

    process = mosquitto(folder)
    os.environ["MQTT_URL"] = f"mqtt://127.0.0.1:{process.port}"
    return process


def compare(name: str, broker: Process, messages: int, rounds: int) -> None:
    from django.conf import settings

    from telemetry.models import Report
    from tests.mqtt.processes import running

    settings.MQTT_URL = os.environ["MQTT_URL"]
    ways: dict[str, tuple[Callable[[int], float], int]] = {
        "empty callback": (empty, messages),
        "worker, durable": (worker, messages),
        "one task each": (one_task_each, messages // TASKS_SHARE),
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    fleet = make_fleet()
    with running(broker):
        subscriber(lambda *_: None, 0, int)  # its session exists from now on
        for _ in range(rounds):
            for way, (drain, number) in ways.items():
                fill(broker.port, fleet, number)
                found[way].append(drain(number))
                Report.objects.all().delete()
    floor = statistics.median(found["empty callback"])
    for way, rates in found.items():
        median = statistics.median(rates)
        print(f"{name:10} {way:16} {median:8.0f} messages/s  {median / floor:6.1%} of the empty callback")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with parts_of_the_demo(), tempfile.TemporaryDirectory() as folder:
        from django.db import connection

        from tests.parts import find

        print(f"{options.messages} messages of {DEVICES} devices, {connection.vendor}")
        compare("embedded", embedded(), options.messages, options.rounds)
        if find("mosquitto"):
            compare("mosquitto", mosquitto(Path(folder)), options.messages, options.rounds)


if __name__ == "__main__":
    main()
