"""What a second tenant feels while the first, or a stranger, does its worst: on the demo's parts, over PostgreSQL.

    python -m bench.neighbours [--only bodies silent] [--rounds 3] [--pages 20] [--presses 8]
    python -m bench.neighbours --only rabbitmq         (bench.rabbitmq: a flood behind what production has)

For each way: page p95, press to fragment p99, first event of a stream, and the time of an import of two rows: idle,
with the same sender on a sink that takes everything (what the sender itself costs on this machine), and on the site.
Medians of the rounds. The bar: twice the idle time, or idle + 100 ms if that is more; of the import, idle + 2 s; and
each process of the site under 400 MB. The sender runs niced, in a process of its own; its rate is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import multiprocessing
import os
import re
import statistics
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import psutil

from bench import rabbitmq
from bench.press import presses, technician
from bench.worst import NO_SINK, SMALL, WAYS, Target
from tests import parts
from tests.stack import PASSWORD, Stack, demo
from tests.web import Browser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

    Counter = Synchronized[int]

RABBITMQ = "rabbitmq"
GREEDY = "admin@other.example"
FACTOR, MARGIN_MS, IMPORT_MARGIN_MS, MOST_MB = 2.0, 100.0, 2000.0, 400
SETTLE_SECONDS = 2.0


class Felt(NamedTuple):
    """Milliseconds."""

    page: float
    press: float
    event: float
    small: float


# What is felt ---------------------------------------------------------------------------------


def feel(stack: Stack, browser: Browser, scanning: Browser, pages: int, rounds: int) -> Felt:
    taken = [_timed(lambda: browser.get("/")) for _ in range(pages)]
    press = presses(stack, rounds, scanning)
    path = _stream(browser)
    events = [_timed(lambda: _first_event(stack, browser, path)) for _ in range(5)]
    return Felt(_part(taken, 0.95), _part(press, 0.99), _part(events, 0.95), _timed(lambda: _import(browser, 2)))


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - began)


def _part(values: list[float], part: float) -> float:
    return sorted(values)[min(int(part * len(values)), len(values) - 1)]


def _first_event(stack: Stack, browser: Browser, path: str) -> None:
    client = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=60)
    client.request("GET", path, headers={"Cookie": browser.cookie_header})
    answer = client.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"no stream: {answer.status}")
    while line := answer.readline():
        if line.startswith((b"event:", b"data:", b":", b"retry:")):
            break
    client.close()


def _stream(browser: Browser) -> str:
    """Of the first device on the home page."""
    found = re.search(r'href="(/devices/[0-9A-Z-]+/)"', browser.get("/").text)
    if not found:
        raise RuntimeError("no device to watch")
    return f"{found[1]}stream/"


def _recipe(browser: Browser) -> str:
    found = re.search(r'name="recipe".*?<option value="(\d+)"', browser.get("/devices/new/?how=many").text, re.DOTALL)
    if not found:
        raise RuntimeError("no recipe to import with")
    return found[1]


def _import(browser: Browser, total: int) -> None:
    """Asked for on its page, and watched there until it has ended."""
    page = browser.post("/devices/new/many/", recipe=_recipe(browser), total=str(total), group="", name_pattern="")
    path = page.url.removeprefix(browser.base)
    until = time.monotonic() + 120
    while not re.search(r'data-state="done"', page.text):
        if time.monotonic() > until:
            raise RuntimeError(f"{path} did not end within two minutes")
        time.sleep(0.05)
        page = browser.get(path)


# The run --------------------------------------------------------------------------------------


def _send(way: str, target: Target, count: Counter, stopped: Event) -> None:
    os.nice(10)
    WAYS[way](target, count, stopped)


@contextmanager
def sending(way: str, target: Target) -> Iterator[Counter]:
    spawn = multiprocessing.get_context("spawn")
    count, stopped = spawn.Value("q", 0), spawn.Event()
    sender = spawn.Process(target=_send, args=(way, target, count, stopped), daemon=True)
    sender.start()
    time.sleep(SETTLE_SECONDS)
    try:
        yield count
    finally:
        stopped.set()
        sender.join(10)
        sender.kill()


@contextmanager
def sink() -> Iterator[int]:
    """Takes everything, and answers each request at once."""
    spawn = multiprocessing.get_context("spawn")
    port = parts.free_port()
    taker = spawn.Process(target=_take, args=(port,), daemon=True)
    taker.start()
    time.sleep(1.0)
    try:
        yield port
    finally:
        taker.kill()


def _take(port: int) -> None:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 20):
                if data.startswith((b"GET", b"POST")):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async def serve() -> None:
        async with await asyncio.start_server(one, "127.0.0.1", port) as server:
            await server.serve_forever()

    asyncio.run(serve())


def memory(stack: Stack) -> dict[str, int]:
    """Megabytes of each process of the site."""
    found: dict[str, int] = {}
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        with suppress(psutil.Error):
            words = " ".join(process.cmdline())
            name = next((n for n in ("uvicorn", "worker", "beat", "broker") if n in words), "")
            if name:
                found[name] = max(found.get(name, 0), process.memory_info().rss >> 20)
    return found


def median(rounds: list[Felt]) -> Felt:
    return Felt(*(statistics.median(column) for column in zip(*rounds, strict=True)))


def is_within(felt: Felt, idle: Felt) -> bool:
    quick = zip(felt[:3], idle[:3], strict=True)
    return all(now <= max(FACTOR * was, was + MARGIN_MS) for now, was in quick) and (
        felt.small <= max(FACTOR * idle.small, idle.small + IMPORT_MARGIN_MS)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=sorted([*WAYS, RABBITMQ]), default=[*WAYS, RABBITMQ])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--presses", type=int, default=8)
    options = parser.parse_args()
    initdb = parts.find("postgresql")
    if initdb is None:
        print("needs PostgreSQL")
        return 2
    with sink() as into:
        missed = bool(set(options.only) - {RABBITMQ}) and _on_the_demo(initdb, into, options)
        if RABBITMQ in options.only:
            missed = not rabbitmq.compare(into, options.rounds) or missed
    return int(missed)


def _on_the_demo(initdb: str, into: int, options: argparse.Namespace) -> bool:
    database = parts.PostgreSQL(initdb)
    database.start()
    try:
        with demo(DATABASE_URL=database.url) as stack:
            return _compare(stack, into, options)
    finally:
        database.stop()


def _compare(stack: Stack, into: int, options: argparse.Namespace) -> bool:
    small, greedy, scanning = Browser(stack.url), Browser(stack.url), technician(stack)
    small.sign_in(SMALL, PASSWORD)
    greedy.sign_in(GREEDY, PASSWORD)
    csrf = next(each.value or "" for each in greedy.cookies if "csrf" in each.name)
    device = stack.devices[0]
    known = (device.serial, device.device_id, device.access_key, device.access_secret)
    target = Target(stack.port, stack.mqtt_port, greedy.cookie_header, csrf, _recipe(greedy), _stream(greedy), known)

    def felt() -> Felt:
        return feel(stack, small, scanning, options.pages, options.presses)

    felt()  # warm
    print(f"{'ms':24}{'page p95':>10}{'press p99':>11}{'1st event':>11}{'import':>9}")
    missed = False
    for way in options.only:
        if way == RABBITMQ:
            continue
        idle = median([felt() for _ in range(options.rounds)])
        _print(f"{way}: idle", idle)
        if way not in NO_SINK:
            with sending(way, target._replace(port=into)):
                _print("  on a sink", median([felt() for _ in range(options.rounds)]))
        with sending(way, target) as count:
            began, before = time.monotonic(), count.value
            busy = median([felt() for _ in range(options.rounds)])
            rate = (count.value - before) / (time.monotonic() - began)
        used = memory(stack)
        held = is_within(busy, idle) and all(megabytes < MOST_MB for megabytes in used.values())
        _print("  on the site", busy)
        told = ", ".join(f"{name} {megabytes}" for name, megabytes in sorted(used.items()))
        print(f"  {'holds' if held else 'MISSED'}; {rate:,.0f} a second; MB: {told}", flush=True)
        missed = missed or not held
    return missed


def _print(name: str, felt: Felt) -> None:
    print(f"{name:24}{felt.page:10.0f}{felt.press:11.0f}{felt.event:11.0f}{felt.small:9.0f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
