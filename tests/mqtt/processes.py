"""Real parts for tests: private processes on free ports, ended by their own id."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


def eventually(check: Callable[[], object], seconds: float = 30.0) -> None:
    """Waits until `check` is true; fails with what it last said."""
    deadline = time.monotonic() + seconds
    while not (said := check()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {said!r}"
        time.sleep(0.02)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
        return True
    return False


class Process:
    """A server that can be stopped, killed and started again on its port."""

    def __init__(self, command: Sequence[str], port: int = 0, env: Mapping[str, str] | None = None) -> None:
        """Without a port its start is not waited for."""
        self.command, self.port, self.env = command, port, env
        self.log: Path | None = None
        self._running: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 60.0) -> None:  # a cold one, beside two others that begin
        with (self.log or Path(os.devnull)).open("ab") as log:
            self._running = subprocess.Popen(self.command, env=self.env, stdout=log, stderr=log)
        eventually(lambda: not self.port or listens(self.port), seconds)

    @property
    def threads(self) -> int:
        """How many the process has (Linux)."""
        assert self._running is not None
        return len(list(Path(f"/proc/{self._running.pid}/task").iterdir()))

    def is_up(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def signal(self, number: int) -> None:
        assert self._running is not None
        self._running.send_signal(number)

    def stop(self) -> None:
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        self._end(subprocess.Popen.kill)

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        if self._running is not None:
            how(self._running)
            self._running.wait(30)
            self._running = None


@contextlib.contextmanager
def running(process: Process) -> Iterator[Process]:
    process.start()
    try:
        yield process
    finally:
        process.stop()


def python(*command: str, port: int = 0, **env: str) -> Process:
    """Of this site, in a process of its own, on the test's database."""
    return Process([sys.executable, *command], port, {**os.environ, "DATABASE_URL": database_url(), **env})


def database_url() -> str:
    """Of the test's database; skips the test where no other process could see it."""
    at = connection.settings_dict
    if connection.vendor == "sqlite":
        if "mode=memory" in str(at["NAME"]) or at["NAME"] == ":memory:":
            pytest.skip("other processes can't see SQLite in memory: run it on PostgreSQL (without --sqlite)")
        return f"sqlite:///{at['NAME']}"
    user, password = quote(str(at["USER"]), safe=""), quote(str(at["PASSWORD"]), safe="")
    return f"postgres://{user}:{password}@{quote(str(at['HOST']), safe='')}:{at['PORT']}/{at['NAME']}"
