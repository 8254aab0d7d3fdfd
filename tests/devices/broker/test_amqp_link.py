"""The site's link to the broker over AMQP with TLS: to the host that was named, by an authority that is known."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from config.certificates import AUTHORITY, renew_certificate
from devices.broker.amqp_thread import build_connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import Settings


@contextmanager
def listening(certificate: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A TLS end that notes what it is told first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    told: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            try:
                with context.wrap_socket(client, server_side=True) as inside:
                    told.append(inside.recv(8))
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], told
        thread.join(5)


@pytest.mark.parametrize(
    ("name", "known", "told"),
    [
        ("127.0.0.1", True, [b"AMQP\0\0\x09\x01"]),
        ("other.example", True, []),
        ("127.0.0.1", False, []),
    ],
    ids=["its own", "another's", "of an authority that nobody knows"],
)
def test_whose_certificate_it_takes(
    tmp_path: Path, settings: Settings, name: str, known: bool, told: list[bytes]
) -> None:
    certificate = renew_certificate(tmp_path, [name])
    settings.MQTT_CA = str(tmp_path / AUTHORITY) if known else ""
    settings.MQTT_URL = "mqtts://site:site-secret@127.0.0.1"
    with listening(certificate) as (port, heard):
        settings.BROKER_AMQP_URL = f"amqps://127.0.0.1:{port}"
        with pytest.raises(OSError):  # of the last one too: it is no broker
            build_connection().connect()
    assert heard == told
