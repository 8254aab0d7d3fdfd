"""A private RabbitMQ node with the configuration of docker/rabbitmq, for any user and beside any other node.

It is Debian 12's, or the one that RABBITMQ_SERVER names, which has to be of version 4 (CONTRIBUTING.md).
"""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests import parts
from tests.mqtt.processes import Process, running

if TYPE_CHECKING:
    from collections.abc import Iterator

GIVEN = os.environ.get("RABBITMQ_SERVER", "")
SERVER = GIVEN or "/usr/lib/rabbitmq/bin/rabbitmq-server"
DOCKER = Path(__file__).parents[2] / "docker" / "rabbitmq"
NEWER = ("anonymous_login_user", "mqtt.max_packet_size", "mqtt.max_session_expiry")  # than Debian's 3.10


@contextmanager
def rabbitmq(folder: Path, asks: str, secret: str, amqp: int) -> Iterator[Process]:
    """It asks at host:port; the process's port is the MQTT one."""
    port = parts.free_port()
    configuration = folder / "rabbitmq.conf"
    configuration.write_text(configuration_of(f"127.0.0.1:{port}", asks, secret, amqp=f"127.0.0.1:{amqp}"))
    with configured(folder, configuration, port) as node:
        yield node


@contextmanager
def configured(folder: Path, configuration: Path, port: int) -> Iterator[Process]:
    """One that has this configuration, with MQTT at that port."""
    if not GIVEN:
        parts.needs("rabbitmq")
    epmd = shutil.which("epmd")
    assert epmd is not None
    names = parts.free_port()
    with ExitStack() as stack:
        env = {**os.environ, "ERL_EPMD_PORT": str(names), "ERL_EPMD_ADDRESS": "127.0.0.1", "HOME": str(folder)}
        stack.enter_context(running(Process([epmd, "-port", str(names), "-address", "127.0.0.1"], names, env)))
        node = Process([SERVER], port, {**env, **_paths(folder, configuration, port)})
        stack.callback(_kill, node, folder / "pid")
        node.start(180)  # of a busy machine
        yield node


def _kill(script: Process, pid: Path) -> None:
    """The script waits for the node, which is another process."""
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGKILL)
    script.kill()


def configuration_of(listener: str, asks: str, secret: str, *, amqp: str, folder: Path = DOCKER) -> str:
    """Return docker/rabbitmq's, for Debian's 3.10 in its words, with the definitions in `folder`."""
    text = (DOCKER / "rabbitmq.conf").read_text()
    if not GIVEN:
        lines = [line for line in text.splitlines() if not line.startswith(NEWER)]
        text = "\n".join([*lines, "mqtt.allow_anonymous = false", "mqtt.subscription_ttl = 604800000", ""])
    text = text.replace("0.0.0.0:1883", listener).replace("0.0.0.0:5672", amqp).replace("front:8010", asks)
    text = text.replace("/etc/rabbitmq/definitions.json", str(folder / "definitions.json"))
    return text.replace("$(BROKER_AUTH_SECRET)", secret)


def _paths(folder: Path, configuration: Path, port: int) -> dict[str, str]:
    return {
        "RABBITMQ_NODENAME": f"test{port}@localhost",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_CONFIG_FILE": str(configuration),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(DOCKER / "enabled_plugins"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "feature_flags"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_DIST_PORT": str(parts.free_port()),
    }
