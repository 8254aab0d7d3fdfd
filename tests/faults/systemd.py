"""As much of systemd as the units of docs/units ask for: plain processes, started again by their unit's rule."""

from __future__ import annotations

import configparser
import os
import shlex
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


class Unit:
    def __init__(self, name: str, file: Path, folder: Path) -> None:
        """What it says goes to a file in `folder`."""
        parser = configparser.RawConfigParser(strict=False, delimiters=["="], comment_prefixes=["#"])
        parser.optionxform = str  # type: ignore[assignment]
        parser.read(file)
        self.name, service = name, dict(parser["Service"])
        instance = name.partition("@")[2]
        self.command = shlex.split(service["ExecStart"].replace("%H", "here").replace("%i", instance))
        self.folder = service["WorkingDirectory"]
        given = shlex.split(service.get("Environment", ""))
        more = Path(service.get("EnvironmentFile", "").removeprefix("-"))
        given += more.read_text().split() if more.is_file() else []
        self.variables = dict(each.split("=", 1) for each in given)
        self.rest = float(service["RestartSec"])
        self.always = service["Restart"] == "always" and parser["Unit"]["StartLimitIntervalSec"] == "0"
        self.log = folder / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._ended_at: float | None = None

    def start(self) -> None:
        clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**clean, **self.variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def tend(self) -> None:
        if self.process is None or self.process.poll() is None or not self.always:
            return
        self._ended_at = self._ended_at or time.monotonic()
        if time.monotonic() - self._ended_at >= self.rest:
            self._ended_at = None
            self.start()


class Systemd(threading.Thread):
    """Follows what a `systemctl` that only writes down its arguments was told."""

    def __init__(self, folder: Path, told: Path, others: dict[str, Callable[[], object]]) -> None:
        """`others`: what starts the units that come with the machine."""
        super().__init__(daemon=True)
        self._others = others
        self._folder, self._told, self._read = folder, told, 0
        self._ended = threading.Event()
        self.units: dict[str, Unit] = {}

    def run(self) -> None:
        while not self._ended.wait(0.05):
            lines = self._told.read_text().splitlines() if self._told.exists() else []
            for line in lines[self._read :]:
                self._obey(line.split())
            self._read = len(lines)
            for unit in self.units.values():
                unit.tend()

    def _obey(self, words: list[str]) -> None:
        if words[0] == "restart":
            for name in words[1:]:
                self._restart(name)
        if words[:2] == ["enable", "--now"]:
            for name in words[2:]:
                if (file := self._folder / f"{template(name)}.service").exists():
                    self.units[name] = Unit(name, file, self._told.parent)
                    self.units[name].start()

    def _restart(self, name: str) -> None:
        if name in self._others:
            self._others[name]()
        if unit := self.units.get(name):
            _end([unit])
            unit.start()

    def stop(self) -> None:
        self._ended.set()
        self.join()
        _end(self.units.values())


def _end(units: Collection[Unit]) -> None:
    running = [unit.process for unit in units if unit.process is not None]
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def template(name: str) -> str:
    """The unit's file: handover-gate@1 is made of handover-gate@."""
    kind, at, _ = name.partition("@")
    return kind + at
