"""Back ends that hooks are sent to: real ones, on the loopback, with certificates of a CA of their own."""

from __future__ import annotations

import os
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST = "localhost"
Answer = tuple[int, dict[str, str], bytes]


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


@cache
def certificates() -> tuple[Path, Path]:
    """Return the CA's certificate, and a chain with its key for `localhost`, `join.example` and 127.0.0.1."""
    folder = Path(mkdtemp(prefix="hooks-", dir=os.environ.get("VAR_DIR")))  # which a test run takes away
    now, ca_key, key = datetime.now(UTC), *(ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    span = (now - timedelta(hours=1), now + timedelta(days=2))
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ca = (
        x509.CertificateBuilder(_name("hooks"), _name("hooks"), ca_key.public_key(), 1, *span)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName(HOST), x509.DNSName("join.example"), x509.IPAddress(ip_address("127.0.0.1"))]
    leaf = (
        x509.CertificateBuilder(_name("hooks"), _name(HOST), key.public_key(), 2, *span)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "leaf.pem").write_bytes(key.private_bytes(pem, *plain) + leaf.public_bytes(pem))
    return folder / "ca.pem", folder / "leaf.pem"


@dataclass
class Got:
    """Hold a message as it came."""

    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Receiver:
    """A back end: what it got, and what it answers next."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got], Answer] = lambda got: (204, {}, b"")

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/hooks?of=handover"

    def refuse(self, status: int, **headers: str) -> None:
        self.answer = lambda got: (status, {name.replace("_", "-"): value for name, value in headers.items()}, b"no")

    def accept(self) -> None:
        self.answer = lambda got: (204, {}, b"")

    def sleep(self, seconds: float) -> None:
        def answer(got: Got) -> Answer:
            time.sleep(seconds)
            return 204, {}, b""

        self.answer = answer


@contextmanager
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got = Got({name.lower(): value for name, value in self.headers.items()}, body, time.monotonic())
            told.got.append(got)
            status, headers, answer = told.answer(got)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(answer))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            """Of clients that broke off."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates()[1])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    told.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
