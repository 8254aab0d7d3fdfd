"""`manage.py demo` as a whole: its ports, its state, and that it leaves nothing running however it ends."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest

from tests.parts import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 180
NAMES = ("PORT", "MQTT_PORT", "PANEL_PORT", "HTTPS_PORT", "MQTTS_PORT", "HOOKS_PORT")
pytestmark = [pytest.mark.faults, pytest.mark.slow]


@dataclass
class Demo:
    """One folder of state; `start` may be called again after it ended."""

    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[str] | None = None

    def launch(self, **environment: str) -> subprocess.Popen[str]:
        with (self.folder / "demo.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo"],
                cwd=ROOT,
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return self.process

    def start(self, **environment: str) -> list[psutil.Process]:
        """Returns what it runs, once it is healthy and has said so."""
        process, banners = self.launch(**environment), self.log.count("Handover is up")
        until = time.monotonic() + READY_SECONDS
        while self.log.count("Handover is up") == banners:
            assert process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.2)
        assert self.health() == 200
        return list(psutil.Process(process.pid).children(recursive=True))

    def health(self) -> int:
        with suppress(URLError, OSError), urlopen(f"http://127.0.0.1:{self.environment['PORT']}/healthz") as answer:
            return int(answer.status)
        return 0

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(15)

    @property
    def log(self) -> str:
        return (self.folder / "demo.log").read_text()

    @property
    def kept(self) -> dict[str, str]:
        return {name: (self.folder / "var" / name).read_text() for name in ("secrets.json", "demo/devices.csv")}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    own = {"DEMO": "1", "VAR_DIR": str(tmp_path / "var"), "STATIC_ROOT": str(tmp_path / "static")}
    ports = {name: str(free_port()) for name in NAMES}
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    each = Demo(tmp_path, inherited | own | ports)
    yield each
    if each.process is not None and each.process.poll() is None:
        each.end(signal.SIGTERM)


def gone(processes: list[psutil.Process]) -> bool:
    """A zombie is gone: whoever adopted it has yet to bury it."""
    _, alive = psutil.wait_procs(processes, timeout=5)
    return not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


def test_it_starts_again_from_what_it_kept_and_leaves_nothing_running(demo: Demo) -> None:
    family = demo.start()
    assert len(family) == 8
    kept = demo.kept
    second = subprocess.run(
        [sys.executable, "manage.py", "demo"], cwd=ROOT, env=demo.environment, capture_output=True, text=True
    )
    assert (second.returncode, "runs from" in second.stderr) == (2, True)
    demo.end(signal.SIGKILL)
    assert gone(family)
    family = demo.start()
    assert demo.kept == kept
    began = time.monotonic()
    assert demo.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 11
    assert gone(family)
    assert demo.health() == 0
    assert_private(demo)


def assert_private(demo: Demo) -> None:
    secrets = [*json.loads(demo.kept["secrets.json"]).values()]
    secrets += [row.split(",")[3] for row in demo.kept["demo/devices.csv"].splitlines()[1:]]
    assert not [secret for secret in secrets if secret in demo.log]
    assert stat.S_IMODE((demo.folder / "var").stat().st_mode) == 0o700
    for path in ("secrets.json", "demo/devices.csv", "redis/redis.conf"):
        assert stat.S_IMODE((demo.folder / "var" / path).stat().st_mode) == 0o600, path


@pytest.mark.parametrize("variable", NAMES)
def test_a_port_in_use_is_named_before_anything_starts(demo: Demo, variable: str) -> None:
    with socket.create_server(("127.0.0.1", int(demo.environment[variable]))):
        assert demo.launch().wait(30) == 2
    assert f"Port {demo.environment[variable]} is in use: set {variable} to another one" in demo.log
    assert len(demo.log.splitlines()) == 1
    assert not (demo.folder / "var" / "secrets.json").exists()


def test_two_ports_that_are_the_same(demo: Demo) -> None:
    assert demo.launch(PANEL_PORT=demo.environment["PORT"]).wait(30) == 2
    assert "set PANEL_PORT to another one" in demo.log


@pytest.mark.parametrize("value", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none(demo: Demo, value: str) -> None:
    assert demo.launch(MQTT_PORT=value).wait(30) == 2
    assert f"MQTT_PORT={value} is not a port" in demo.log


@pytest.mark.parametrize("variable", ["VAR_DIR", "STATIC_ROOT"])
def test_a_folder_that_can_not_be_written(demo: Demo, variable: str) -> None:
    (demo.folder / "file").touch()
    assert demo.launch(**{variable: str(demo.folder / "file" / "folder")}).wait(60) == 2
    assert f"can't be written (Not a directory): set {variable} to a folder that is yours" in demo.log
    assert "Traceback" not in demo.log


def test_without_the_demo_nothing_starts(demo: Demo) -> None:
    assert (
        demo.launch(DEMO="0", SECRET_KEY=secrets.token_urlsafe(48), DATABASE_URL="postgres://a:b@localhost/c").wait(30)
        == 2
    )
    assert "set DEMO=1" in demo.log
