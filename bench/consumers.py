"""Several consumers that share what devices report, beside one: `python -m bench.ingest --consumers 2`.

With RabbitMQ (its own accounts: nobody is asked) and PostgreSQL with fsync. In each round, for one consumer and for
several, in alternation:
- as fast as they can: they are stopped while the queues fill, and then drain them. What a message costs where there is
  enough to do: the bar of processor time. Several that share two cores with the broker and the database also cost each
  other some of it, which is in the figure.
- each held to the same share of a core (SHARE), by stopping it whenever it has had more. How much more several cores
  store than one, though this machine has no core for each: the bar of the rate.
- in all RATE messages a second, which come evenly and saturate nobody. It has no bar: what each consumer does by itself
  (fences, heartbeats, leases, reading the sessions of its parts) counts as many times as there are consumers.
Prints, as medians of the rounds, messages a second, microseconds of processor time a message of all consumers together,
and the ratios with their bars.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from bench.ingest import LOOK, ROOT, Build, make_build, publish, run_worker
from tests import parts

if TYPE_CHECKING:
    from collections.abc import Iterator


DEVICES = 1000
SHARE = 0.15
RATE = 4000
STEP = 0.01
BAR_PROCESSOR, BAR_RATE = 1.1, 1.6
ACCOUNT = ("site", "site-secret")
CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
mqtt.listeners.tcp.1 = 127.0.0.1:{mqtt}
mqtt.vhost = /
mqtt.exchange = amq.topic
mqtt.prefetch = 20000
load_definitions = {definitions}
"""
OLDER = "mqtt.allow_anonymous = false\nmqtt.subscription_ttl = 604800000\n"
NEWER = "anonymous_login_user = none\nmqtt.max_session_expiry_interval_seconds = 604800\n"


class Drained(NamedTuple):
    rate: float
    own: float  # microseconds of processor time a message


def compare_consumers(several: int, messages: int, rounds: int) -> int:
    """Print the figures; return how many bars are missed."""
    found: dict[tuple[str, int], list[Drained]] = {}
    with ExitStack() as stack:
        builds = {count: stack.enter_context(_run_parts(count)) for count in (1, several)}
        for number in range(rounds):
            for way, measure in WAYS.items():
                for count, (build, port) in sorted(builds.items(), reverse=bool(number % 2)):
                    found.setdefault((way, count), []).append(measure(build, port, count, messages))
    medians = {case: Drained(*map(statistics.median, zip(*all_, strict=True))) for case, all_ in found.items()}
    for (way, count), each in sorted(medians.items()):
        print(f"  {count} consumer(s), {way:32} {each.rate:7.0f} messages/s {each.own:7.1f} us of processor time")
    own, paced = (medians[way, several].own / medians[way, 1].own for way in (FREE, PACED))
    rate = medians[HELD, several].rate / medians[HELD, 1].rate
    print(f"  processor time a message: {own:.2f} times one's (bar {BAR_PROCESSOR}: {_judge(own <= BAR_PROCESSOR)})")
    print(f"  messages a second, held:  {rate:.2f} times one's (bar {BAR_RATE}: {_judge(rate >= BAR_RATE)})")
    print(f"  processor time, paced:    {paced:.2f} times one's (no bar)", flush=True)
    return (own > BAR_PROCESSOR) + (rate < BAR_RATE)


def _judge(met: bool) -> str:
    return "met" if met else "MISSED"


@contextmanager
def _run_parts(count: int) -> Iterator[tuple[Build, int]]:
    """Run a broker, a database and a Redis for so many consumers."""
    from tests.mqtt.rabbitmq import configured

    initdb = parts.find("postgresql")
    if initdb is None:
        raise SystemExit("This needs PostgreSQL and RabbitMQ (on Debian: apt-get install postgresql rabbitmq-server).")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="handover-bench-"))
        server, redis = parts.PostgreSQL(initdb, durable=True), parts.Redis()
        for part in (redis, server):
            stack.callback(part.stop)
            part.start()
        amqp, port = parts.free_port(), parts.free_port()
        stack.enter_context(configured(Path(folder), _write_configuration(Path(folder), amqp, port), port))
        os.environ |= {
            "MQTT_URL": f"mqtt://{':'.join(ACCOUNT)}@127.0.0.1:{port}",
            "BROKER_AMQP_URL": f"amqp://127.0.0.1:{amqp}",
            "REDIS_URL": redis.url,
            "DATABASE_URL": server.url,
            "VAR_DIR": folder,
            "MQTT_LIMITS": "0",
            "LOG_LEVEL": "ERROR",
            "CONSUMERS": str(count),
        }
        yield make_build(f"{count} consumers", ROOT, folder, server.url, (DEVICES, 0)), port


def _write_configuration(folder: Path, amqp: int, port: int) -> Path:
    from tests.mqtt.rabbitmq import GIVEN

    definitions = json.loads((ROOT / "docker/rabbitmq/definitions.json").read_text())
    name, password = ACCOUNT
    definitions["users"] = [{"name": name, "password": password, "tags": ""}]
    rights = dict.fromkeys(("configure", "write", "read"), ".*")
    definitions["permissions"] = [{"user": name, "vhost": "/", **rights}]
    (folder / "definitions.json").write_text(json.dumps(definitions))
    file = folder / "rabbitmq.conf"
    text = CONFIGURATION.format(amqp=amqp, mqtt=port, definitions=folder / "definitions.json")
    file.write_text(text + (NEWER if GIVEN else OLDER))
    return file


@contextmanager
def _run_workers(build: Build, count: int) -> Iterator[tuple[list[psutil.Process], Any]]:
    """Run so many that have shared the parts, with no report in their database, to which this connects."""
    import psycopg

    url = build.env["DATABASE_URL"].replace("postgres://", "postgresql://")
    with ExitStack() as stack:
        db = stack.enter_context(psycopg.connect(url, autocommit=True))
        db.execute("TRUNCATE telemetry_report")
        workers = [stack.enter_context(run_worker(build, "config", "--consumer")) for _ in range(count)]
        for worker in workers:
            stack.callback(worker.send_signal, signal.SIGCONT)
        _wait_until_settled(db, count)
        yield workers, db


def _drain(build: Build, port: int, count: int, messages: int) -> Drained:
    with _run_workers(build, count) as (workers, db):
        _fill(build, port, workers, db, messages)
        for worker in workers:
            worker.send_signal(signal.SIGCONT)
        return _measure(workers, db, messages)


def _drain_held(build: Build, port: int, count: int, messages: int) -> Drained:
    with _run_workers(build, count) as (workers, db):
        _fill(build, port, workers, db, messages // 4)
        with _hold(workers):
            return _measure(workers, db, messages // 4)


def _fill(build: Build, port: int, workers: list[psutil.Process], db: Any, messages: int) -> None:
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)
    publish(port, build.fleet, messages, 0, *ACCOUNT)
    db.execute("CHECKPOINT")


def _keep_pace(build: Build, port: int, count: int, messages: int) -> Drained:
    with _run_workers(build, count) as (workers, db):
        db.execute("CHECKPOINT")
        thread = threading.Thread(
            target=publish, args=[port, build.fleet, messages // 2, 0, *ACCOUNT], kwargs={"rate": RATE}
        )
        thread.start()
        measured = _measure(workers, db, messages // 2)
        thread.join()
        return measured


FREE, HELD, PACED = "as fast as they can", f"each held to {SHARE:.0%} of a core", f"in all {RATE} a second"
WAYS = {FREE: _drain, HELD: _drain_held, PACED: _keep_pace}


def _wait_until_settled(db: Any, count: int) -> None:
    """Wait until each has its share of the parts, and their queues are bound."""
    sql = "SELECT count(DISTINCT holder), count(*) FILTER (WHERE holder = '') FROM devices_consumerpart"
    deadline = time.monotonic() + 120
    while db.execute(sql).fetchone() != (count, 0):
        if time.monotonic() > deadline:
            raise SystemExit("The consumers have not shared the parts among them.")
        time.sleep(0.2)
    time.sleep(8)


@contextmanager
def _hold(workers: list[psutil.Process]) -> Iterator[None]:
    """Hold each to its share of a core: stopped whenever it has had more since it began."""
    done = threading.Event()

    def hold(worker: psutil.Process) -> None:
        began, first = time.monotonic(), _read_used(worker)
        while not done.is_set():
            over = (_read_used(worker) - first) - SHARE * (time.monotonic() - began)
            worker.send_signal(signal.SIGSTOP if over > 0 else signal.SIGCONT)
            done.wait(max(STEP, over / SHARE))
        worker.send_signal(signal.SIGCONT)

    threads = [threading.Thread(target=hold, args=[worker]) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def _read_used(worker: psutil.Process) -> float:
    """Return the seconds of processor time of all its threads, those that have ended too."""
    return float(sum(worker.cpu_times()[:2]))


def _measure(workers: list[psutil.Process], db: Any, messages: int) -> Drained:
    """Measure from the first look that found rows to the last one that found some missing."""
    seen: list[tuple[float, int, float]] = []
    deadline = time.monotonic() + 300
    while True:
        stored = db.execute("SELECT count(*) FROM telemetry_report").fetchone()[0]
        if stored >= messages or time.monotonic() > deadline:
            break
        if stored:
            seen.append((time.perf_counter(), stored, sum(map(_read_used, workers))))
        time.sleep(LOOK)
    (began, first, own), (ended, last, own_then) = seen[0], seen[-1]
    rows = last - first
    return Drained(rows / (ended - began), 1e6 * (own_then - own) / rows)
