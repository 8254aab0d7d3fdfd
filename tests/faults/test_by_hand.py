"""docs/operations.md followed in an empty folder, command by command, and its units' processes killed."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import psycopg
import pytest

from devices.mqtt import heartbeat
from tests import parts
from tests.faults.systemd import Systemd, template
from tests.mqtt import rabbitmq
from tests.mqtt.processes import eventually, listens

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres]

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "docs/units"
PAGE = (ROOT / "docs/operations.md").read_text()
BY_HAND = PAGE.split("## The first time, without containers")[1].split("\n## ")[0]
(SEVERAL,) = re.findall(r"^  With systemd: (.*?)^  - ", PAGE, re.MULTILINE | re.DOTALL)
TREE = ("config", "lib", "tenants", "devices", "telemetry", "provisioning", "templates", "static", "docs", "docker")
# What a machine's administrator may, and this test may not; `systemctl` is played by Systemd.
PLAYED = {
    "adduser": "",
    "chown": "",
    "sudo": 'shift 2; exec "$@"',
    "systemctl": 'echo "$@" >> systemctl.told',
    "rabbitmqctl": "echo 4.0.5" if rabbitmq.GIVEN else "echo 3.10.8",
}
PATIENCE = 90.0
CONNECT_OF_NOBODY = b"\x10\x12\x00\x04MQTT\x04\xc2\x00\x3c\x00\x00\x00\x01u\x00\x01p"
REFUSED = b"\x20\x02\x00\x04"


def two_in_a_row() -> tuple[int, int]:
    """Free ports, of which the first ends in 1: the units of the gates differ by their last digit.

    From below those that a system gives to whoever asks for any.
    """
    while listens(first := random.randrange(20_001, 32_001, 10)) or listens(first + 1):
        pass
    return first, first + 1


class Machine:
    """An empty one but for its servers; knows where the test has what the page names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at = folder / "srv"
        self.web, self.front, self.broker, self.amqp, questions = (parts.free_port() for _ in range(5))
        self.interpreter, interpreted = parts.free_port(), parts.free_port()
        self.gates = two_in_a_row()
        tens = self.gates[0] // 10
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
            "127.0.0.1:1884": f"127.0.0.1:{self.broker}",
            "127.0.0.1:1885": f"127.0.0.1:{interpreted}",
            "127.0.0.1:1886": f"127.0.0.1:{self.interpreter}",
            "--port 1886": f"--port {self.interpreter}",
            "127.0.0.1:5672": f"127.0.0.1:{self.amqp}",
            "127.0.0.1:8010": f"127.0.0.1:{questions}",
            "127.0.0.1:801": f"127.0.0.1:{tens}",
            "--port 801": f"--port {tens}",
            "/usr/sbin/haproxy": parts.needs("haproxy"),
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
        (folder / "default" / "handover-front").write_text(f"BIND_MQTT=127.0.0.1:{self.front}\nDEVICES=200\n")

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
        configuration = self.at / "docker/rabbitmq/rabbitmq.conf"
        configuration.write_text(self.place(configuration.read_text()))

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
        return self._get(path)[0]

    def ask(self) -> Any:
        """What the health page says."""
        return json.loads(self._get("/healthz")[1] or "{}")

    def _get(self, path: str) -> tuple[int, bytes]:
        by_proxy = Request(f"http://127.0.0.1:{self.web}{path}", headers={"X-Forwarded-Proto": "https"})
        try:
            with urlopen(by_proxy, timeout=10) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    yield Machine(tmp_path)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS handover WITH (FORCE)")
        connection.execute("DROP ROLE IF EXISTS handover")


@pytest.fixture
def systemd(machine: Machine) -> Iterator[Systemd]:
    """RabbitMQ is started with what the page wrote for it."""
    with ExitStack() as stack:

        def broker() -> None:
            folder = machine.folder / "rabbitmq"
            stack.enter_context(rabbitmq.configured(folder, folder / "rabbitmq.conf", machine.broker))

        playing = Systemd(machine.folder / "units", machine.at / "systemctl.told", {"rabbitmq-server": broker})
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
    assert_in(machine)
    assert_back(machine, systemd)
    assert_several(machine)
    assert {template(name) for name in systemd.units} == {unit.stem for unit in UNITS.glob("*.service")}
    assert_in(machine)
    assert machine.status(link) == 200
    assert_log(systemd, link)


def assert_configured(machine: Machine) -> None:
    """RabbitMQ knows whom to ask, and by which secret; the proxy knows the variables that it is given."""
    (secret,) = re.findall(r"BROKER_AUTH_SECRET=(\w+)", (machine.at / ".env").read_text())
    folder = machine.folder / "rabbitmq"
    configuration = (folder / "rabbitmq.conf").read_text()
    listener, asks, amqp = (machine.place(f"127.0.0.1:{port}") for port in (1884, 8010, 5672))
    known = rabbitmq.configuration_of(listener, asks, secret, amqp=amqp, folder=folder)  # as other tests start one
    variables = (machine.folder / "default" / "haproxy").read_text()
    preset = set(
        re.findall(r"presetenv (\w+)|defined\((\w+)\)", (machine.folder / "haproxy" / "haproxy.cfg").read_text())
    )
    assert set(re.findall(r"^(\w+)=", variables, re.MULTILINE)) <= {name for pair in preset for name in pair}
    assert set(known.splitlines()) - set(configuration.splitlines()) == set()


def assert_in(machine: Machine) -> None:
    """The front lets clients through to a broker that has asked a gate about them."""

    def answer() -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", machine.front), timeout=10) as client:
                client.sendall(CONNECT_OF_NOBODY)
                return client.recv(4)
        except ConnectionError:
            return b""

    eventually(lambda: answer() == REFUSED, PATIENCE)


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


def assert_several(machine: Machine) -> None:
    """As many consumers as the page shows share the work."""
    with (machine.at / ".env").open("a") as env:
        env.write("CONSUMERS=3\n")
    commands = re.findall(r"`(systemctl [^`]+)`", SEVERAL)
    machine.follow("\n".join(["```sh", "cd /srv/handover", *commands, "```"]))
    eventually(lambda: [each["parts"] for each in machine.ask().get("consumers", [])] == [4, 4, 4], PATIENCE)
    eventually(lambda: machine.ask().get("status") == "up", PATIENCE)


def assert_log(systemd: Systemd, link: str) -> None:
    lines = systemd.units["handover-site"].log.read_text().splitlines()
    assert lines
    assert [line for line in lines if not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ \S+: ", line)] == []
    assert not [line for line in lines if link in line]
