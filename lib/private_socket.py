"""A socket at a path, by which parts of the site talk that belong to one user."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def listen_privately(path: Path) -> socket.socket:
    """Return a socket at the path that nobody but this user can open."""
    with suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    return listener
