"""The site's own connections to the broker, from one URL: `mqtt[s]://user:password@host:port`."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from django.conf import settings
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

KEEPALIVE = 30
RETRY = (1, 5)  # seconds, doubled from the first to the second


class Address(NamedTuple):
    host: str
    port: int
    username: str
    password: str
    tls: bool


def address(url: str) -> Address:
    parts = urlsplit(url)
    tls = parts.scheme == "mqtts"
    host, port = parts.hostname or "127.0.0.1", parts.port or (8883 if tls else 1883)
    return Address(host, port, unquote(parts.username or ""), unquote(parts.password or ""), tls)


def make(
    client_id: str, *, url: str = "", clean_session: bool = False, manual_ack: bool = False, most_queued: int = 0
) -> Client:
    """Return a client that finds its broker by itself, for ever, once its loop is started.

    Its session is persistent unless told otherwise; of `most_queued` 0 it queues whatever it is given.
    """
    to = address(url or settings.MQTT_URL)
    client = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=clean_session, manual_ack=manual_ack)
    if to.username:
        client.username_pw_set(to.username, to.password)
    if to.tls:
        client.tls_set(ca_certs=settings.MQTT_CA or None)
    client.max_queued_messages_set(most_queued)
    client.reconnect_delay_set(*RETRY)
    client.connect_async(to.host, to.port, KEEPALIVE)
    return client
