"""What the demo runs: only what nobody else provides, on ports that are free, and none of it knows too much."""

from __future__ import annotations

import json
import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from config.demo import processes
from config.demo.processes import DEFAULTS, Parts, Ports, load_secrets, strip_account
from config.demo.supervisor import Failed, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from config.demo.supervisor import Process

PORTS = Ports("127.0.0.1", 8000, 1883, 8001, 8443, 8883, 8444)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*DEFAULTS, "HOOKS_PORT", "HOST", "MQTT_URL", "REDIS_URL", "CONSUMERS", "SECRET_KEY", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # whose path may be too long for a socket's
    return tmp_path


def make(folder: Path, ports: Ports = PORTS) -> dict[str, Process]:
    parts = Parts(folder, ports, spares=["SPARE1", "SPARE2"], devices=folder / "demo" / "devices.csv")
    return {process.name: process for process in parts.all()}


OWN = ["redis", "broker", "web", "tls", "hooks", "worker", "beat", "simulator"]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, OWN),
        ({"REDIS_URL": "redis://r/0"}, OWN[1:]),
        ({"MQTT_URL": "mqtt://u:p@b.example"}, ["redis", *OWN[2:]]),
        ({"REDIS_URL": "redis://r/0", "MQTT_URL": "mqtts://b.example"}, OWN[2:]),
        ({"REDIS_URL": "", "MQTT_URL": ""}, OWN),
        ({"CONSUMERS": "3"}, [*OWN[:6], "worker-2", "worker-3", *OWN[6:]]),
    ],
)
def test_what_the_environment_names_is_used_and_not_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], names: list[str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert [*make(folder)] == names


def test_the_site_has_its_secrets_and_its_own_brokers(folder: Path) -> None:
    env = make(folder)["web"].env
    kept = load_secrets(folder)
    assert env["SECRET_KEY"] == kept["SECRET_KEY"]
    assert env["MQTT_URL"] == f"mqtt://handover:{kept['MQTT_PASSWORD']}@127.0.0.1:1883"
    assert env["REDIS_URL"].startswith("redis://:")
    assert (env["DEMO"], env["BROKER_DIVIDES"], env["TRUSTED_PROXIES"]) == ("1", "share", "unix")
    assert (env["HOOK_NETWORKS"], env["DEVICE_DOMAINS"]) == ("127.0.0.1/32", "handover.localhost")


def test_what_the_environment_says_comes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "mine")
    monkeypatch.setenv("MQTT_URL", "mqtt://u:p@b.example:1884")
    monkeypatch.setenv("DEMO", "0")
    made = make(folder)
    env = made["web"].env
    assert (env["SECRET_KEY"], env["MQTT_URL"], env["DEMO"]) == ("mine", "mqtt://u:p@b.example:1884", "1")
    assert "BROKER_DIVIDES" not in env  # of a broker that we do not know
    assert [*made["tls"].command][-2:] == ["--broker", "b.example:1884"]


def test_a_broker_that_ends_tls_itself_needs_no_end_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--mqtts" in make(folder)["tls"].command
    monkeypatch.setenv("MQTT_URL", "mqtts://b.example")
    assert "--mqtts" not in make(folder)["tls"].command


@pytest.mark.parametrize("name", ["simulator", "tls", "hooks", "redis"])
def test_what_is_no_part_of_the_site_knows_none_of_its_secrets(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary-1")
    monkeypatch.setenv("DATABASE_URL", "postgresql://canary-2@db/handover")
    process = make(folder)[name]
    kept = load_secrets(folder)
    assert {*process.env} <= {*processes.HARMLESS, "PYTHONUNBUFFERED"}
    told = " ".join([*process.command, *process.env.values()])
    assert not any(secret in told for secret in ("canary", *kept.values()))


def test_the_simulator_leaves_the_spare_ones_to_people(folder: Path) -> None:
    command = [*make(folder)["simulator"].command]
    assert command[-2:] == ["--mqtt-url", "mqtt://127.0.0.1:1883"]
    assert [command[at + 1] for at, word in enumerate(command) if word == "--except"] == ["SPARE1", "SPARE2"]


def test_redis_is_this_machines_and_asks_for_a_password(folder: Path) -> None:
    make(folder)
    config = folder / "redis" / "redis.conf"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    lines = config.read_text().splitlines()
    assert "bind 127.0.0.1" in lines
    assert any(line.startswith("requirepass ") and len(line) > 30 for line in lines)


def test_secrets_are_made_once_for_their_owner(tmp_path: Path) -> None:
    (tmp_path / "secrets.new").write_text("left behind")
    first = load_secrets(tmp_path)
    assert {*first} == {"SECRET_KEY", "MQTT_PASSWORD"}
    assert len(set(first.values())) == 2
    assert all(len(secret) >= 64 for secret in first.values())
    assert load_secrets(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    (tmp_path / "secrets.json").write_text(json.dumps({"SECRET_KEY": "of before"}))
    assert load_secrets(tmp_path) == {"SECRET_KEY": "of before"}


def test_a_folder_too_deep_for_a_socket_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    monkeypatch.chdir("/")
    with pytest.raises(Failed, match="set VAR_DIR to a folder with a shorter path"):
        make(deep)
    monkeypatch.chdir(deep)
    assert "./site.socket" in make(deep)["web"].command


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("mqtt://user:pass@b.example:1884", "mqtt://b.example:1884"),
        ("mqtts://us%40er@b.example", "mqtts://b.example"),
        ("mqtt://user:p@ss@[::1]:1883", "mqtt://[::1]:1883"),
        ("mqtt://b.example", "mqtt://b.example"),
    ],
)
def test_an_account_is_told_to_nobody(url: str, bare: str) -> None:
    assert strip_account(url) == bare


# Ports -----------------------------------------------------------------------------------------


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    ports = {name: free_port() for name in (*DEFAULTS, "HOOKS_PORT")}
    for name, port in ports.items():
        monkeypatch.setenv(name, str(port))
    return ports


def test_each_port_is_the_environments(free: dict[str, int]) -> None:
    ports = Ports.from_environment()
    told = (ports.web, ports.mqtt, ports.panel, ports.https, ports.mqtts, ports.hooks)
    assert told == tuple(free.values())
    assert ports.host == "127.0.0.1"


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "80.5", "٨٠"])
@pytest.mark.parametrize("name", ["PORT", "HOOKS_PORT"])
def test_what_is_no_port_is_told(free: dict[str, int], monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(Failed, match=f"{name}={text} is not a port"):
        Ports.from_environment()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("name", [*DEFAULTS, "HOOKS_PORT"])
def test_a_port_that_is_taken_is_told_with_another(
    free: dict[str, int], taken: int, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(taken))
    with pytest.raises(Failed, match=f"Port {taken} is in use: set {name} to another one, e.g. {name}={taken + 10}"):
        Ports.from_environment()


def test_of_another_broker_the_port_is_not_ours(
    free: dict[str, int], taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MQTT_PORT", str(taken))
    monkeypatch.setenv("MQTT_URL", "mqtt://b.example")
    assert Ports.from_environment().mqtt == taken


def test_two_of_one_number_are_told(free: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANEL_PORT", os.environ["PORT"])
    with pytest.raises(Failed, match="PANEL_PORT"):
        Ports.from_environment()


@pytest.mark.parametrize(
    ("host", "site", "also"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000", []),
        ("0.0.0.0", "http://127.0.0.1:8000", []),
        ("::", "http://127.0.0.1:8000", []),
        ("192.0.2.7", "http://192.0.2.7:8000", ["192.0.2.7"]),
    ],
)
def test_the_certificate_is_of_the_names_by_which_it_is_called(host: str, site: str, also: list[str]) -> None:
    ports = Ports(host, *[8000, 1883, 8001, 8443, 8883, 8444])
    assert ports.site == site
    names = ["localhost", "handover.localhost", "*.handover.localhost", "127.0.0.1", "::1"]
    assert ports.certified_names == [*names, *also]
