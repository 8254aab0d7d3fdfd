"""How many live streams one uvicorn process holds, what each costs, and how long it takes to reach all.

    python -m bench.streams [--beside COMMIT] [--streams 5000] [--viewers 500] [--rounds 5]

On PostgreSQL, in turns in one run: another commit's build (with a tree and a database of its own), this one, and the
floor: a bare SSE endpoint of the same server that says to all what it hears from Redis, without asking a database.

- Streams that all look at one device, of one person; and each at a device of its own. Said is when they hear of it, and
  what the process costs while nothing happens: processor time, as a share of one core, and memory of each.
- Viewers of one device, each a person of their own, until the value is on the page: a page that is told only that
  something changed asks for its fragment, as the script does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent

import psutil
import psycopg
import redis
import redis.asyncio
from psycopg import sql

from bench.ingest import wait_for
from bench.servers import build_site_command, check_out
from tests import parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

TODAYS = "5919501"
CHANNEL = "handover:live"
PATIENCE = 120.0
IDLE_SECONDS = 20.0
BAR_IDLE, BAR_REACHED, BAR_KIB, BAR_VIEWERS = 5.0, 1000.0, 30.0, 1000.0
"""Percent of a core; milliseconds (p99) until streams hear; KiB of each; milliseconds until the last page shows it."""


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
def server(
    tree: Path, environment: dict[str, str], app: str = "config.asgi:application"
) -> Iterator[tuple[int, psutil.Process]]:
    port = parts.free_port()
    site = build_site_command(tree, port, "--timeout-graceful-shutdown", "2", app=app)
    process = subprocess.Popen(site, cwd=tree, env=environment)
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
class Page:
    """Hear a stream; with a `fragment`, ask for that too when told no more than that something changed."""

    port: int
    path: str
    cookie: str
    fragment: str = ""
    heard: list[float] = field(default_factory=list)
    shown: list[tuple[float, str]] = field(default_factory=list)
    writer: asyncio.StreamWriter | None = None
    asking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        self.writer.write(self._request(self.path))
        self.asking = asyncio.create_task(self._read(reader))

    def _request(self, path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\nHX-Request: true\r\n\r\n".encode()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        name = b""
        while line := await reader.readline():
            if line.startswith(b"event: "):
                name = line[7:].strip()
            elif line.startswith(b"data: ") and name in {b"changed", b"shown"}:
                self.heard.append(time.perf_counter())
                if name == b"shown":
                    self.shown.append((time.perf_counter(), line.decode()))
                elif self.fragment:
                    await self._fetch()

    async def _fetch(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        writer.write(self._request(self.fragment).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        text = (await reader.read()).decode(errors="replace")
        self.shown.append((time.perf_counter(), text))
        writer.close()


@asynccontextmanager
async def opened(pages: list[Page]) -> AsyncIterator[None]:
    try:
        for n, page in enumerate(pages, start=1):
            await page.open()
            if n % 50 == 0:
                await all_heard(pages[:n], 1)
        await all_heard(pages, 1)
        yield
    finally:
        for page in pages:
            if page.writer:
                page.writer.close()
        await asyncio.gather(*(page.asking for page in pages if page.asking), return_exceptions=True)


async def all_heard(pages: list[Page], times: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while not all(len(page.heard) >= times for page in pages):
            await asyncio.sleep(0.01)


@dataclass
class Figures:
    kib: float  # of each
    idle: float  # percent of a core
    p50: float  # milliseconds from the announcement
    p99: float

    def __str__(self) -> str:
        return f"{self.kib:7.1f} KiB {self.idle:6.1f} % idle   heard: p50 {self.p50:7.1f} ms, p99 {self.p99:7.1f} ms"


class World:
    """Devices and people in a build's database, and the program that lets devices report."""

    def __init__(self, tree: Path, environment: dict[str, str], count: int, viewers: int) -> None:
        command = [sys.executable, str(ROOT / "bench" / "streams_world.py"), str(count), str(viewers)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, cwd=tree, env=environment, **pipes)
        made = json.loads(self._read())
        self.serials, self.cookies = made["serials"], made["cookies"]

    def _read(self) -> str:
        assert self._process.stdout is not None
        line: str = self._process.stdout.readline()
        return line

    def report(self, value: int, count: int) -> float:
        """Let the first `count` devices report the value; return when that was announced."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{value} {count}\n")
        self._process.stdin.flush()
        return float(self._read())

    def end(self) -> None:
        self._process.kill()
        self._process.wait(10)


async def hold(process: psutil.Process, pages: list[Page], world: World, reached: int, rounds: int) -> Figures:
    """Measure many streams, of which `reached`, from the first, are to hear each of the reports."""
    async with opened(pages[:1]):
        before = process.memory_info().rss
    pages[0].heard.clear()
    async with opened(pages):
        await asyncio.sleep(5)
        memory = process.memory_info().rss - before
        process.cpu_percent()
        await asyncio.sleep(IDLE_SECONDS)
        idle = process.cpu_percent()
        taken = []
        for n in range(rounds):
            counts = [len(page.heard) for page in pages]
            at = await asyncio.to_thread(world.report, 1000 + n, 1)
            async with asyncio.timeout(PATIENCE):
                while any(len(page.heard) == count for page, count in zip(pages[:reached], counts, strict=False)):
                    await asyncio.sleep(0.005)
            taken += [1000 * (page.heard[count] - at) for page, count in zip(pages[:reached], counts, strict=False)]
            await asyncio.sleep(3)
    cut = statistics.quantiles(taken, n=100) if len(taken) > 1 else taken * 99
    return Figures(memory / 1024 / len(pages), idle, statistics.median(taken), cut[98])


async def watch(pages: list[Page], world: World, rounds: int) -> float:
    """Return the milliseconds (median of the rounds) until the value is on the last of the pages."""
    taken = []
    async with opened(pages):
        await asyncio.sleep(5)
        for n in range(rounds):
            value = 701 + n
            at = await asyncio.to_thread(world.report, value, 1)
            async with asyncio.timeout(PATIENCE):
                while (last := _find_last(pages, f">{value}<")) is None:
                    await asyncio.sleep(0.005)
            taken.append(1000 * (last - at))
            await asyncio.sleep(3)
    return statistics.median(taken)


def _find_last(pages: list[Page], text: str) -> float | None:
    """Return when the last of the pages showed the text, None if one does not yet."""
    last = 0.0
    for page in pages:
        moment = next((at for at, html in reversed(page.shown) if text in html), None)
        if moment is None:
            return None
        last = max(last, moment)
    return last


@dataclass
class Measured:
    one: Figures  # all look at one device
    own: Figures  # each at its own
    viewers: float


def measure(name: str, tree: Path, environment: dict[str, str], options: argparse.Namespace) -> Measured:
    for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=tree, env=environment, check=True)
    world = World(tree, environment, options.streams, options.viewers)
    try:

        def pages(port: int, serials: list[str]) -> list[Page]:
            return [Page(port, f"/devices/{serial}/stream/", world.cookies[0]) for serial in serials]

        with server(tree, environment) as (port, process):
            one = asyncio.run(
                hold(process, pages(port, world.serials[:1] * options.streams), world, options.streams, options.rounds)
            )
        print(f"{name}: {options.streams} streams of one device      {one}", flush=True)
        with server(tree, environment) as (port, process):
            own = asyncio.run(hold(process, pages(port, world.serials), world, 1, options.rounds))
        print(f"{name}: {options.streams} streams, a device each     {own}", flush=True)
        with server(tree, environment) as (port, _):
            device = f"/devices/{world.serials[0]}"
            viewers = [Page(port, f"{device}/stream/", cookie, f"{device}/live/") for cookie in world.cookies]
            reached = asyncio.run(watch(viewers, world, options.rounds))
        print(
            f"{name}: {options.viewers} viewers of one device, the value is on the last page after {reached:.0f} ms",
            flush=True,
        )
        return Measured(one, own, reached)
    finally:
        world.end()


def measure_floor(environment: dict[str, str], options: argparse.Namespace) -> float:
    """Return the milliseconds (p99) after which a bare server's streams hear."""
    pages = [Page(0, "/", "") for _ in range(options.streams)]
    channel = redis.Redis.from_url(environment["REDIS_URL"])

    async def hear() -> float:
        async with opened(pages):
            taken = []
            for _ in range(options.rounds):
                counts = [len(page.heard) for page in pages]
                at = time.perf_counter()
                channel.publish(CHANNEL, "x")
                while any(len(page.heard) == count for page, count in zip(pages, counts, strict=True)):
                    await asyncio.sleep(0.005)
                taken += [1000 * (page.heard[count] - at) for page, count in zip(pages, counts, strict=True)]
                await asyncio.sleep(1)
        return statistics.quantiles(taken, n=100)[98]

    with server(ROOT, environment, "bench.streams:floor") as (port, _):
        for page in pages:
            page.port = port
        return asyncio.run(hear())


def make_database(url: str, name: str) -> str:
    """Make a database and return its address."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"{url.rpartition('/')[0]}/{name}"


def make_environment(folder: str, store: str, database: str, options: argparse.Namespace) -> dict[str, str]:
    Path(folder).mkdir()
    return {
        **os.environ,
        "DEMO": "1",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database,
        "REDIS_URL": store,
        "VAR_DIR": folder,
        "STATIC_ROOT": f"{folder}/static",
        "LOG_LEVEL": "ERROR",
        # Many are one person's; with the usual bounds it would be told to close all but a few.
        "STREAMS_PERSON": str(options.streams),
        "STREAMS_ORGANISATION": str(options.streams + options.viewers),
        "STREAMS_PROCESS": str(options.streams + options.viewers),
        "CONNECTS_ADDRESS": "10000",  # all are of one address
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", default=TODAYS)
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    initdb = parts.find("postgresql")
    if initdb is None:
        raise SystemExit("This needs PostgreSQL (on Debian: apt-get install postgresql).")
    store, database = parts.Redis(), parts.PostgreSQL(initdb, durable=True)
    with ExitStack() as held:
        for part in (store, database):
            held.callback(part.stop)
            part.start()
        wait_for(database.url)
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="handover-bench-"))
        trees = {"this": ROOT}
        if options.beside:
            trees = {options.beside: held.enter_context(check_out(options.beside)), **trees}
        found = {}
        for name, tree in trees.items():
            environment = make_environment(f"{folder}/{name}", store.url, make_database(database.url, name), options)
            found[name] = measure(name, tree, environment, options)
        environment = make_environment(f"{folder}/floor", store.url, database.url, options)
        floor_p99 = measure_floor(environment, options)
    ours = found["this"]
    print(f"floor: bare streams hear after p99 {floor_p99:.1f} ms; ours / floor {ours.one.p99 / floor_p99:.1f}")
    if before := found.get(options.beside):
        idle, p99 = ours.own.idle / before.own.idle, ours.one.p99 / before.one.p99
        print(
            f"ours / {options.beside}: idle {idle:.2f}, p99 {p99:.2f}, "
            f"memory {ours.own.kib / before.own.kib:.2f}, viewers {ours.viewers / before.viewers:.2f}"
        )
    missed = [
        words
        for words, fails in (
            (f"idle under {BAR_IDLE} % of a core", max(ours.own.idle, ours.one.idle) > BAR_IDLE),
            (f"one event to all under {BAR_REACHED} ms at p99", ours.one.p99 > BAR_REACHED),
            (f"{BAR_KIB} KiB each", ours.own.kib > BAR_KIB),
            (f"{options.viewers} viewers within {BAR_VIEWERS} ms", ours.viewers > BAR_VIEWERS),
        )
        if fails
    ]
    print("missed: " + "; ".join(missed) if missed else "All bars are met.")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
