"""docs/operations.md followed in an empty folder, command by command, and its units' processes killed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import psycopg
import pytest

from devices.mqtt import heartbeat
from tests import parts
from tests.faults.systemd import Systemd
from tests.mqtt import rabbitmq
from tests.mqtt.mosquitto import mosquitto
from tests.mqtt.processes import eventually, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mqtt.processes import Process

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres]

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "docs/units"
PAGE = (ROOT / "docs/operations.md").read_text()
BY_HAND = PAGE.split("## The first time, without containers")[1].split("\n## ")[0]
TREE = ("config", "lib", "tenants", "devices", "telemetry", "provisioning", "templates", "static", "docs", "docker")
# What a machine's administrator may, and this test may not; `systemctl` is played by Systemd.
PLAYED = {"adduser": "", "chown": "", "sudo": 'shift 2; exec "$@"', "systemctl": 'echo "$@" >> systemctl.told'}
PATIENCE = 90.0


class Machine:
    """An empty one but for its servers; knows where the test has what the page names."""

    def __init__(self, folder: Path, broker: int) -> None:
        self.folder = folder
        self.at = folder / "srv"
        self.web = parts.free_port()
        self.database, self.redis = urlsplit(os.environ["DATABASE_URL"]), urlsplit(os.environ["REDIS_URL"])
        places = {
            "/srv/handover": str(self.at),
            "/etc/systemd/system": str(folder / "units"),
            "/etc/rabbitmq": str(folder / "rabbitmq"),
            "/etc/haproxy": str(folder / "haproxy"),
            "/etc/default": str(folder / "default"),
            "/var/lib/handover": str(folder / "state"),
            "127.0.0.1:5432": f"127.0.0.1:{self.database.port}",
            "127.0.0.1:6379/0": f"127.0.0.1:{self.redis.port}/0",
            "127.0.0.1:1883": f"127.0.0.1:{broker}",
            "127.0.0.1:8000": f"127.0.0.1:{self.web}",
            "--port 8000": f"--port {self.web}",
            "python3 -m venv .venv": f"ln -s {sys.prefix} .venv",
            ".venv/bin/pip install --require-hashes --requirement requirements/base.txt": "true",
        }
        self._places = places
        for name in ("units", "rabbitmq", "haproxy", "default", "state", "bin"):
            (folder / name).mkdir()
        for name, does in PLAYED.items():
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
            (folder / "bin" / name).chmod(0o755)

    def place(self, text: str) -> str:
        for here, there in self._places.items():
            text = text.replace(here, there)
        return text

    def unpack(self) -> None:
        for name in TREE:
            shutil.copytree(ROOT / name, self.at / name, ignore=shutil.ignore_patterns("__pycache__", "images"))
        shutil.copy(ROOT / "manage.py", self.at)
        for unit in self.at.glob("docs/units/*.service"):
            unit.write_text(self.place(unit.read_text()))

    def follow(self, page: str) -> str:
        """Its shell commands, one after the other, in one shell; what they printed."""
        commands = "\n".join(re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
        initdb = parts.find("postgresql")
        assert initdb is not None
        path = os.pathsep.join([str(self.folder / "bin"), str(Path(initdb).resolve().parent), os.environ["PATH"]])
        at = self.database
        postgres = {"PGHOST": at.hostname, "PGPORT": at.port, "PGUSER": at.username, "PGPASSWORD": at.password}
        env = {"PATH": path, "HOME": str(self.folder), "PGDATABASE": "postgres", **postgres}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.place(commands)],
            env={name: str(value) for name, value in env.items()},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self, path: str = "/healthz") -> int:
        try:
            asked = Request(
                f"http://127.0.0.1:{self.web}{path}", headers={"X-Forwarded-Proto": "https"}
            )  # by its proxy
            with urlopen(asked, timeout=10) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code
        except OSError:
            return 0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Process]:
    with running(mosquitto(tmp_path)) as process:
        yield process


@pytest.fixture
def machine(tmp_path: Path, broker: Process) -> Iterator[Machine]:
    yield Machine(tmp_path, broker.port)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS handover WITH (FORCE)")
        connection.execute("DROP ROLE IF EXISTS handover")


@pytest.fixture
def systemd(machine: Machine) -> Iterator[Systemd]:
    playing = Systemd(machine.folder / "units", machine.at / "systemctl.told")
    playing.start()
    yield playing
    playing.stop()


def test_the_page_by_hand(machine: Machine, systemd: Systemd) -> None:
    machine.unpack()
    said = machine.follow(BY_HAND)
    assert '"status": "up"' in said
    (link,) = re.findall(r"at <this site>(/\S+)", said)
    assert (machine.at / ".env").stat().st_mode & 0o777 == 0o600
    assert_configured(machine)
    assert set(systemd.units) == {unit.stem for unit in UNITS.glob("*.service")}
    assert_back(machine, systemd)
    assert machine.status(link) == 200
    assert_log(systemd, link)


def assert_configured(machine: Machine) -> None:
    """RabbitMQ knows whom to ask, and by which secret; the proxy knows the variables that it is given."""
    (secret,) = re.findall(r"BROKER_AUTH_SECRET=(\w+)", (machine.at / ".env").read_text())
    configuration = (machine.folder / "rabbitmq" / "rabbitmq.conf").read_text()
    site, amqp = f"127.0.0.1:{machine.web}", "127.0.0.1:5672"
    known = rabbitmq.configuration_of("0.0.0.0:1883", site, secret, amqp=amqp)  # to which tests start one
    variables = (machine.folder / "default" / "haproxy").read_text()
    preset = set(
        re.findall(r"presetenv (\w+)|defined\((\w+)\)", (machine.folder / "haproxy" / "haproxy.cfg").read_text())
    )
    assert set(re.findall(r"^(\w+)=", variables, re.MULTILINE)) <= {name for pair in preset for name in pair}
    assert set(known.splitlines()) - set(configuration.splitlines()) == set()


def assert_back(machine: Machine, systemd: Systemd) -> None:
    """Every process is there again after it was killed, and so is the whole."""
    before = {unit.name: unit.process for unit in systemd.units.values()}
    beat = heartbeat.read()
    assert beat is not None
    for process in before.values():
        assert process is not None
        process.kill()
        process.wait()
    for unit in systemd.units.values():
        eventually(lambda unit=unit: unit.process is not before[unit.name], PATIENCE)  # type: ignore[misc]
    eventually(lambda: (heartbeat.read() or beat)["by"] != beat["by"], PATIENCE)
    eventually(lambda: machine.status() == 200, PATIENCE)
    assert [unit.name for unit in systemd.units.values() if unit.process and unit.process.poll() is not None] == []


def assert_log(systemd: Systemd, link: str) -> None:
    lines = systemd.units["handover-site"].log.read_text().splitlines()
    assert lines
    assert [line for line in lines if not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ \S+: ", line)] == []
    assert not [line for line in lines if link in line]
