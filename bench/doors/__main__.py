"""What it costs to register at a door, beside a bare view that inserts the same rows and checks nothing.

    python -m bench.doors [--devices 100000] [--rounds 3] [--seconds 3] [--rate 100] [--reports 1000]

One process of the site over PostgreSQL, with so many devices in the registry; four clients ask the door and the bare
view in turns. The bar: at each door at least 40 % of the bare view's registrations a second; and the p99 of
activations that come `rate` a second, while another process stores `reports` a second, at most four times the bare
view's under the same load. An activation's time begins when it should have been sent, so that none waits unseen.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.doors.fleet import fill
from bench.servers import build_site_command, run_servers
from tests import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.doors.fleet import Make, Pair, Sent

ROOT = Path(__file__).resolve().parent.parent.parent
BAR_SHARE, BAR_P99 = 0.4, 4.0
CLIENTS, SENDERS, BATCHES = 4, 32, 10
WARM_UP_SECONDS, MOST_A_SECOND = 1.0, 400
"""What is made before for the doors where a device is known already is enough for so many registrations a second."""


# Asking ---------------------------------------------------------------------------------------


@contextmanager
def run_site() -> Iterator[int]:
    port = parts.free_port()
    process = subprocess.Popen(build_site_command(ROOT, port), cwd=ROOT)
    try:
        parts.wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(30)


class Client:
    """Hold a connection. What is not answered as it should be ends the bench."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, sent: Sent) -> None:
        headers = {"Content-Type": sent.kind} | sent.headers
        self._connection.request(sent.method, sent.path, sent.body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != sent.status:
            raise SystemExit(f"{sent.path}: {answer.status} {content[:200]!r}")


def measure_rate(port: int, make: Make, seconds: float) -> float:
    """Return how many registrations a second there are, from as many clients as `CLIENTS`."""

    def ask(_: int) -> int:
        client, done, ends = Client(port), 0, time.perf_counter() + seconds
        while time.perf_counter() < ends:
            client.send(make())
            done += 1
        return done

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        done = sum(pool.map(ask, range(CLIENTS)))
    return done / (time.perf_counter() - began)


def measure_times(port: int, make: Make, rate: int, seconds: float) -> list[float]:
    """Return milliseconds of each, which began when it should have been sent."""
    clients = threading.local()
    taken: list[float] = []

    def ask(due: float) -> None:
        if not hasattr(clients, "own"):
            clients.own = Client(port)
        time.sleep(max(due - time.perf_counter(), 0))
        clients.own.send(make())
        taken.append(1000 * (time.perf_counter() - due))

    began = time.perf_counter() + 0.1
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(ask, [began + number / rate for number in range(round(rate * seconds))]))
    return taken


@contextmanager
def reporting(devices: list[str], rate: int) -> Iterator[None]:
    """Have another process store so many reports a second, as a consumer does."""
    command = [sys.executable, "-m", "bench.doors", "--report", ",".join(devices), "--reports", str(rate)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        process.stdout.readline()
        yield
    finally:
        told, _ = process.communicate("stop\n", 30)
        print(f"  beside {told.strip()} reports a second")


def report(devices: list[str], rate: int) -> int:
    """Store reports until something is said on the standard input."""
    import django

    django.setup()
    from datetime import UTC, datetime

    from config.ingest import ingest
    from devices.mqtt.messages import Message

    stopped = threading.Event()

    def wait() -> None:
        sys.stdin.readline()
        stopped.set()

    threading.Thread(target=wait, daemon=True).start()
    print("ready", flush=True)
    began, done, turns = time.perf_counter(), 0, itertools.cycle(devices)
    while not stopped.wait(max(began + done / rate - time.perf_counter(), 0)):
        now = datetime.now(UTC)
        body = json.dumps({"data": {"rpm": done % 2000, "load": 7}}).encode()
        ingest([Message(each, body, now) for each in itertools.islice(turns, rate // BATCHES)])
        done += rate // BATCHES
    print(round(done / (time.perf_counter() - began)))
    return 0


def find_p99(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=100)[98]


def measure(options: argparse.Namespace, pairs: dict[str, Pair], devices: list[str]) -> int:
    missed = False
    with run_site() as port:
        for pair in pairs.values():
            for make in pair:
                measure_rate(port, make, WARM_UP_SECONDS)
        print(f"{options.devices} devices in the registry; registrations a second, medians of {options.rounds} rounds")
        for name, pair in pairs.items():
            rates = [[measure_rate(port, make, options.seconds) for make in pair] for _ in range(options.rounds)]
            door, bare = (statistics.median(each) for each in zip(*rates, strict=True))
            share = statistics.median(one / other for one, other in rates)
            missed |= share < BAR_SHARE
            print(f"{name}: {door:.0f}, bare view {bare:.0f}: {share:.0%} (bar {BAR_SHARE:.0%})")
        print(f"activations, {options.rate} a second")
        times: Any = [[], []]
        with reporting(devices, options.reports):
            for _ in range(options.rounds):
                for kept, make in zip(times, pairs["activation"], strict=True):
                    kept += measure_times(port, make, options.rate, options.seconds)
        door, bare = map(find_p99, times)
        missed |= door > BAR_P99 * bare
        print(f"p99: {door:.0f} ms, bare view {bare:.0f} ms: {door / bare:.1f} times (bar {BAR_P99:.0f})")
        print(f"p50: {statistics.median(times[0]):.0f} ms, bare view {statistics.median(times[1]):.0f} ms")
    print("MISSED" if missed else "met")
    return int(missed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--report", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.report:
        return report(options.report.split(","), options.reports)
    known = round((WARM_UP_SECONDS + options.rounds * options.seconds) * MOST_A_SECOND)
    known += round(options.rounds * options.seconds * options.rate)
    with run_servers() as (server, _):
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "bench.doors.settings",
            "DATABASE_URL": server.url,
            "LOG_LEVEL": "ERROR",
        }
        import django

        django.setup()
        pairs, devices = fill(options.devices, known)
        return measure(options, pairs, devices)


if __name__ == "__main__":
    sys.exit(main())
