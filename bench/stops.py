"""Stops and kills of the demo under load: whatever a device got an acknowledgement for is stored.

    python -m bench.stops [--rounds 50] [--devices 8]

The demo goes on from the same folder, round by round; every other time it is asked to stop, else its supervisor is
killed. Devices send at their pace all the while, with a time in each report, and again what was not acknowledged.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from tests.mqtt.sender import Sender
from tests.parts import free_port
from tests.stack import ROOT, Stack

if TYPE_CHECKING:
    from collections.abc import Mapping

READY_SECONDS = 120


def start(folder: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Returns once it is healthy."""
    with (Path(folder) / "demo.log").open("ab") as log:
        command = [sys.executable, "manage.py", "demo"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        try:
            with urlopen(f"http://127.0.0.1:{environment['PORT']}/healthz", timeout=5) as answer:
                if answer.status == 200:
                    return process
        except (URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError((Path(folder) / "demo.log").read_text()[-3000:])


def missing(folder: str, senders: list[Sender]) -> int:
    database = sqlite3.connect(f"file:{folder}/handover.sqlite3?mode=ro", uri=True)
    lost = 0
    for sender in senders:
        rows = database.execute(
            "SELECT round((julianday(report.at) - 2440587.5) * 86400000) FROM telemetry_report AS report "
            "JOIN devices_device AS device ON device.id = report.device_id WHERE device.device_id = ?",
            (sender.device.device_id,),
        )
        lost += len(set(sender.acknowledged) - {int(at) for (at,) in rows})
    return lost


def run(rounds: int, devices: int, seconds: float) -> tuple[int, int]:
    """Return how many reports were acknowledged, and how many of those are not stored."""
    web, broker, panel = (str(free_port()) for _ in range(3))
    with tempfile.TemporaryDirectory(prefix="handover-") as folder:
        clean = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        own = {"DEMO": "1", "VAR_DIR": folder, "STATIC_ROOT": f"{folder}/static"}
        environment = clean | own | {"PORT": web, "MQTT_PORT": broker, "PANEL_PORT": panel}
        environment |= {name: str(free_port()) for name in ("HTTPS_PORT", "MQTTS_PORT", "HOOKS_PORT")}
        process = start(folder, environment)
        senders: list[Sender] = []
        try:
            stack = Stack(Path(folder), int(web), int(broker), int(panel), process)
            senders += [Sender(int(broker), device) for device in stack.devices[-devices:]]
            for sender in senders:
                sender.start()
            for number in range(rounds):
                time.sleep(seconds)
                process.send_signal(signal.SIGTERM if number % 2 == 0 else signal.SIGKILL)
                process.wait(30)
                process = start(folder, environment)
            time.sleep(seconds)
            for sender in senders:
                sender.stopped.set()
            for sender in senders:
                sender.join(30)
            return sum(len(sender.acknowledged) for sender in senders), missing(folder, senders)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4, help="of load in each round")
    options = parser.parse_args()
    acknowledged, lost = run(options.rounds, options.devices, options.seconds)
    print(f"{options.rounds} stops and kills: {acknowledged} reports acknowledged, {lost} lost")
    return int(bool(lost) or not acknowledged)


if __name__ == "__main__":
    sys.exit(main())
