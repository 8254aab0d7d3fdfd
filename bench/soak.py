"""A fleet on the demo's embedded parts: nothing lost, memory steady.

    python -m bench.soak [--gateways 300] [--minutes 10]

Every report that a gateway got an acknowledgement for must be stored; the memory of each process in the last third
of the run may not be more than a tenth above that of the middle third.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.request import urlopen

import psutil

from tests.stack import Factory, Stack, demo, unplug

if TYPE_CHECKING:
    from collections.abc import Sequence

SIMULATED_ANYWAY = 13
SAMPLE_SECONDS = 10.0
NAMES = {"valkey": "redis", "broker": "broker", "worker": "worker", "beat": "beat", "uvicorn": "web"}
NAMES["firmware_sim"] = "simulator"


def name_of(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    return next((name for word, name in NAMES.items() if word in command), "")


def sample(stack: Stack, into: dict[str, list[float]]) -> None:
    """Megabytes of resident memory of each part now."""
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        if name := name_of(process):
            into[name].append(process.memory_info().rss / 1e6)


def state(stack: Stack, device: Factory) -> dict[str, int]:
    with urlopen(f"{stack.panel}/gateways/{device.serial}/state.json", timeout=10) as answer:
        found: dict[str, int] = json.load(answer)
    return found


def stored(stack: Stack) -> dict[str, int]:
    database = sqlite3.connect(f"file:{stack.var}/handover.sqlite3?mode=ro", uri=True)
    rows = database.execute(
        "SELECT serial, count(*) FROM telemetry_report AS report "
        "JOIN devices_device AS device ON device.id = report.device_id GROUP BY serial"
    )
    return dict(rows.fetchall())


def steady(sizes: Sequence[float]) -> bool:
    third = len(sizes) // 3
    return statistics.median(sizes[-third:]) <= 1.1 * statistics.median(sizes[third:-third])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateways", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    sizes: dict[str, list[float]] = defaultdict(list)
    with demo("--fleet", str(options.gateways - SIMULATED_ANYWAY)) as stack:
        until = time.monotonic() + 60 * options.minutes
        while time.monotonic() < until:
            time.sleep(SAMPLE_SECONDS)
            sample(stack, sizes)
        gateways = stack.devices[:-2]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda device: unplug(stack, device), gateways))
            time.sleep(5)
            states = list(pool.map(lambda device: state(stack, device), gateways))
        kept = stored(stack)
    sent = {device.serial: found["sent"] for device, found in zip(gateways, states, strict=True)}
    lost = {serial: count - kept.get(serial, 0) for serial, count in sent.items() if kept.get(serial, 0) < count}
    print(f"{len(gateways)} gateways, {options.minutes:g} min: {sum(sent.values())} reports acknowledged")
    print(f"stored {sum(kept.values())}; lost {sum(lost.values())}; dropped {sum(each['dropped'] for each in states)}")
    for part, taken in sizes.items():
        verdict = "steady" if steady(taken) else "GROWS"
        print(
            f"{part:<10} {taken[0]:7.1f} MB at first, {max(taken):7.1f} at most, {taken[-1]:7.1f} at last   {verdict}"
        )
    return int(bool(lost) or not all(map(steady, sizes.values())))


if __name__ == "__main__":
    sys.exit(main())
