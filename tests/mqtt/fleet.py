"""What stands between a fleet and the site: RabbitMQ, the front with the file that compose mounts, and two gates."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from tests import parts
from tests.mqtt.processes import Process, database_url, python, running
from tests.mqtt.rabbitmq import rabbitmq

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIGURATION = Path(__file__).parents[2] / "docker/haproxy/mqtt.cfg"
SECRET = "broker-secret"
RELAY = """\
defaults
  mode tcp
  timeout connect 1s
  timeout client 1h
  timeout server 1h
listen relay
  bind 127.0.0.1:{port}
  server behind {behind}
"""


class Fleet(NamedTuple):
    """Devices connect at `port`; the site's own account, at the broker itself."""

    port: int
    broker: Process
    amqp: int
    gates: list[Process]
    database: Process
    front: Process
    tls: int = 0

    @property
    def site_url(self) -> str:
        return f"mqtt://site:site-secret@127.0.0.1:{self.broker.port}"

    def is_ready(self) -> bool:
        return all(ready(gate.port) == "ready" for gate in self.gates)


def ready(port: int) -> str:
    """What the gate lacks, or "ready"; "" if it does not answer."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return str(answer.read().decode())
    except HTTPError as refused:
        return refused.read().decode()
    except OSError:
        return ""


@contextmanager
def fleet(folder: Path, *, devices: int = 500, haproxy: str = "", certificate: Path | None = None) -> Iterator[Fleet]:
    """With a `certificate` (PEM, with its key) devices connect at `tls`, too."""
    haproxy = haproxy or parts.needs("haproxy")
    port, questions, amqp, interpreted, tls = (parts.free_port() for _ in range(5))
    with ExitStack() as stack:
        database = stack.enter_context(running(_relay(haproxy, folder)))
        node = stack.enter_context(rabbitmq(folder, f"127.0.0.1:{questions}", SECRET, amqp))
        gates = [_gate(database.port, node.port, amqp) for _ in range(2)]
        interpreter = stack.enter_context(running(_interpreter(interpreted)))
        env = {
            **os.environ,
            "BIND_INTERPRETED": f"127.0.0.1:{interpreted}",
            "INTERPRETER": f"127.0.0.1:{interpreter.port}",
            "BIND_MQTT": f"127.0.0.1:{port}",
            "BIND_GATES": f"127.0.0.1:{questions}",
            "BROKER": f"127.0.0.1:{node.port}",
            "DEVICES": str(devices),
            **{f"GATE_{number}": f"127.0.0.1:{gate.port}" for number, gate in enumerate(gates, 1)},
        }
        if certificate:
            env |= {"TLS_CERTIFICATE": str(certificate), "BIND_MQTTS": f"127.0.0.1:{tls}"}
        front = stack.enter_context(running(Process([haproxy, "-f", str(CONFIGURATION)], port, env)))
        for gate in gates:
            stack.enter_context(running(gate))
        yield Fleet(port, node, amqp, gates, database, front, tls)


def _relay(haproxy: str, folder: Path) -> Process:
    """To the database, so that it can be away for the gates alone."""
    at = urlsplit(database_url())
    port, file = parts.free_port(), folder / "relay.cfg"
    file.write_text(RELAY.format(port=port, behind=f"{at.hostname}:{at.port}"))
    return Process([haproxy, "-f", str(file)], port)


def _interpreter(broker: int) -> Process:
    port = parts.free_port()
    command = "manage.py", "broker_interpreter", "--port", str(port), "--broker", f"mqtt://127.0.0.1:{broker}"
    return python(*command, "--proxied", port=port, MQTT_ORGANISATION="kanarra", TRUSTED_PROXIES="127.0.0.1")


def _gate(database: int, broker: int, amqp: int) -> Process:
    at, port = urlsplit(database_url()), parts.free_port()
    account = at.netloc.rpartition("@")[0]
    return python(
        "manage.py",
        "broker_gate",
        "--port",
        str(port),
        port=port,
        DATABASE_URL=at._replace(netloc=f"{account}@127.0.0.1:{database}").geturl(),
        BROKER_AUTH_SECRET=SECRET,
        MQTT_URL=f"mqtt://site:site-secret@127.0.0.1:{broker}",
        BROKER_AMQP_URL=f"amqp://127.0.0.1:{amqp}",
    )
