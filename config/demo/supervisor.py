"""Runs the demo's processes in the foreground: starts them in order, restarts what dies, leaves nothing behind."""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from config.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

COLOURS = (36, 35, 34, 33, 32, 95, 96)
TICK = 0.1
READY_WITHIN = 60.0
STOP_WITHIN = 9.0
STABLE_AFTER = 30.0
LONGEST_PAUSE = 15.0
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Failed(Exception):
    """Say why the demo could not start and what to do."""


@dataclass(eq=False)
class Process:
    """Run one process; `ready` says whether it serves, is asked again and again, and must not block for long."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], bool]
    unsaid: str = ""  # a line with this in it is not shown
    running: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    pause: float = 1.0
    rest: bytes = field(default=b"", repr=False)

    def start(self) -> int:
        """Start it; return the end of the pipe that its output comes from."""
        self.started_at = time.monotonic()
        output, its_end = os.pipe()
        try:
            self.running = subprocess.Popen(
                self.command,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=its_end,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_make_death_hook(os.getpid()),
            )
        finally:
            os.close(its_end)
        return output

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and everything that it started."""
        if self.running is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.running.pid, number)


def _make_death_hook(parent: int) -> Callable[[], None] | None:
    """Return what makes a child die with a supervisor that is killed (Linux)."""
    if LIBC is None:
        return None
    prctl = LIBC.prctl

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def stop_with_parent() -> None:
    """Stop when `make` is killed: it may not have told us."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    def __init__(self, output: TextIO) -> None:
        self.processes: list[Process] = []
        self._console = Console(output)
        self._coloured = output.isatty() and "NO_COLOR" not in os.environ
        self._pipes = selectors.DefaultSelector()
        self._signals = 0

    def __enter__(self) -> Supervisor:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._interrupt)
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    @property
    def stopping(self) -> bool:
        return self._signals > 0

    def _interrupt(self, number: int, frame: object) -> None:
        self._signals += 1

    def start(self, process: Process) -> None:
        """Return once it is ready, or once we are asked to stop. Raises Failed when it is neither in time."""
        self.processes.append(process)
        self._spawn(process)
        until = time.monotonic() + READY_WITHIN
        while not self.stopping and not (self._is_up(process) and process.ready()):
            if time.monotonic() > until:
                raise Failed(f"{process.name} did not come up within {READY_WITHIN:.0f} s: see its lines above.")
            self._run_once()

    def watch(self) -> None:
        """Watch the processes until SIGINT, SIGTERM or SIGHUP."""
        while not self.stopping:
            self._run_once()

    def stop(self) -> None:
        """Stop them in reverse order; what is still there at the end of the time, or at a second signal, is killed."""
        asked = self._signals
        deadline = time.monotonic() + STOP_WITHIN
        for process in reversed(self.processes):
            process.signal(signal.SIGTERM)
            while self._is_up(process) and time.monotonic() < deadline and self._signals <= max(asked, 1):
                self._relay()
            if self._is_up(process):
                self.say("demo", f"{process.name} did not stop in time: killed")
            process.signal(signal.SIGKILL)
            if process.running is not None:
                process.running.wait()
        self._relay()
        self._console.drain(1.0)

    def say(self, name: str, line: str) -> None:
        """Print one line of this process under its name and colour."""
        label = f"{name:<9} |"
        if self._coloured:
            label = f"\033[{self._colour(name)}m{label}\033[0m"
        self.print(f"{label} {line}")

    def print(self, text: str) -> None:
        """Print without waiting for the terminal: a process whose output is not read would stop, too."""
        self._console.say(text)

    def _colour(self, name: str) -> int:
        names = [process.name for process in self.processes]
        return COLOURS[names.index(name) % len(COLOURS)] if name in names else 1

    def _spawn(self, process: Process) -> None:
        self._pipes.register(process.start(), selectors.EVENT_READ, process)

    def _is_up(self, process: Process) -> bool:
        return process.running is not None and process.running.poll() is None

    def _run_once(self) -> None:
        self._relay()
        for process in self.processes:
            if not self.stopping and not self._is_up(process):
                self._restart_if_due(process)

    def _restart_if_due(self, process: Process) -> None:
        now = time.monotonic()
        if process.running is not None:
            self._schedule_restart(process, process.running.returncode, now)
        elif now >= process.restart_at:
            self._spawn(process)

    def _schedule_restart(self, process: Process, code: int, now: float) -> None:
        process.signal(signal.SIGKILL)  # what it may have left behind
        process.pause = 1.0 if now - process.started_at > STABLE_AFTER else min(process.pause * 2, LONGEST_PAUSE)
        process.restart_at = now + process.pause
        process.running = None
        self.say("demo", f"{process.name} ended with code {code}: starting it again in {process.pause:.0f} s")

    def _relay(self) -> None:
        for key, _ in self._pipes.select(TICK):
            process: Process = key.data
            chunk = os.read(key.fd, 65536)
            *lines, process.rest = (process.rest + (chunk or b"\n")).split(b"\n")
            for line in (line.decode(errors="replace").rstrip() for line in filter(None, lines)):
                if not process.unsaid or process.unsaid not in line:
                    self.say(process.name, line)
            if not chunk:
                self._pipes.unregister(key.fd)
                os.close(key.fd)


def listens(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
