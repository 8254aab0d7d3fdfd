"""The whole demo, started as its user starts it, on free ports and in a folder of its own."""

from __future__ import annotations

import csv
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.parts import SHARED, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "demo-demo"
READY_SECONDS = 180


@dataclass(frozen=True)
class Factory:
    """A row of the factory's file."""

    serial: str
    device_id: str
    access_key: str
    access_secret: str


@dataclass(frozen=True)
class Stack:
    var: Path
    port: int
    mqtt_port: int
    panel_port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def panel(self) -> str:
        return f"http://127.0.0.1:{self.panel_port}"

    @property
    def devices(self) -> list[Factory]:
        """In the order of the factory's file: spares last."""
        with (self.var / "demo" / "devices.csv").open(newline="") as file:
            return [Factory(**row) for row in csv.DictReader(file)]

    @property
    def log(self) -> str:
        return (self.var / "demo.log").read_text(errors="replace")


@contextmanager
def demo(*options: str, **environment: str) -> Iterator[Stack]:
    """`manage.py demo` until the block ends; yields once it says that it is up.

    In a test run it goes on from one that ran before, which saves making a database; not in the one it is given.
    """
    with tempfile.TemporaryDirectory(prefix="handover-") as folder:
        if SHARED in os.environ and "DATABASE_URL" not in environment:
            ignored = shutil.ignore_patterns("*.socket")  # of a site that had to be killed
            shutil.copytree(_ran_before(), folder, dirs_exist_ok=True, ignore=ignored)
        with _running(folder, *options, **environment) as stack:
            yield stack


@cache
def _ran_before() -> Path:
    """The folder of a demo that ran and was ended; the first of a run's processes that asks for it makes it."""
    shared = Path(os.environ[SHARED])
    with (shared / "ran.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder := shared / "ran").exists():
            began = tempfile.mkdtemp(dir=shared)
            with _running(began):
                pass
            Path(began).rename(folder)
    return folder


@contextmanager
def _running(folder: str, *options: str, **environment: str) -> Iterator[Stack]:
    free, mqtt_port, panel_port = (free_port() for _ in range(3))
    port = int(environment.get("PORT", free))
    own = {"DEMO": "1", "VAR_DIR": folder, "STATIC_ROOT": f"{folder}/static"}
    ports = {"PORT": str(port), "MQTT_PORT": str(mqtt_port), "PANEL_PORT": str(panel_port)}
    ports |= {name: str(free_port()) for name in ("HTTPS_PORT", "MQTTS_PORT", "HOOKS_PORT")}
    clean = {name: value for name, value in os.environ.items() if not name.endswith(("_URL", "_PORT"))}
    with (Path(folder) / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", *options],
            cwd=ROOT,
            env={**clean, **own, **ports, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    stack = Stack(Path(folder), port, mqtt_port, panel_port, process)
    try:
        _wait_until_healthy(stack)
        yield stack
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def _wait_until_healthy(stack: Stack) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and stack.process.poll() is None:
        time.sleep(0.2)
        with suppress(URLError, OSError), urlopen(f"{stack.url}/healthz", timeout=5) as answer:
            if answer.status == 200 and "Handover is up" in stack.log:
                return
    raise RuntimeError(f"the demo did not become healthy:\n{stack.log[-4000:]}")


def unplug(stack: Stack, device: Factory) -> None:
    """Take a simulated gateway off the network, by its panel."""
    url = f"{stack.panel}/gateways/{device.serial}/unplug"
    with urlopen(Request(url, method="POST", headers={"Origin": stack.panel}), timeout=10) as answer:
        answer.read()
