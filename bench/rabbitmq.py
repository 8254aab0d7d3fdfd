"""A flood behind RabbitMQ: what another organisation's device feels of it, from its publish to its stored report.

    python -m bench.neighbours --only rabbitmq [--rounds 3]

With RabbitMQ, the front, two gates and the worker with the consumer over PostgreSQL, as production has them. In each
round another device publishes for SECONDS at RATE messages a second (QoS 0, from a niced process): idle, on a sink that
takes everything, and at the site. Medians of the rounds' p50 and p95; the bar is that of bench.neighbours.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests import parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.sharedctypes import Synchronized

    from devices.credentials.operations import Issued
    from devices.models import Device
    from tests.mqtt.fleet import Fleet
    from tests.mqtt.gateway import Gateway

ROOT = Path(__file__).resolve().parent.parent
SECONDS, RATE, STEP = 10.0, 12_000, 0.01
EVERY = 0.1  # between a report that was stored and the next one
LOOK = 0.005
PAUSE = 0.05  # before the sender connects again
QUIET = 10  # devices that report in turn, each within its pace
FACTOR, MARGIN_MS = 2.0, 100.0


class Felt(NamedTuple):
    """Milliseconds."""

    p50: float
    p95: float


# The sender ----------------------------------------------------------------------------------


def _send(port: int, device_id: str, key: str, secret: str, sent: Synchronized[int]) -> None:
    """Publish at RATE, on a new connection whenever the last one was ended."""
    os.nice(10)
    report = packet(0x30, field(f"devices/{device_id}/state") + b'{"data": {"rpm": 1}}')
    until, per_step = time.monotonic() + SECONDS, int(RATE * STEP)
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                client.sendall(packet(0x10, _hello(device_id, key, secret)))
                _publish(client, report, per_step, until, sent)
        except OSError:
            time.sleep(PAUSE)


def _publish(client: socket.socket, report: bytes, per_step: int, until: float, sent: Synchronized[int]) -> None:
    due = time.monotonic()
    while (now := time.monotonic()) < until:
        if now < due:
            time.sleep(due - now)
        due = max(due + STEP, now - 1)
        client.sendall(report * per_step)
        sent.value += per_step


def _hello(*fields: str) -> bytes:
    return field("MQTT") + b"\x04\xc2\x00\x3c" + b"".join(map(field, fields))


def field(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def packet(kind: int, body: bytes) -> bytes:
    length, size = bytearray(), len(body)
    while True:
        size, low = divmod(size, 128)
        length.append(low | (128 if size else 0))
        if not size:
            return bytes([kind, *length]) + body


@contextmanager
def _sending(port: int, device: Device, issued: Issued) -> Iterator[Synchronized[int]]:
    spawn = multiprocessing.get_context("spawn")
    sent = spawn.Value("q", 0)
    known = (port, device.device_id, issued.access_key, issued.access_secret, sent)
    sender = spawn.Process(target=_send, args=known, daemon=True)
    sender.start()
    yield sent
    sender.kill()
    sender.join()


# What is felt ---------------------------------------------------------------------------------


def _feel(quiet: Sequence[Gateway]) -> Felt:
    """For SECONDS, one report after the other."""
    from telemetry.models import Report

    taken: list[float] = []
    until = time.monotonic() + SECONDS
    for device in itertools.cycle(quiet):
        own = Report.objects.filter(device__device_id=device.client_id)
        before, began = own.count(), time.perf_counter()
        device.client.publish(f"devices/{device.client_id}/state", json.dumps({"data": {"rpm": len(taken)}}), 1)
        while own.count() == before:
            time.sleep(LOOK)
        taken.append(1000 * (time.perf_counter() - began))
        if time.monotonic() > until:
            break
        time.sleep(EVERY)
    return Felt(statistics.median(taken), sorted(taken)[int(0.95 * len(taken))])


def _settle() -> None:
    """Wait until the consumer has stored what it holds."""
    from devices.mqtt import heartbeat
    from tests.mqtt.processes import eventually

    time.sleep(2 * heartbeat.EVERY_SECONDS)
    eventually(lambda: (heartbeat.read() or {"queued": 1})["queued"] == 0, 60)


# The run --------------------------------------------------------------------------------------


@contextmanager
def site(devices: int = 500) -> Iterator[Fleet]:
    """Run it all, for so many devices."""
    import django

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="handover-bench-")))
        initdb = parts.find("postgresql")
        assert initdb is not None
        database, redis = parts.PostgreSQL(initdb), parts.Redis()
        for server in (database, redis):
            server.start()
            stack.callback(server.stop)
        os.environ |= {"DEMO": "1", "DJANGO_SETTINGS_MODULE": "config.settings", "VAR_DIR": str(folder)}
        os.environ |= {"DATABASE_URL": database.url, "REDIS_URL": redis.url, "LOG_LEVEL": "ERROR"}
        django.setup()
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
        from tests.mqtt import fleet
        from tests.mqtt.processes import eventually, python, running

        it = stack.enter_context(fleet.fleet(folder, devices=devices))
        command = "-m celery -A config.celery worker --pool threads --concurrency 4 --without-gossip --without-mingle"
        os.environ |= {"MQTT_URL": it.site_url, "BROKER_AMQP_URL": f"amqp://127.0.0.1:{it.amqp}"}
        worker = python(*command.split(), CONSUMER="1", BROKER_AUTH_SECRET=fleet.SECRET)
        stack.enter_context(running(worker))
        eventually(it.is_ready, 60)
        yield it


def compare(into: int, rounds: int) -> bool:
    """Print what is felt idle, beside a flood on the sink at port `into`, and at the site; return whether it holds."""
    found: dict[str, list[Felt]] = {"idle": [], "on a sink": [], "at the site": []}
    with site() as run:
        from devices.credentials.operations import issue_credential
        from tests import builders
        from tests.mqtt.gateway import gateway

        version, other = (builders.make_recipe(builders.make_organisation(name)) for name in ("Quiet", "Loud"))
        devices = [builders.make_device(version) for _ in range(QUIET)]
        quiet = [gateway(run.port, device, issue_credential(device=device, by=None)) for device in devices]
        for each in quiet:
            each.connect()
        _feel(quiet)  # warm
        print(f"{'rabbitmq, ms':24}{'p50':>10}{'p95':>11}", flush=True)
        for number in range(1, rounds + 1):
            device = builders.make_device(other)
            issued = issue_credential(device=device, by=None)
            _settle()
            found["idle"].append(_feel(quiet))
            _print(f"  {number}. idle", found["idle"][-1])
            for way, port in (("on a sink", into), ("at the site", run.port)):
                with _sending(port, device, issued) as sent:
                    found[way].append(_feel(quiet))
                    _print(f"  {number}. {way}", found[way][-1], f"   {sent.value / SECONDS:,.0f} a second")
    medians = {way: Felt(*map(statistics.median, zip(*taken, strict=True))) for way, taken in found.items()}
    for way, felt in medians.items():
        _print(f"rabbitmq: {way}", felt)
    pairs = zip(medians["at the site"], medians["idle"], strict=True)
    held = all(now <= max(FACTOR * was, was + MARGIN_MS) for now, was in pairs)
    print(f"  {'holds' if held else 'MISSED'}", flush=True)
    return held


def _print(name: str, felt: Felt, more: str = "") -> None:
    print(f"{name:24}{felt.p50:10.0f}{felt.p95:11.0f}{more}", flush=True)
