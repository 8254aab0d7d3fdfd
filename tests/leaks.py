"""Looking for secrets where none may be (quality: row 20): in the database, Redis, Celery's messages, logs, pages."""

from __future__ import annotations

import base64
import binascii
import re
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from redis import Redis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TABLES = {
    "postgresql": "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
}
RUN = re.compile(r"[A-Za-z0-9_-]{24,}")
FEW = 500


def search(secrets: Iterable[str], places: Mapping[str, str]) -> dict[str, set[str]]:
    """Which of `secrets` each place holds: as they are, as hex, as the other base 64, and, of a few, as raw bytes."""
    known = {needle: secret for secret in secrets for needle in _spellings(secret)}
    raw = {bytes_.decode("latin-1"): secret for secret in set(known.values()) if (bytes_ := _decoded(secret))}
    found = {}
    for name, text in places.items():
        hits = {known[piece] for piece in _pieces(text, {len(needle) for needle in known}) if piece in known}
        if len(raw) <= FEW:
            hits |= {secret for form, secret in raw.items() if form in text}
        if hits:
            found[name] = hits
    return found


def database(cursor: Any, vendor: str) -> str:
    """Every column of every table; bytes as Latin-1."""
    cursor.execute(TABLES[vendor])
    rows: list[object] = []
    for (table,) in cursor.fetchall():
        cursor.execute(f'SELECT * FROM "{table}"')
        rows += cursor.fetchall()
    return "\n".join(_shown(cell) for row in rows for cell in row)  # type: ignore[attr-defined]


def redis(url: str) -> str:
    """Every key with its value, and what is packed in base 64 there, as Celery packs its arguments."""
    client: Any = Redis.from_url(url)
    read: dict[bytes, Any] = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": client.xrange,
    }
    return unpacked("\n".join(f"{key}={read[client.type(key)](key)}" for key in client.scan_iter()))


def unpacked(text: str) -> str:
    """The text, and every run of it that is base 64, decoded."""
    return "\n".join([text, *(packed.decode("latin-1") for run in _runs(text) if (packed := _decoded(run)))])


class Tap:
    """Everything that anybody says to a Redis, Celery's messages among it, from `with` to its end."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._heard: list[bytes] = []
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 6379), timeout=5)
        self._known = bool(parts.password)
        self._socket.sendall(f"AUTH {parts.password}\r\n".encode() * self._known + b"MONITOR\r\n")
        self._thread = threading.Thread(target=self._listen, daemon=True)

    @property
    def text(self) -> str:
        return unpacked(b"".join(self._heard).decode("latin-1"))

    def __enter__(self) -> Tap:
        answers = b""
        while answers.count(b"+OK") < 1 + self._known:
            answers += self._socket.recv(64)
        self._socket.settimeout(None)
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while heard := self._socket.recv(1 << 16):
                self._heard.append(heard)


def _spellings(secret: str) -> set[str]:
    plain = secret.replace("+", "-").replace("/", "_")
    return {plain, raw.hex(), raw.hex().upper()} if (raw := _decoded(secret)) else {plain}


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _runs(text: str) -> Iterator[str]:
    return (match[0] for match in RUN.finditer(text.replace("+", "-").replace("/", "_")))


def _pieces(text: str, lengths: set[int]) -> Iterator[str]:
    for run in _runs(text):
        for length in lengths:
            for start in range(len(run) - length + 1):
                yield run[start : start + length]


def _shown(cell: object) -> str:
    return bytes(cell).decode("latin-1") if isinstance(cell, (bytes, memoryview)) else str(cell)
