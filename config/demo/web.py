"""The demo's site: on its port for everybody, and on a socket of its own for the TLS end alone.

python -m config.demo.web HOST PORT SOCKET
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import uvicorn

from lib.private_socket import listen_privately


def main(host: str, port: str, path: str) -> None:
    # No access log: a password's reset link is a path.
    config = uvicorn.Config(
        "config.asgi:application",
        host=host,
        port=int(port),
        timeout_graceful_shutdown=5,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        http="config.connections:Connection",
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # which uvicorn calls once it has stopped
    try:
        uvicorn.Server(config).run([config.bind_socket(), listen_privately(Path(path))])
    finally:
        Path(path).unlink(missing_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
