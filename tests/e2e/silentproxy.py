"""A TCP proxy that can fall silent, as a carrier does that forgets a connection: open, and nothing comes any more."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class SilentProxy:
    def __init__(self, port: int) -> None:
        """To what listens on that port of this machine."""
        self._to = port
        self._silenced: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._dark = False
        self.asked: list[str] = []  # paths, as they were asked for
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self) -> None:
        """Forward nothing more on the connections that are open now, in either direction; new ones work."""
        self._silenced |= self._open

    def go_dark(self) -> None:
        """Forward nothing on new connections either, as where there is no signal, and nobody says so."""
        self._dark = True
        self.silence()

    def come_back(self) -> None:
        """Forward what new connections bring; those of the dark stay silent."""
        self._dark = False

    def close(self) -> None:
        self._listening.close()
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                with suppress(OSError):
                    far = socket.create_connection(("127.0.0.1", self._to))
                    for source, target in ((near, far), (far, near)):
                        self._open.add(source)
                        if self._dark:
                            self._silenced.add(source)
                        threading.Thread(target=self._forward, args=(source, target), daemon=True).start()
                    continue
                near.close()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if data.startswith(b"GET "):
                    self.asked.append(data.split(b" ", 2)[1].decode())
                if source not in self._silenced:
                    target.sendall(data)
        if source not in self._silenced:
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)
        self._open.discard(source)
