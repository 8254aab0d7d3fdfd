"""The containers and the operators' page against the code, since no container engine runs the tests."""

from __future__ import annotations

import inspect
import json
import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import connections
from config.demo import web
from devices.broker import comings
from devices.broker.amqp_thread import queue_name
from devices.broker.queue_watch import State
from devices.broker.rabbitmq import CONNECTIONS, DIVIDED, UNROUTED
from devices.mqtt.topics import ALL_STATES
from tests.faults.systemd import template

ROOT = Path(__file__).resolve().parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "handover"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()


def variables_of_the_settings() -> set[str]:
    return set(re.findall(r'env(?:\.\w+)?\(\s*"([A-Z_]+)"', (ROOT / "config/settings.py").read_text()))


def test_production_runs_what_the_demo_runs() -> None:
    assert set(OURS) == {"migrate", "web", "worker", "beat", "gate-1", "gate-2", "interpreter"}
    assert {"proxy", "front", "postgres", "redis", "rabbitmq", "simulator"} <= set(SERVICES)
    assert SERVICES["worker"]["environment"]["CONSUMER"] == "1"


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_is_one_that_the_settings_read(name: str) -> None:
    assert set(OURS[name]["environment"]) <= variables_of_the_settings()


def test_the_settings_get_every_secret_and_no_demo() -> None:
    given = OURS["web"]["environment"]
    assert "DEMO" not in given
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MQTT_URL", "BROKER_AUTH_SECRET", "ALLOWED_HOSTS"):
        assert ":?}" in given[name], f"{name} must be given: it has no default"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_is_mounted_and_waited_for_exists(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("depends_on", ())) <= set(SERVICES)
    for volume in service.get("volumes", ()):
        source = volume.split(":")[0]
        assert not source.startswith("./") or (ROOT / source).exists(), source
        assert source.startswith((".", "$")) or source in COMPOSE["volumes"]


def test_the_image_holds_what_it_copies_and_runs_as_nobody_much() -> None:
    for source in re.findall(r"^COPY (\S+) ", DOCKERFILE, re.MULTILINE):
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in (ROOT / ".dockerignore").read_text().split()
    stages = DOCKERFILE.split("FROM ")[1:]
    users = [re.findall(r"^USER (\w+)", stage, re.MULTILINE)[-1:] for stage in stages]
    assert users == [["handover"], ["handover"], []]
    assert "--require-hashes" in DOCKERFILE


def test_every_variable_is_on_the_operators_page() -> None:
    documented = set(re.findall(r"`([A-Z][A-Z_]+)`", OPERATIONS))
    assert variables_of_the_settings() - documented == set()


def test_the_site_runs_everywhere_with_limits_on_its_connections() -> None:
    assert '"--http", "config.connections:Connection"' in DOCKERFILE
    assert 'http="config.connections:Connection"' in inspect.getsource(web)
    assert "--http config.connections:Connection" in OPERATIONS
    assert SERVICES["web"]["ulimits"]["nofile"] >= connections.DESCRIPTORS


def test_devices_reach_the_broker_by_its_front_alone() -> None:
    """Which the gates and the broker know by these names and ports."""
    assert "ports" not in SERVICES["rabbitmq"]
    assert {port.rsplit(":", 1)[1] for port in SERVICES["front"]["ports"]} == {"1883", "8883"}
    front = (ROOT / "docker/haproxy/mqtt.cfg").read_text()
    for name in ("BROKER rabbitmq:1883", "GATE_1 gate-1:8010", "GATE_2 gate-2:8010", "BIND_GATES :8010"):
        assert f"presetenv {name}\n" in front
    assert (ROOT / "docker/rabbitmq/rabbitmq.conf").read_text().count("@front:8010/broker/rabbitmq/") == 4
    assert OURS["gate-1"]["environment"]["BROKER_AMQP_URL"] == "amqp://rabbitmq:5672"


TLS_ENDS = {("proxy", "8443"): "haproxy.cfg", ("front", "8883"): "mqtt.cfg"}


def list_published() -> list[tuple[str, str, str]]:
    """Return service, address ("" for all) and port inside, of each that compose publishes."""
    published = []
    for name, service in SERVICES.items():
        assert service.get("network_mode") != "host"
        for port in service.get("ports", ()):
            filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", port)
            *address, _, inside = filled.split(":")
            published.append((name, ":".join(address), inside))
    return published


def test_what_is_not_tls_is_open_to_this_machine_alone() -> None:
    """Unless an operator names another address. Between the containers nothing leaves it (docs/operations.md)."""
    published = list_published()
    for name, address, inside in published:
        assert (name, inside) in TLS_ENDS or address == "127.0.0.1", (name, inside)
    for (name, inside), file in TLS_ENDS.items():
        assert (name, "", inside) in published
        front = (ROOT / "docker/haproxy" / file).read_text()
        (bind,) = re.findall(rf"presetenv (\w+) :{inside}\n", front)
        lines = [line for line in front.splitlines() if f'bind "${bind}"' in line]
        assert lines
        assert all(" ssl crt " in line for line in lines)
        assert "ssl-min-ver TLSv1.2" in front


def test_the_broker_keeps_what_no_queue_wants() -> None:
    definitions = json.loads((ROOT / "docker/rabbitmq/definitions.json").read_text())
    assert [policy["definition"] for policy in definitions["policies"]] == [{"alternate-exchange": UNROUTED}]
    assert [each["name"] for each in definitions["exchanges"]] == [UNROUTED, DIVIDED, "amq.rabbitmq.event"]
    pattern = definitions["policies"][0]["pattern"]
    assert [bool(re.search(pattern, name)) for name in ("amq.topic", DIVIDED, UNROUTED)] == [True, True, False]
    assert [each["name"] for each in definitions["queues"]] == [UNROUTED, CONNECTIONS]
    bound = [binding for binding in definitions["bindings"] if binding["destination"] == UNROUTED]
    assert {each["routing_key"].replace(".", "/").replace("*", "+") for each in bound} == set(ALL_STATES)
    (mounted,) = (volume for volume in SERVICES["rabbitmq"]["volumes"] if "definitions" in volume)
    (loaded,) = re.findall(r"^load_definitions = (\S+)$", (ROOT / "docker/rabbitmq/rabbitmq.conf").read_text(), re.M)
    assert mounted.split(":")[1] == loaded


def test_the_broker_tells_who_came_and_left() -> None:
    definitions = json.loads((ROOT / "docker/rabbitmq/definitions.json").read_text())
    told = [each for each in definitions["bindings"] if each["destination"] == CONNECTIONS]
    assert {(each["source"], each["routing_key"]) for each in told} == {
        ("amq.rabbitmq.event", "connection.created"),
        ("amq.rabbitmq.event", "connection.closed"),
    }
    assert "rabbitmq_event_exchange" in (ROOT / "docker/rabbitmq/enabled_plugins").read_text()
    (queue,) = (each for each in definitions["queues"] if each["name"] == CONNECTIONS)
    assert queue["arguments"]["x-max-length"] > comings.FULL


def read_default(text: str) -> str:
    """Of `${NAME:-default}`."""
    return text.rpartition(":-")[2].rstrip("}")


def test_only_the_proxy_is_open_to_strangers() -> None:
    assert "ports" not in SERVICES["web"]
    assert OURS["web"]["environment"]["BEHIND_PROXY"].endswith(":-1}")
    (address,) = {SERVICES["proxy"]["networks"]["proxy"]["ipv4_address"], OURS["web"]["environment"]["TRUSTED_PROXIES"]}
    assert [name for name, service in SERVICES.items() if "proxy" in service.get("networks", ())] == ["web", "proxy"]
    (others,) = COMPOSE["networks"]["proxy"]["ipam"]["config"]
    proxy, network, rest = (read_default(each) for each in (address, others["subnet"], others["ip_range"]))
    assert IPv4Address(proxy) in IPv4Network(network)
    assert IPv4Address(proxy) not in IPv4Network(rest)
    assert IPv4Network(rest).subnet_of(IPv4Network(network))
    assert any(volume.startswith("./docker/haproxy/haproxy.cfg:") for volume in SERVICES["proxy"]["volumes"])


def test_no_server_trusts_what_a_request_says_of_its_address() -> None:
    """uvicorn believes X-Forwarded-For from this machine unless told otherwise."""
    commands = [DOCKERFILE.split("CMD")[1]]
    commands += [line for line in OPERATIONS.splitlines() if "uvicorn config.asgi" in line]
    assert len(commands) > 1
    assert "proxy_headers=False" in inspect.getsource(web)
    assert [command for command in commands if "--no-proxy-headers" not in command] == []


UNITS = {file.stem.removeprefix("handover-"): file.read_text() for file in (ROOT / "docs/units").glob("*.service")}

OF_THE_SYSTEM = {
    "postgresql@": "on-failure",
    "rabbitmq-server": "always",
    "redis-server": "always",
    "haproxy": "always",
}
FOR_DEVICES = {"front", "gate@", "interpreter"}  # which outlive a stop of the site


def test_whatever_ends_is_started_again() -> None:
    rules = {name: service.get("restart", "no") for name, service in SERVICES.items() if "profiles" not in service}
    assert {name for name, rule in rules.items() if rule != "unless-stopped"} == {"migrate"}
    rule = {"Restart=always", "RestartSec=1", "StartLimitIntervalSec=0"}
    for name, unit in UNITS.items():
        assert rule <= set(unit.splitlines())
        assert ("PartOf=handover.target" in unit) == (name not in FOR_DEVICES)
    for name, often in OF_THE_SYSTEM.items():
        more = (ROOT / f"docs/units/{name}.service.d/restart.conf").read_text()
        assert {f"Restart={often}", "StartLimitIntervalSec=0"} <= set(more.splitlines())
        assert re.search(r"^RestartSec=[15]$", more, re.MULTILINE)


def test_a_folder_that_a_unit_writes_to_is_made_for_it() -> None:
    """Each starts with `ProtectSystem=strict`, which leaves nothing else to write to."""
    for unit in UNITS.values():
        assert "ProtectSystem=strict" in unit
        assert re.findall(r"^StateDirectory=(\w+)$", unit, re.MULTILINE) == re.findall(r"/var/lib/(\w+)/", unit)


def test_units_run_what_containers_run() -> None:
    image = " ".join(re.findall(r'"([^"]+)"', DOCKERFILE.split("\nCMD ")[1].split("]")[0]))
    commands = {"site": image, "consumer": SERVICES["worker"]["command"], "beat": SERVICES["beat"]["command"]}
    commands["gate@"] = SERVICES["gate-1"]["command"].replace("--host 0.0.0.0", "--port 801%i")
    interpreter = SERVICES["interpreter"]["command"].replace("--host 0.0.0.0", "--port 1886")
    commands["interpreter"] = interpreter.replace("front:1885", "0.0.0.0:1885")
    assert set(UNITS) >= set(commands)
    for name, command in commands.items():
        (line,) = re.findall(r"^ExecStart=/srv/handover/.venv/bin/(.*)$", UNITS[name], re.MULTILINE)
        line = line.replace("127.0.0.1", "0.0.0.0").replace("/var/lib/handover/", "var/")
        assert line.removesuffix(" --hostname consumer@%H") == command
    assert f"`{image}`" in OPERATIONS
    assert re.search(r"^Environment=CONSUMER=1$", UNITS["consumer"], re.MULTILINE)


def test_an_upgrade_starts_every_process_of_this_code_anew() -> None:
    upgrades = OPERATIONS.split("\n## Upgrades\n")[1]
    named = re.findall(r"`(?:systemctl restart )?((?: ?handover-[\w@]+)+)`", upgrades)
    assert {template(unit) for units in named for unit in units.split()} == {
        f"handover-{name}" for name, unit in UNITS.items() if "/.venv/" in unit
    }


def test_what_an_operator_is_told_to_type_and_to_see_is_there() -> None:
    commands = re.findall(r"docker compose (?:(?:stop|up)((?: [\w-]+)*)|exec( \w+))", OPERATIONS)
    named = {word for pair in commands for word in "".join(pair).split() if not word.startswith("-")}
    assert {"web", "worker", "rabbitmq"} <= named <= set(SERVICES)
    assert f"`the consumer's queue is {State.MISSING.value}` at a gate's `/ready`" in OPERATIONS
    assert f"rabbitmqctl delete_queue {queue_name()}`" in OPERATIONS
