"""Press to form beside another build, on production's parts: `python -m bench.press --beside 5919501`.

PostgreSQL with fsync, Redis, Mosquitto, one worker with the consumer and the site, each build with its own. They are
pressed in turns and change who begins, idle and with messages of 1,000 devices a second behind the press. The floor of
the same run is a hop over the broker, a durable commit, a publish at Redis, and a page fetched by HTTP. A press that
found a window closed, or no form in 20 seconds, fails the run.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.ingest import ATTRIBUTES, Build, run_worker, wait_for
from bench.press import Page
from bench.servers import ROOT, build_site_command, check_out
from tests import parts
from tests.mqtt.mosquitto import mosquitto
from tests.mqtt.processes import eventually, listens, running
from tests.web import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.synchronize import Event

DEVICES = 1000
BAR_IDLE, BAR_BUSY = 0.7, 0.5
PAUSE = 0.4  # as a hand does: within a tenth of a second it might have come before the opening
TURN = 10  # presses of a build before the other's turn


class Side(NamedTuple):
    """Hold one build that runs."""

    name: str
    broker: int
    redis: str
    database: str
    serial: str
    device_id: str
    fleet: list[str]
    browser: Browser


@contextmanager
def start(name: str, tree: Path, server: parts.PostgreSQL) -> Iterator[Side]:
    import psycopg

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="handover-bench-")))
        redis = parts.Redis()
        redis.start()
        stack.callback(redis.stop)
        broker = mosquitto(folder)
        stack.enter_context(running(broker))
        with psycopg.connect(server.url, autocommit=True) as db:
            db.execute(f"CREATE DATABASE press_{name}")
        database = f"{server.url.rpartition('/')[0]}/press_{name}"
        own = {"DATABASE_URL": database, "REDIS_URL": redis.url, "MQTT_URL": f"mqtt://127.0.0.1:{broker.port}"}
        own |= {"VAR_DIR": str(folder), "STATIC_ROOT": str(folder / "static"), "MQTT_LIMITS": "0"}
        env = {**os.environ, **own, "LOG_LEVEL": "ERROR", "ALLOWED_HOSTS": "127.0.0.1", "DEMO": "1"}
        for command in (("migrate", "-v0"), ("collectstatic", "--noinput", "-v0")):
            subprocess.run([sys.executable, "manage.py", *command], cwd=tree, env=env, check=True)
        making = [sys.executable, str(ROOT / "bench" / "press_fleet.py"), str(DEVICES)]
        made = json.loads(subprocess.run(making, cwd=tree, env=env, check=True, stdout=subprocess.PIPE).stdout)
        browser = Browser(stack.enter_context(run_site(tree, env)))
        stack.enter_context(run_worker(Build(name, tree, env, made["fleet"]), "config", "--consumer"))
        browser.sign_in(made["email"], made["password"])
        yield Side(name, broker.port, redis.url, database, made["serial"], made["device_id"], made["fleet"], browser)


@contextmanager
def run_site(tree: Path, env: dict[str, str]) -> Iterator[str]:
    port = parts.free_port()
    site = subprocess.Popen(build_site_command(tree, port), cwd=tree, env=env)
    try:
        eventually(lambda: listens(port), 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        site.terminate()
        site.wait(30)


def connect(port: int, client_id: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    client.connect("127.0.0.1", port, keepalive=60)
    client.loop_start()
    while not client.is_connected():
        time.sleep(0.01)
    return client


def report(client: mqtt.Client, device_id: str, data: dict[str, Any]) -> mqtt.MQTTMessageInfo:
    return client.publish(f"devices/{device_id}/state", json.dumps({"data": data}), qos=1)


def press(side: Side, client: mqtt.Client, times: int) -> list[float]:
    """Return the milliseconds of each press, every one in a fresh window."""
    taken = []
    for _ in range(times):
        path = side.browser.post("/register/scan/", text=side.serial).url.removeprefix(side.browser.base)
        page = Page(side.browser, path)
        time.sleep(PAUSE)
        began = time.perf_counter()
        report(client, side.device_id, {"registerButton": True})
        taken.append(1000 * (page.wait_for_form() - began))
        page.close()
    return taken


def measure_floor(side: Side, times: int) -> list[float]:
    """Return milliseconds of a hop, a durable commit, a publish, and a page of the site."""
    import psycopg
    import redis

    told = redis.Redis.from_url(side.redis).pubsub()  # type: ignore[no-untyped-call]
    told.subscribe("floor")
    told.get_message(timeout=1)
    publisher = redis.Redis.from_url(side.redis)
    database = psycopg.connect(side.database.replace("postgres://", "postgresql://"), autocommit=True)
    database.execute("CREATE TABLE IF NOT EXISTS floor (at double precision)")
    reader = connect(side.broker, "floor")
    pages = HTTPConnection(side.browser.base.removeprefix("http://"), timeout=20)

    def store(*_: object) -> None:
        database.execute("INSERT INTO floor VALUES (1)")
        publisher.publish("floor", "x")

    reader.on_message = store
    reader.subscribe("floor/x", qos=1)
    time.sleep(0.5)
    sender = connect(side.broker, "floor-sender")
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        sender.publish("floor/x", "1", qos=1)
        while not told.get_message(ignore_subscribe_messages=True, timeout=1):
            pass
        pages.request("GET", "/healthz")
        pages.getresponse().read()
        taken.append(1000 * (time.perf_counter() - began))
        time.sleep(0.02)
    for each in (reader, sender):
        each.disconnect()
        each.loop_stop()
    database.close()
    return taken


@contextmanager
def behind(side: Side, rate: int) -> Iterator[None]:
    """Send `rate` reports a second of the fleet, QoS 1, from a process of its own."""
    if not rate:
        yield
        return
    spawn = multiprocessing.get_context("spawn")
    stopped = spawn.Event()
    sender = spawn.Process(target=send, args=(side.broker, side.fleet, rate, stopped))
    sender.start()
    time.sleep(2)
    try:
        yield
    finally:
        stopped.set()
        sender.join(20)


def send(port: int, fleet: Sequence[str], rate: int, stopped: Event) -> None:
    """Write packets that were made before: what sends takes as little as it can of the processors."""
    from devices.mqtt import packets

    said = []
    for number, device in enumerate(fleet):
        data = {name: round(random.random() * 1000, 2) for name in ATTRIBUTES}
        topic = f"devices/{device}/state"
        said.append(
            packets.Publish(2, topic, number % 65_535 + 1, json.dumps({"data": data}).encode()).build().encode()
        )
    with socket.create_connection(("127.0.0.1", port)) as broker:
        broker.sendall(packets.Connect(packets.CLEAN, 600, "filler", "", b"", None, None).build().encode())
        broker.recv(4)
        broker.setblocking(False)
        began, sent = time.perf_counter(), 0
        while not stopped.is_set():
            due = int((time.perf_counter() - began) * rate)
            if due > sent:
                broker.setblocking(True)
                broker.sendall(b"".join(said[number % len(said)] for number in range(sent, due)))
                broker.setblocking(False)
                sent = due
            with suppress(BlockingIOError):
                while broker.recv(65_536):
                    pass
            time.sleep(0.01)


def compare(commit: str, rounds: int, rates: Sequence[int]) -> bool:
    """Print the figures for each rate; return whether they are within their bars."""
    initdb = parts.find("postgresql")
    if initdb is None or not parts.find("mosquitto"):
        raise SystemExit("This needs PostgreSQL and Mosquitto (on Debian: apt-get install postgresql mosquitto).")
    server = parts.PostgreSQL(initdb, durable=True)
    server.start()
    fine = True
    try:
        wait_for(server.url)
        with ExitStack() as stack:
            former = start("former", stack.enter_context(check_out(commit)), server)
            sides = [stack.enter_context(former), stack.enter_context(start("new", ROOT, server))]
            clients = {side.name: connect(side.broker, side.device_id) for side in sides}
            for side in sides:
                report(clients[side.name], side.device_id, {"rpm": 0}).wait_for_publish(10)
            for rate in (0, *rates):
                fine &= tell(rate, *measure(sides, clients, rate, rounds))
    finally:
        server.stop()
    return fine


def measure(
    sides: list[Side], clients: dict[str, mqtt.Client], rate: int, rounds: int
) -> tuple[list[float], dict[str, list[float]]]:
    """Return the milliseconds of the floor and of both builds' presses."""
    floor: list[float] = []
    found: dict[str, list[float]] = {side.name: [] for side in sides}
    for turn in range(-(-rounds // TURN)):
        for side in sides if turn % 2 else sides[::-1]:
            with behind(side, rate):
                press(side, clients[side.name], 1)
                found[side.name] += press(side, clients[side.name], TURN)
        floor += measure_floor(sides[-1], TURN)
    return floor, found


def tell(rate: int, floor: list[float], found: dict[str, list[float]]) -> bool:
    print(f"{rate} messages a second behind it" if rate else "idle")
    told = {}
    for name, taken in {"floor": floor, **found}.items():
        told[name] = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
        print(f"  {name:8} p50 {told[name][0]:7.1f} ms  p99 {told[name][1]:7.1f} ms  n={len(taken)}")
    ratios = [new / former for new, former in zip(told["new"], told["former"], strict=True)]
    met = max(ratios) <= BAR_BUSY if rate else ratios[0] <= BAR_IDLE
    bar = f"{BAR_BUSY} for both" if rate else f"{BAR_IDLE} at p50"
    print(f"  ratios: p50 {ratios[0]:.2f}, p99 {ratios[1]:.2f}; bar {bar}: {'met' if met else 'MISSED'}", flush=True)
    return met
