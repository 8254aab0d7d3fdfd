"""A fleet that comes back at once, through the front and RabbitMQ: how long until all are in.

    python -m bench.storm [--devices 1000] [--rounds 3] [--against COMMIT]

With RabbitMQ, the front, two gates and the worker with the consumer over PostgreSQL, as production has them. In each
round all devices connect together, subscribe to their commands and report, each as soon as it may; who is hung up on
comes again after AGAIN seconds. Sessions are kept, as those of devices are, and a first round, which makes them, does
not count. The bar is BAR seconds until the last of 1,000 is in, on two processors. Others may work on the machine:
beside the seconds stand those of the processors, by part. With `--against` each round is played with another build's
gates and front, too, and their medians are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import os
import resource
import statistics
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.rabbitmq import field, packet, site
from bench.servers import check_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection

    from tests.mqtt.fleet import Fleet

TICK = os.sysconf("SC_CLK_TCK")
BAR, AGAIN, PATIENCE, PAUSE = 5.0, 1.0, 300.0, 6.0
PARTS = {"gates": "broker_gate", "front": "mqtt.cfg", "worker": "config.celery worker", "database": "postgres: "}

UNAVAILABLE = 3
"""RabbitMQ, if it took it more than five seconds to register a client id."""

Device = tuple[str, str, str]
"""Device ID, access key and secret."""


class Storm(NamedTuple):
    """Seconds until the last one was let in, had subscribed, and had the acknowledgement of a report, and how often one
    was hung up on."""

    connected: float
    subscribed: float
    reported: float
    hung_up: int


async def _come_back(port: int, device: Device, began: float) -> Storm:
    """Raises PermissionError where it is refused."""
    for times in itertools.count():
        try:
            return Storm(*await _try(port, device, began), times)
        except (EOFError, ConnectionError):
            await asyncio.sleep(AGAIN)
    raise AssertionError


async def _try(port: int, device: Device, began: float) -> tuple[float, float, float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    device_id = device[0]
    try:
        writer.write(packet(0x10, field("MQTT") + b"\x04\xc0\x01\x2c" + b"".join(map(field, device))))
        if code := (await reader.readexactly(4))[3]:
            raise ConnectionError if code == UNAVAILABLE else PermissionError(code)
        connected = time.perf_counter() - began
        writer.write(packet(0x82, b"\0\1" + field(f"devices/{device_id}/command") + b"\1"))
        await reader.readexactly(5)
        subscribed = time.perf_counter() - began
        writer.write(packet(0x32, field(f"devices/{device_id}/state") + b'\0\2{"data": {"rpm": 1}}'))
        await reader.readexactly(4)
        return connected, subscribed, time.perf_counter() - began
    finally:
        writer.transport.abort()


async def _storm(port: int, devices: Sequence[Device]) -> Storm:
    async with asyncio.timeout(PATIENCE):
        began = time.perf_counter()
        each = await asyncio.gather(*(_come_back(port, device, began) for device in devices))
    return Storm(
        max(one.connected for one in each),
        max(one.subscribed for one in each),
        max(one.reported for one in each),
        sum(one.hung_up for one in each),
    )


def _play(pipe: Connection, port: int, devices: Sequence[Device]) -> None:
    pipe.send(asyncio.run(_storm(port, devices)))


def play(port: int, devices: Sequence[Device]) -> Storm:
    """Play it from a process of its own. Raises EOFError if a device was refused."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    player = spawn.Process(target=_play, args=(there, port, devices), daemon=True)
    player.start()
    there.close()
    try:
        storm: Storm = here.recv()
        return storm
    finally:
        player.join()


def read_cpu() -> dict[str, float]:
    """Return the processors' seconds so far, by part."""
    marks = PARTS | {"broker": f"-home {os.environ['VAR_DIR']}"}
    found = dict.fromkeys(marks, 0.0)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            command = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            times = stat.read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            continue
        for name, mark in marks.items():
            if mark in command:
                found[name] += sum(map(int, times)) / TICK
    return found


@contextmanager
def built_as(tree: Path, fleet: Fleet) -> Iterator[None]:
    """Run the gates and the front of another build, at the same ports."""
    theirs = {"manage.py": str(tree / "manage.py")}
    parts = [*fleet.gates, fleet.front]
    ours = [part.command for part in parts]
    for part in parts:
        part.stop()
        file = part.command[-1]
        replaced = [str(tree / "docker/haproxy/mqtt.cfg")] if file.endswith("mqtt.cfg") else [file]
        part.command = [*(theirs.get(word, word) for word in part.command[:-1]), *replaced]
        part.start()
    _await(fleet)
    yield
    for part, command in zip(parts, ours, strict=True):
        part.stop()
        part.command = command
        part.start()
    _await(fleet)


def _await(fleet: Fleet) -> None:
    from tests.mqtt.processes import eventually

    eventually(fleet.is_ready, 60)
    time.sleep(PAUSE)  # the front sees it, and nothing is believed of the round before


def _time(name: str, fleet: Fleet, devices: Sequence[Device]) -> Storm:
    before, storm = read_cpu(), play(fleet.port, devices)
    used = {part: now - before[part] for part, now in read_cpu().items()}
    words = ", ".join(f"{part} {seconds:.1f}" for part, seconds in used.items())
    print(
        f"{name:12}{storm.connected:8.1f}{storm.subscribed:12.1f}{storm.reported:10.1f}{storm.hung_up:8}   {words}",
        flush=True,
    )
    return storm


def _make_devices(count: int) -> list[Device]:
    from devices.credentials.operations import issue_credential
    from tests import builders

    version = builders.make_recipe(builders.make_organisation("Fleet"))
    made = [builders.make_device(version) for _ in range(count)]
    issued = [issue_credential(device=device, by=None) for device in made]
    return [(device.device_id, new.access_key, new.access_secret) for device, new in zip(made, issued, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", metavar="COMMIT")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (16_384, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with ExitStack() as stack:
        fleet = stack.enter_context(site(devices=2 * options.devices))
        tree = stack.enter_context(check_out(options.against)) if options.against else None
        devices = _make_devices(options.devices)
        print(
            f"{'seconds':12}{'let in':>8}{'subscribed':>12}{'reported':>10}{'hung up':>8}   of the processors",
            flush=True,
        )
        _time("first", fleet, devices)
        before, after = [], []
        for _ in range(options.rounds):
            if tree is not None:
                with built_as(tree, fleet):
                    before.append(_time("before", fleet, devices).connected)
                _time("restarted", fleet, devices)  # its gates know nobody
            time.sleep(PAUSE)
            after.append(_time("now", fleet, devices).connected)
    median = statistics.median(after)
    print(f"{median:.1f} s until all are in: {'holds' if median <= BAR else 'MISSED'}", flush=True)
    if before:
        print(f"{statistics.median(before) / median:.1f} times as fast as before", flush=True)


if __name__ == "__main__":
    main()
