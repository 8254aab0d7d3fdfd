"""The site's own connections to the broker, from one URL: `mqtt[s]://user:password@host:port`."""

from __future__ import annotations

import secrets
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from django.conf import settings
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from devices.mqtt import packets

if TYPE_CHECKING:
    from collections.abc import Sequence

KEEPALIVE = 30
RETRY = (1, 5)  # seconds, doubled from the first to the second


class Address(NamedTuple):
    host: str
    port: int
    username: str
    password: str
    tls: bool


def parse_address(url: str) -> Address:
    parts = urlsplit(url)
    tls = parts.scheme == "mqtts"
    host, port = parts.hostname or "127.0.0.1", parts.port or (8883 if tls else 1883)
    return Address(host, port, unquote(parts.username or ""), unquote(parts.password or ""), tls)


def make_client(
    client_id: str, *, url: str = "", clean_session: bool = False, manual_ack: bool = False, most_queued: int = 0
) -> Client:
    """Return a client that finds its broker by itself, for ever, once its loop is started.

    Its session is persistent unless told otherwise; of `most_queued` 0 it queues whatever it is given.
    """
    to = parse_address(url or settings.MQTT_URL)
    client = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=clean_session, manual_ack=manual_ack)
    if to.username:
        client.username_pw_set(to.username, to.password)
    if to.tls:
        client.tls_set(ca_certs=settings.MQTT_CA or None)
    client.max_queued_messages_set(most_queued)
    client.reconnect_delay_set(*RETRY)
    client.connect_async(to.host, to.port, KEEPALIVE)
    return client


def answers(url: str, *, within: float) -> bool:
    """Return whether the broker answers a connect of the site's, even if by a refusal: one that hangs listens still.

    Raises OSError where nothing listens, TimeoutError where no answer comes `within` so many seconds.
    """
    answer = _knock(parse_address(url), f"{settings.MQTT_CLIENT_ID}-health-{secrets.token_hex(4)}", True, within)
    return answer[:1] == b"\x20"


def take_place(client_id: str, *, url: str, within: float, unsubscribe: Sequence[str] = ()) -> None:
    """Connect as the site under another's client id, and leave: the broker ends whatever connection has it (MQTT 3.1.1,
    [MQTT-3.1.4-2]). Its session stays, and what is delivered meanwhile is not acknowledged, so that it waits; without
    the subscriptions to these topics.

    Raises OSError where the broker doesn't answer `within` so many seconds, PermissionError where it refuses.
    """
    answer = _knock(parse_address(url), client_id, False, within, _build_unsubscribes(unsubscribe))
    if answer[:1] != b"\x20" or answer[3:4] != b"\x00":
        raise PermissionError(f"the broker refuses the site the client id {client_id}: {answer.hex() or 'no answer'}")


def _knock(to: Address, client_id: str, clean_session: bool, within: float, said: bytes = b"") -> bytes:
    """Connect, say something, and disconnect; return the answer to the first."""
    with open_connection(to, within) as connection:
        connection.sendall(build_connect(to, client_id, 10, clean_session=clean_session).encode())
        answer = connection.recv(4)
        connection.sendall(said + packets.Packet(packets.Type.DISCONNECT << 4, b"").encode())
        while said and connection.recv(4096):  # until the broker hangs up, once it has dealt with it
            pass
    return answer


def open_connection(to: Address, within: float) -> socket.socket:
    """Return a connection on which nothing was said yet, over TLS where the address says so. Raises OSError."""
    plain = socket.create_connection((to.host, to.port), timeout=within)
    if not to.tls:
        return plain
    try:
        context = ssl.create_default_context(cafile=settings.MQTT_CA or None)
        return context.wrap_socket(plain, server_hostname=to.host)
    except BaseException:
        plain.close()
        raise


def receive(connection: socket.socket, size: int) -> bytes:
    """Return so many bytes. Raises OSError, also where the broker hangs up before."""
    received = b""
    while len(received) < size:
        if not (more := connection.recv(size - len(received))):
            raise ConnectionResetError("the broker hung up")
        received += more
    return received


def _build_unsubscribes(filters: Sequence[str]) -> bytes:
    """Return what ends subscriptions of a session: for each a SUBSCRIBE and an UNSUBSCRIBE, since RabbitMQ 3 ends only
    those that were made on this very connection."""
    made = ((packets.build_subscribe(1, [(each, 1)]), packets.build_unsubscribe(1, [each])) for each in filters)
    return b"".join(packet.encode() for pair in made for packet in pair)


def build_connect(to: Address, client_id: str, keep_alive: int, *, clean_session: bool = False) -> packets.Packet:
    """Return the packet by which the site connects to its broker, with the account of the address."""
    username, password = (to.username, to.password) if to.username else (None, None)
    flags = packets.CLEAN if clean_session else 0
    return packets.Connect(flags, keep_alive, client_id, "", b"", username, password).build()
