"""Ingest: messages a second that are durable (acknowledged to the broker after their commit).

    python -m bench.ingest [--beside COMMIT] [--messages 60000] [--rounds 3] [--cases 100,1000,5000,1000:1024]
    python -m bench.ingest --consumers 2 [--messages 60000] [--rounds 3]: bench/consumers.py

On PostgreSQL with fsync, and Mosquitto. While the consumer is away its session fills; then it is drained, in turns in
one run: by a paho subscriber with an empty callback, by the worker of another commit (with a tree and a database of its
own), by this one's, and (fewer of them) with one Celery task a message.
A case is a number of devices, and of bytes that a text adds to a report of 8 numbers.
Prints, as medians of the rounds, messages a second, ratios, and microseconds of processor time a message: of the
consumer's process, and of all of PostgreSQL's. Where others use the machine, those are what can be compared.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from bench.servers import check_out

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DEMO", "1")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mqtt.processes import Process
    from tests.parts import PostgreSQL

TODAYS = "5919501"
BARS = {(1000, 0): 2.5, (5000, 0): 3.0, (1000, 1024): 3.0}
BAR_EMPTY = 0.5
FEW, MANY, BAR_MANY = (100, 0), (5000, 0), 0.6  # of the rate at few devices
LOOK = 0.2  # seconds between two looks at how many rows there are: each looks at all of them
TASKS, TASKS_SHARE = "one task each", 40  # one in forty messages is enough to time the tasks
FLIGHT = 2_000  # messages that are not acknowledged yet, while a session is filled
STEPS = 500  # a second, in which reports come at a given rate
ATTRIBUTES = ("speed", "power", "fuel", "oil", "heat", "volts", "amps", "hours")


_times = itertools.count(int(time.time() * 1000) - 3_600_000)
"""Of reports, in milliseconds since the epoch: all of a run have come and gone by now."""


class Drained(NamedTuple):
    rate: float
    own: float = 0.0
    database: float = 0.0


class Parts(NamedTuple):
    server: PostgreSQL
    broker: Process
    folder: str


class Build(NamedTuple):
    """Hold a tree, and its database and fleet."""

    name: str
    tree: Path
    env: dict[str, str]
    fleet: list[str]


def publish(
    port: int,
    fleet: list[str],
    messages: int,
    octets: int,
    username: str | None = None,
    password: str | None = None,
    *,
    rate: int = 0,
) -> None:
    """Fill the session: all devices in turns, each report newer than all before; at most `rate` a second, if given."""
    from devices.mqtt import packets

    note, began = "x" * octets, time.monotonic()
    flight = max(rate // STEPS, 1) if rate else FLIGHT
    with socket.create_connection(("127.0.0.1", port)) as broker:
        connect = packets.Connect(packets.CLEAN, 600, "filler", "", b"", username, password)
        broker.sendall(connect.build().encode())
        broker.recv(4)
        answered = 0
        for first in range(0, messages, flight):
            said = bytearray()
            for number in range(first, min(first + flight, messages)):
                data: dict[str, Any] = {name: round(random.random() * 1000, 2) for name in ATTRIBUTES}
                body = {"data": data | ({"note": note} if note else {}), "time": next(_times)}
                topic = f"devices/{fleet[number % len(fleet)]}/state"
                said += packets.Publish(2, topic, number % 65_535 + 1, json.dumps(body).encode()).build().encode()
            if rate:
                time.sleep(max(began + first / rate - time.monotonic(), 0))
            broker.sendall(said)
            while answered < 4 * min(first + flight, messages):
                answered += len(broker.recv(65_536))


def subscribe(on_message: Any) -> Any:
    from devices.mqtt import client, topics

    paho = client.make_client("handover-consumer", url=os.environ["MQTT_URL"])
    paho.on_message = on_message
    subscribed = threading.Event()
    paho.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in topics.ALL_STATES]) and None
    paho.on_subscribe = lambda *_: subscribed.set()
    paho.loop_start()
    subscribed.wait(10)
    return paho


def drain_empty(messages: int) -> Drained:
    received, times = [0], [0.0, 0.0]
    done = threading.Event()

    def on_message(*_: Any) -> None:
        received[0] += 1
        if received[0] == 1:
            times[0] = time.perf_counter()
        elif received[0] == messages:
            times[1] = time.perf_counter()
            done.set()

    paho = subscribe(on_message)
    done.wait(120)
    paho.disconnect()
    paho.loop_stop()
    return Drained((messages - 1) / (times[1] - times[0]))


def drain(build: Build, messages: int, server: PostgreSQL) -> Drained:
    with open_database(build) as db, run_worker(build, "config", "--consumer") as worker:
        return measure(worker, db, messages, server)


def drain_by_tasks(build: Build, messages: int, server: PostgreSQL) -> Drained:
    """Drain it with one Celery task a message."""
    from bench.one_task import app

    def on_message(_: Any, __: Any, message: Any) -> None:
        app.send_task("one", (message.topic.split("/")[1], message.payload.decode()))

    with open_database(build) as db, run_worker(build, "bench.one_task") as worker:
        paho = subscribe(on_message)
        try:
            return measure(worker, db, messages, server)
        finally:
            paho.disconnect()
            paho.loop_stop()


@contextmanager
def open_database(build: Build) -> Iterator[Any]:
    """Open it, with no report in it."""
    import psycopg

    with psycopg.connect(build.env["DATABASE_URL"].replace("postgres://", "postgresql://"), autocommit=True) as db:
        db.execute("TRUNCATE telemetry_report")
        db.execute("CHECKPOINT")
        yield db


@contextmanager
def run_worker(build: Build, app: str, *options: str) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "--pool", "solo", "-l", "ERROR", *options]
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=build.tree, env=build.env, stdout=silent, stderr=silent)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def measure(worker: psutil.Process, db: Any, messages: int, server: PostgreSQL) -> Drained:
    """Measure from the first look that found rows to the last one that found some missing."""
    assert server.process is not None
    postmaster = psutil.Process(server.process.pid)
    seen: list[tuple[float, int, float, float]] = []
    deadline = time.monotonic() + 180
    while True:
        count = db.execute("SELECT count(*) FROM telemetry_report").fetchone()[0]
        if count >= messages or time.monotonic() > deadline:
            break
        if count:
            seen.append((time.perf_counter(), count, float(sum(worker.cpu_times()[:2])), used(postmaster)))
        time.sleep(LOOK)
    (began, first, own, database), (ended, last, own_then, database_then) = seen[0], seen[-1]
    rows = last - first
    return Drained(rows / (ended - began), 1e6 * (own_then - own) / rows, 1e6 * (database_then - database) / rows)


def used(postmaster: psutil.Process) -> float:
    """Return the seconds of processor time of PostgreSQL, closed backends too."""
    total = float(sum(postmaster.cpu_times()[:4]))
    for each in postmaster.children():
        try:
            total += sum(each.cpu_times()[:2])
        except psutil.Error:
            continue
    return total


@contextmanager
def run_parts() -> Iterator[Parts]:
    from tests import parts
    from tests.mqtt.mosquitto import mosquitto
    from tests.mqtt.processes import running

    initdb = parts.find("postgresql")
    if initdb is None or not parts.find("mosquitto"):
        raise SystemExit("This needs PostgreSQL and Mosquitto (on Debian: apt-get install postgresql mosquitto).")
    server, redis = parts.PostgreSQL(initdb, durable=True), parts.Redis()
    try:
        redis.start()
        server.start()
        with tempfile.TemporaryDirectory(prefix="handover-bench-") as folder:
            broker = mosquitto(Path(folder))
            os.environ |= {"MQTT_URL": f"mqtt://127.0.0.1:{broker.port}", "REDIS_URL": redis.url, "VAR_DIR": folder}
            os.environ |= {"DATABASE_URL": server.url, "MQTT_LIMITS": "0", "LOG_LEVEL": "ERROR"}
            import django

            django.setup()
            with running(broker):
                paho = subscribe(lambda *_: None)  # its session exists from now on
                paho.disconnect()
                paho.loop_stop()
                yield Parts(server, broker, folder)
    finally:
        server.stop()
        redis.stop()


def make_build(name: str, tree: Path, folder: str, url: str, case: tuple[int, int]) -> Build:
    import psycopg

    database = f"bench_{name.replace(' ', '_')}_{case[0]}_{case[1]}"
    wait_for(url)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {database}")
    env = {**os.environ, "DATABASE_URL": f"{url.rpartition('/')[0]}/{database}", "VAR_DIR": f"{folder}/{database}"}
    Path(env["VAR_DIR"]).mkdir()
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=tree, env=env, check=True)
    fleet = [sys.executable, str(ROOT / "bench" / "ingest_fleet.py"), str(case[0])]
    made = subprocess.run(fleet, cwd=tree, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return Build(name, tree, env, made.stdout.split())


def wait_for(url: str) -> None:
    """Wait until it takes connections: its port listens before."""
    import psycopg

    for _ in range(300):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return


def compare(
    case: tuple[int, int], trees: dict[str, Path], parts: Parts, options: argparse.Namespace
) -> tuple[float, bool]:
    """Print a case; return messages a second, and whether it meets its bars."""
    server, broker, folder = parts
    found: dict[str, list[Drained]] = {}
    builds = [make_build(name, tree, folder, server.url, case) for name, tree in trees.items()]
    for _ in range(options.rounds):
        publish(broker.port, builds[-1].fleet, options.messages, case[1])
        found.setdefault("empty callback", []).append(drain_empty(options.messages))
        for build in builds:
            publish(broker.port, build.fleet, options.messages, case[1])
            found.setdefault(build.name, []).append(drain(build, options.messages, server))
        publish(broker.port, builds[-1].fleet, options.messages // TASKS_SHARE, case[1])
        found.setdefault(TASKS, []).append(drain_by_tasks(builds[-1], options.messages // TASKS_SHARE, server))
    return tell(case, found)


def tell(case: tuple[int, int], found: dict[str, list[Drained]]) -> tuple[float, bool]:
    medians = {name: Drained(*map(statistics.median, zip(*all_, strict=True))) for name, all_ in found.items()}
    floor = medians["empty callback"].rate
    first = next(name for name in medians if name != "empty callback")
    print(f"{case[0]} devices, 8 numbers" + (f" and {case[1]} bytes" if case[1] else ""))
    for name, each in medians.items():
        said = f"  {name:16} {each.rate:8.0f} messages/s  {each.rate / floor:6.1%} of the empty callback"
        if each.own:
            said += f"  {each.own:6.1f} us of the consumer, {each.database:6.1f} us of PostgreSQL"
            said += f"  {each.rate / medians[first].rate:5.2f} times {first}"
        print(said, flush=True)
    ratio, share = medians["here"].rate / medians[first].rate, medians["here"].rate / floor
    met = (first == "here" or ratio >= BARS.get(case, 0)) and share >= BAR_EMPTY
    bar = f"{BARS.get(case, 0)} times {first}, {BAR_EMPTY:.0%} of the empty callback"
    print(f"  bar: {bar}: {'met' if met else 'MISSED'}", flush=True)
    return medians["here"].rate, met


def read_case(text: str) -> tuple[int, int]:
    devices, _, octets = text.partition(":")
    return int(devices), int(octets or 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", default=TODAYS, help="a commit; empty: none")
    parser.add_argument("--cases", type=lambda text: [read_case(each) for each in text.split(",")])
    parser.add_argument("--consumers", type=int, default=1, help="so many share it, behind RabbitMQ, beside one")
    options = parser.parse_args()
    if options.consumers > 1:
        from bench.consumers import compare_consumers

        return compare_consumers(options.consumers, options.messages, options.rounds)
    with ExitStack() as stack:
        trees = {f"at {options.beside}": stack.enter_context(check_out(options.beside))} if options.beside else {}
        trees["here"] = ROOT
        parts = stack.enter_context(run_parts())
        told = {case: compare(case, trees, parts, options) for case in options.cases or [FEW, *BARS]}
    missed = sum(not met for _, met in told.values())
    if FEW in told and MANY in told:
        share = told[MANY][0] / told[FEW][0]
        print(f"{MANY[0]} devices: {share:.2f} of the rate at {FEW[0]}; bar: {BAR_MANY}")
        missed += share < BAR_MANY
    return missed


if __name__ == "__main__":
    sys.exit(main())
