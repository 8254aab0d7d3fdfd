"""How many live streams one uvicorn process holds, what each costs, and how long it takes to reach all.

    python -m bench.streams [--streams 1000] [--rounds 5]

All streams look at one device, the worst case: an announcement makes each of them gate and read anew. Then each looks
at a device of its own. Beside it the floor of the same run: a bare SSE endpoint of the same server that says to all
what it hears from Redis, without asking a database. Prints memory, threads, processor and milliseconds, and ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent

import psutil
import redis.asyncio

from tests import parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from devices.models import Device

CHANNEL = "handover:live"
PATIENCE = 60.0
IDLE_SECONDS = 12.0


# The floor ------------------------------------------------------------------------------------

_waiting: set[asyncio.Event] = set()
_relaying: list[asyncio.Task[None]] = []


async def _relay() -> None:
    async with redis.asyncio.Redis.from_url(os.environ["REDIS_URL"]) as client, client.pubsub() as subscription:
        await subscription.subscribe(CHANNEL)
        async for _ in subscription.listen():
            for event in _waiting:
                event.set()


async def floor(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if not _relaying:
        _relaying.append(asyncio.create_task(_relay()))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    event = asyncio.Event()
    _waiting.add(event)
    await receive()  # the request
    telling = asyncio.create_task(_tell(event, send))
    await receive()  # the disconnect
    telling.cancel()
    _waiting.discard(event)


async def _tell(event: asyncio.Event, send: Any) -> None:
    while True:
        await send({"type": "http.response.body", "body": b"event: changed\ndata: x\n\n", "more_body": True})
        event.clear()
        await event.wait()


# The server and its clients -------------------------------------------------------------------


@contextmanager
def server(app: str, environment: dict[str, str]) -> Iterator[tuple[int, psutil.Process]]:
    port = parts.free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--log-level", "error", "--no-access-log"]
    process = subprocess.Popen([*command, "--timeout-graceful-shutdown", "2"], cwd=ROOT, env=environment)
    try:
        parts.wait_for(port, process)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@dataclass
class Stream:
    writer: asyncio.StreamWriter
    heard: list[float] = field(default_factory=list)

    async def read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if line.startswith(b"event: changed"):
                self.heard.append(time.perf_counter())


@asynccontextmanager
async def streams(port: int, paths: list[str], cookie: str) -> AsyncIterator[list[Stream]]:
    held: list[Stream] = []
    tasks = []
    for path in paths:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
        held.append(Stream(writer))
        tasks.append(asyncio.create_task(held[-1].read(reader)))
        if len(held) % 50 == 0:
            await heard(held, 1)
    await heard(held, 1)
    try:
        yield held
    finally:
        for stream in held:
            stream.writer.close()
        await asyncio.gather(*tasks, return_exceptions=True)


async def heard(held: list[Stream], times: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while not all(len(stream.heard) >= times for stream in held):
            await asyncio.sleep(0.01)


@dataclass
class Figures:
    opened: float  # streams a second
    kilobytes: float  # of each
    threads: int
    idle: float  # percent of a processor
    p50: float  # milliseconds from the announcement
    p99: float

    def line(self, name: str) -> str:
        return (
            f"{name:<34} {self.opened:7.0f}/s {self.kilobytes:7.1f} KiB {self.threads:4d} threads "
            f"{self.idle:5.1f} % idle   p50 {self.p50:7.1f} ms   p99 {self.p99:7.1f} ms"
        )


async def measure(
    app: tuple[int, psutil.Process], paths: list[str], cookie: str, change: Callable[[int], int], rounds: int
) -> Figures:
    """`change` says something new and returns how many of the streams, from the first, are to hear it."""
    port, process = app
    async with streams(port, paths[:1], cookie):
        before = process.memory_info().rss
    begun = time.perf_counter()
    async with streams(port, paths, cookie) as held:
        opened = len(paths) / (time.perf_counter() - begun)
        await asyncio.sleep(2)
        memory, threads = process.memory_info().rss - before, process.num_threads()
        process.cpu_percent()
        await asyncio.sleep(IDLE_SECONDS)
        idle = process.cpu_percent()
        taken = []
        for n in range(rounds):
            counts = [len(stream.heard) for stream in held]
            start = time.perf_counter()
            reached = await asyncio.to_thread(change, n)
            async with asyncio.timeout(PATIENCE):
                while any(len(stream.heard) == count for stream, count in zip(held[:reached], counts, strict=False)):
                    await asyncio.sleep(0.005)
            taken += [1000 * (stream.heard[counts[i]] - start) for i, stream in enumerate(held[:reached])]
            await asyncio.sleep(2)
    cut = statistics.quantiles(taken, n=100) if len(taken) > 1 else taken * 99
    return Figures(opened, memory / 1024 / len(paths), threads, idle, statistics.median(taken), cut[98])


# The world ------------------------------------------------------------------------------------


def prepare(count: int) -> tuple[list[Device], str]:
    """Devices in one group, and the session cookie of one viewer."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client

    from devices.models import Device
    from tenants.models import Role
    from tests import builders

    call_command("migrate", verbosity=0)
    organisation = builders.make_organisation()
    site = builders.make_group(organisation.root, "Site")
    owner = builders.make_user("owner@bench.example", organisation.root, Role.ADMIN)
    viewer = builders.make_user("viewer@bench.example", site, Role.VIEWER)
    version = builders.make_recipe(organisation)
    for _ in range(count):
        builders.make_device(version, group=site, by=owner)
    client = Client()
    client.force_login(viewer)
    return list(Device.objects.order_by("pk")), f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"


def report(devices: list[Device], value: int) -> None:
    from django.db import connections

    from devices.mqtt.messages import Report
    from lib import live
    from telemetry.ingest import writer as store
    from tests.telemetry.reports import now

    at = now()
    data: dict[str, float | str | bool] = {"rpm": float(value)}
    store.save_reports([Report(device, at, data, at, True, False, False, None) for device in devices])
    live.announce([f"device:{device.device_id}" for device in devices])
    connections.close_all()


def run(options: argparse.Namespace, environment: dict[str, str]) -> None:
    devices, cookie = prepare(options.streams)
    own = [f"/devices/{device.serial}/stream/" for device in devices]
    one = own[:1] * options.streams

    def all_at_once(n: int) -> int:
        report(devices[:1], n)
        return len(one)

    def one_of_them(n: int) -> int:
        report(devices[:1], 1000 + n)
        return 1

    def measured(app: str, paths: list[str], change: Callable[[int], int]) -> Figures:
        with server(app, environment) as started:
            return asyncio.run(measure(started, paths, cookie, change, options.rounds))

    bare = measured("bench.streams:floor", one, all_at_once)
    ours = measured("config.asgi:application", one, all_at_once)
    apart = measured("config.asgi:application", own, one_of_them)
    print(f"{options.streams} streams in one uvicorn process")
    print(bare.line("floor: bare, all reached"))
    print(ours.line("one device's, all reached"))
    print(apart.line("a device each, one reached"))
    print(f"ours to the floor: memory {ours.kilobytes / bare.kilobytes:.1f}, p99 {ours.p99 / bare.p99:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="handover-bench-"))
    store = parts.Redis()
    store.start()
    os.environ |= {
        "DEMO": "1",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        "REDIS_URL": store.url,
        "STATIC_ROOT": str(folder / "static"),
        # All of them are one person's; without bounds it would be told to close all but a few.
        "STREAMS_PERSON": str(options.streams),
        "STREAMS_ORGANISATION": str(options.streams),
    }
    try:
        run(options, dict(os.environ))
    finally:
        store.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
