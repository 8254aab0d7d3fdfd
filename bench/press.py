"""Press to form: from the MQTT publish to the fragment in the browser stream, on the demo's parts.

    python -m bench.press [--rounds 100] [--behind 500]
    python -m bench.press --beside COMMIT [--rounds 100] [--rates 1000,2000,5000]: bench/press_beside.py

Measured idle and with `--behind` messages a second of other devices behind it, beside the floor of the same run:
broker hop + one durable commit + one Redis publish. Prints milliseconds and ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
import redis.asyncio
from paho.mqtt.enums import CallbackAPIVersion

from tests import parts
from tests.stack import PASSWORD, Factory, Stack, demo, unplug
from tests.web import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

    Counter = Synchronized[int]

BAR_IDLE_MS, BAR_BUSY_MS = 100.0, 250.0


def connect(port: int, device: Factory) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device.device_id, clean_session=False)
    client.username_pw_set(device.access_key, device.access_secret)
    up = threading.Event()
    client.on_connect = lambda *_: up.set()
    client.connect("127.0.0.1", port, keepalive=30)
    client.loop_start()
    if not up.wait(10):
        raise RuntimeError("the device could not connect")
    return client


def publish(client: mqtt.Client, device: Factory, data: dict[str, object]) -> mqtt.MQTTMessageInfo:
    return client.publish(f"devices/{device.device_id}/state", json.dumps({"data": data}), qos=1)


class Page:
    """An open window's page: its stream held open, its fragment taken from it or fetched, as live.js does it."""

    def __init__(self, browser: Browser, path: str) -> None:
        self.path = path
        host = browser.base.removeprefix("http://")
        self.headers = {"Cookie": browser.cookie_header}
        self.stream = HTTPConnection(host, timeout=20)
        self.stream.request("GET", f"{path}stream/?v=waiting-online", headers=self.headers)
        self.answer = self.stream.getresponse()
        self.fragments = HTTPConnection(host, timeout=20)

    def wait_for_form(self) -> float:
        """Seconds (monotonic) at which the fragment with the form had arrived."""
        while True:
            event = self.answer.readline()
            if event.startswith(b"event: shown"):
                self.answer.readline()  # its version
                if 'data-state="pressed"' in json.loads(self.answer.readline().removeprefix(b"data: ")):
                    return time.perf_counter()
            elif event.startswith(b"event: changed"):
                self.fragments.request("GET", self.path, headers={**self.headers, "HX-Request": "true"})
                if b'data-state="pressed"' in self.fragments.getresponse().read():
                    return time.perf_counter()

    def close(self) -> None:
        self.stream.close()
        self.fragments.close()


def technician(stack: Stack) -> Browser:
    browser = Browser(stack.url)
    browser.sign_in("technician@sadler.example", PASSWORD)
    return browser


def presses(stack: Stack, rounds: int, browser: Browser | None = None) -> list[float]:
    """Milliseconds of each press, every one in a fresh window."""
    device = stack.devices[-1]
    browser = browser or technician(stack)
    client = connect(stack.mqtt_port, device)
    publish(client, device, {"rpm": 0}).wait_for_publish(10)
    taken = []
    for _ in range(rounds):
        page = Page(browser, browser.post("/register/scan/", text=device.serial).url.removeprefix(stack.url))
        time.sleep(0.4)  # as a hand does: within a tenth of a second it might have come before the opening
        start = time.perf_counter()
        publish(client, device, {"registerButton": True})
        taken.append(1000 * (page.wait_for_form() - start))
        page.close()
    client.disconnect()
    client.loop_stop()
    return taken


@contextmanager
def behind(stack: Stack, rate: int) -> Iterator[Counter]:
    """`rate` messages a second of ten other devices, QoS 1, from a process of their own; yields the running count."""
    devices = stack.devices[:10]
    for device in devices:
        unplug(stack, device)
    spawn = multiprocessing.get_context("spawn")
    count, stopped = spawn.Value("q", 0), spawn.Event()
    sender = spawn.Process(target=_send, args=(stack.mqtt_port, devices, rate, count, stopped))
    sender.start()
    time.sleep(3)
    try:
        yield count
    finally:
        stopped.set()
        sender.join(20)


def _send(port: int, devices: list[Factory], rate: int, count: Counter, stopped: Event) -> None:
    clients = [(connect(port, device), device) for device in devices]
    start = time.perf_counter()
    while not stopped.is_set():
        due = int((time.perf_counter() - start) * rate)
        while count.value < due:
            client, device = clients[count.value % len(clients)]
            publish(client, device, {"rpm": 1800 + count.value % 7, "load": 120.5, "fuelLevel": 71})
            count.value += 1
        time.sleep(0.005)
    for client, _ in clients:
        client.disconnect()
        client.loop_stop()


def floor(stack: Stack, redis_url: str, rounds: int) -> list[float]:
    """Broker hop + one durable SQLite commit + one Redis publish, in plain Python on the same broker and Redis."""
    return asyncio.run(_floor(stack, redis_url, rounds))


async def _floor(stack: Stack, redis_url: str, rounds: int) -> list[float]:
    server = redis.asyncio.Redis.from_url(redis_url)
    loop, arrived = asyncio.get_running_loop(), asyncio.Queue[None]()
    password = json.loads((stack.var / "secrets.json").read_text())["MQTT_PASSWORD"]
    reader = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="floor", clean_session=True)
    reader.username_pw_set("handover", password)
    reader.on_connect = lambda client, *_: client.subscribe("devices/+/state", qos=1)

    def tell(*_: object) -> None:
        loop.call_soon_threadsafe(arrived.put_nowait, None)

    reader.on_message = tell
    reader.connect("127.0.0.1", stack.mqtt_port)
    reader.loop_start()
    device = stack.devices[-1]
    client = await asyncio.to_thread(connect, stack.mqtt_port, device)
    await asyncio.sleep(1)
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(f"{folder}/floor.sqlite3", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE press (at REAL)")
        async with server.pubsub() as told:
            await told.subscribe("floor")
            await told.get_message(timeout=1)
            for _ in range(rounds):
                start = time.perf_counter()
                publish(client, device, {"rpm": 1})
                await arrived.get()
                database.execute("INSERT INTO press VALUES (?)", (start,))
                await server.publish("floor", "x")
                while not await told.get_message(ignore_subscribe_messages=True, timeout=1):
                    pass
                taken.append(1000 * (time.perf_counter() - start))
    for each in (reader, client):
        each.disconnect()
        each.loop_stop()
    return taken


@contextmanager
def closing_server(server: parts.Redis) -> Iterator[None]:
    try:
        yield
    finally:
        server.stop()


def summary(name: str, taken: list[float]) -> tuple[float, float]:
    p50, p99 = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
    print(f"{name:<34} p50 {p50:7.1f} ms   p99 {p99:7.1f} ms   n={len(taken)}")
    return p50, p99


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--behind", type=int, default=500, help="messages a second behind the press")
    parser.add_argument("--beside", metavar="COMMIT", help="another build, to compare with, on production's parts")
    parser.add_argument("--rates", type=lambda text: [*map(int, text.split(","))], default=[1000, 2000, 5000])
    options = parser.parse_args()
    if options.beside:
        from bench.press_beside import compare

        return int(not compare(options.beside, options.rounds, options.rates))
    server = parts.Redis()
    server.start()
    with closing_server(server), demo(REDIS_URL=server.url, MQTT_LIMITS="0") as stack:
        base = summary("floor (hop + commit + publish)", floor(stack, server.url, options.rounds))
        idle = summary("press to fragment, idle", presses(stack, options.rounds))
        with behind(stack, options.behind) as count:
            began, at = count.value, time.perf_counter()
            busy = summary(f"press to fragment, {options.behind}/s behind", presses(stack, options.rounds))
            rate = (count.value - began) / (time.perf_counter() - at)
        print(f"published behind: {rate:.0f} messages/s")
        print(f"ratio to the floor at p50: idle {idle[0] / base[0]:.1f}, busy {busy[0] / base[0]:.1f}")
    missed = idle[1] > BAR_IDLE_MS or busy[1] > BAR_BUSY_MS
    print(f"bar: p99 under {BAR_IDLE_MS:.0f} ms idle, under {BAR_BUSY_MS:.0f} ms busy: {'MISSED' if missed else 'met'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
