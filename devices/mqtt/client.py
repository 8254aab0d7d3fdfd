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
    answer = _knock(parse_address(url), client_id, False, within, _encode_unsubscribe(unsubscribe))
    if answer[:1] != b"\x20" or answer[3:4] != b"\x00":
        raise PermissionError(f"the broker refuses the site the client id {client_id}: {answer.hex() or 'no answer'}")


def _knock(to: Address, client_id: str, clean_session: bool, within: float, said: bytes = b"") -> bytes:
    """Connect, say something, and disconnect; return the answer to the first."""
    with socket.create_connection((to.host, to.port), timeout=within) as plain:
        context = ssl.create_default_context(cafile=settings.MQTT_CA or None) if to.tls else None
        with context.wrap_socket(plain, server_hostname=to.host) if context else plain as connection:
            connection.sendall(_encode_connect(to, client_id, clean_session))
            answer = connection.recv(4)
            connection.sendall(said + b"\xe0\x00")  # DISCONNECT
            while said and connection.recv(4096):  # until the broker hangs up, once it has dealt with it
                pass
    return answer


def _encode_unsubscribe(filters: Sequence[str]) -> bytes:
    """Return what ends subscriptions of a session: for each a SUBSCRIBE and an UNSUBSCRIBE of MQTT 3.1.1 (its sections
    3.8 and 3.10), since RabbitMQ 3 ends only those that were made on this very connection."""
    packets = b""
    for topic in filters:
        field = b"\x00\x01" + _encode_field(topic)  # behind a packet identifier
        for kind, rest in ((b"\x82", field + b"\x01"), (b"\xa2", field)):
            packets += kind + _encode_length(len(rest)) + rest
    return packets


def _encode_connect(to: Address, client_id: str, clean_session: bool) -> bytes:
    """Return a CONNECT of MQTT 3.1.1 (its section 3.1)."""
    account = [to.username, to.password] if to.username else []
    flags = (0x02 if clean_session else 0) | (0xC0 if account else 0)
    payload = b"".join(_encode_field(text) for text in (client_id, *account))
    rest = _encode_field("MQTT") + bytes([4, flags, 0, 10]) + payload
    return b"\x10" + _encode_length(len(rest)) + rest


def _encode_length(length: int) -> bytes:
    """Return a length below 16,384 (MQTT 3.1.1, section 2.2.3)."""
    return bytes([length]) if length < 128 else bytes([length % 128 | 128, length // 128])


def _encode_field(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data
