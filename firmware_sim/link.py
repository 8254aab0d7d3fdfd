"""A gateway's line to the MQTT broker: one paho client per connection, driven by asyncio.

Each connection gets a new client, so that paho carries no unacknowledged message over to the next
one: what has to be sent again is the outbox's decision alone.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, cast

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.client import SocketLike
    from paho.mqtt.reasoncodes import ReasonCode

    from .identity import Identity


KEEPALIVE = 30
CONNECT_TIMEOUT = 5.0
CONNACK_TIMEOUT = 10.0
FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0
FIRST_DELAY_AFTER_REFUSAL = 8.0
STABLE_AFTER = 10.0
HOUSEKEEPING = 5.0
REFUSALS = {134: "wrong access key or secret (code 4)", 135: "not authorised (code 5)"}


class Status(StrEnum):
    UNPLUGGED = "unplugged"
    OFFLINE = "offline"
    CONNECTING = "connecting"
    ONLINE = "online"
    REFUSED = "refused"


class Owner(Protocol):
    """Handle what the link tells its gateway, always on the event loop."""

    def handle_status(self, status: Status, reason: str) -> None: ...
    def handle_acknowledgement(self, mid: int) -> None: ...
    def handle_command(self, payload: bytes) -> None: ...


@dataclass(frozen=True)
class Broker:
    host: str
    port: int
    tls: ssl.SSLContext | None = None


class Dialer:
    """Open the connections of a fleet: a few at a time, and so many a second."""

    def __init__(self, broker: Broker, *, at_once: int = 8, per_second: float = 60) -> None:
        self.broker = broker
        self._at_once = asyncio.Semaphore(at_once)
        self._spacing = 1 / per_second
        self._next = 0.0

    async def dial(self, client: mqtt.Client) -> None:
        """Open the socket and send CONNECT. Raises OSError."""
        loop = asyncio.get_running_loop()
        async with self._at_once:
            now = loop.time()
            self._next = max(now, self._next + self._spacing)
            await asyncio.sleep(self._next - now)
            await run_in_thread(lambda: client.connect(self.broker.host, self.broker.port, keepalive=KEEPALIVE))


async def run_in_thread(call: Callable[[], object]) -> None:
    """Run a blocking call in a daemon thread: one that hangs never holds up the exit."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        failure: Exception | None = None
        try:
            call()
        except Exception as error:
            failure = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, failure)

    threading.Thread(target=run, daemon=True, name="dial").start()
    await done


def compute_backoff(attempt: int, *, first: float = FIRST_DELAY) -> float:
    """Return the seconds before attempt `attempt` (from 0): doubled up to a minute, with jitter."""
    delay = first * 2 ** min(attempt, 10) * random.uniform(0.75, 1.25)  # noqa: S311
    return float(min(LONGEST_DELAY, max(FIRST_DELAY, delay)))


def release_socket(client: mqtt.Client) -> None:
    """Take a socket that is still open back from the event loop and close it."""
    if (sock := client.socket()) is not None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        loop.remove_writer(sock)
        sock.close()


class Link:
    def __init__(self, identity: Identity, dialer: Dialer, owner: Owner, *, most_refusals: int | None = None) -> None:
        self._identity = identity
        self._most_refusals = most_refusals
        self._refused = 0
        self._dialer = dialer
        self._owner = owner
        self.status = Status.OFFLINE
        self._client: mqtt.Client | None = None
        self._plugged = asyncio.Event()
        self._plugged.set()
        self._unplugged = asyncio.Event()
        self._ended = asyncio.Event()
        self._refusal = ""
        self._attempt = 0

    @property
    def state_topic(self) -> str:
        return f"devices/{self._identity.device_id}/state"

    @property
    def command_topic(self) -> str:
        return f"devices/{self._identity.device_id}/command"

    def publish(self, payload: bytes) -> int | None:
        """Publish a report; return the message's number, or None when there is no connection."""
        if self._client is None or self.status is not Status.ONLINE:
            return None
        info = self._client.publish(self.state_topic, payload, qos=1)
        return info.mid if info.rc == mqtt.MQTT_ERR_SUCCESS else None

    def plug_in(self) -> None:
        self._attempt = 0
        self._unplugged.clear()
        self._plugged.set()

    def unplug(self) -> None:
        self._plugged.clear()
        self._unplugged.set()
        self.drop()
        self._set_status(Status.UNPLUGGED, "reports are kept until it is plugged in")

    def drop(self) -> None:
        """Cut the connection without a farewell, as a pulled cable does."""
        sock = self._client.socket() if self._client else None
        if sock is not None:
            with suppress(OSError):
                cast("socket.socket", sock).shutdown(socket.SHUT_RDWR)

    def disconnect(self) -> None:
        if self._client is not None:
            self._client.disconnect()

    async def run(self) -> None:
        """Run until cancelled, or until the broker refused so many times in a row as it may."""
        loop = asyncio.get_running_loop()
        while True:
            await self._plugged.wait()
            began = loop.time()
            reason = await self._connect_once()
            if loop.time() - began > STABLE_AFTER and not self._refusal:
                self._attempt = 0
            if self._has_to_give_up():
                self._set_status(Status.REFUSED, f"{reason}; no next try")
                return
            await self._wait_before_retry(reason)

    def _has_to_give_up(self) -> bool:
        """Count a refusal; a site that is away lets some brokers refuse, so that one alone says little."""
        self._refused = self._refused + 1 if self._refusal else 0
        return self._most_refusals is not None and self._refused >= self._most_refusals

    async def _connect_once(self) -> str:
        """Hold one connection, from dialling to its end; return why it ended."""
        self._refusal = ""
        self._set_status(Status.CONNECTING)
        client = self._new_client()
        try:
            await self._dialer.dial(client)
        except (OSError, ValueError) as error:
            return f"cannot reach the broker: {error}"
        self._ended.clear()
        self._client = client
        try:
            self._watch(client)
            if self._unplugged.is_set():
                return ""
            await self._keep_connection(client)
        finally:
            self._client = None
            release_socket(client)
        return self._refusal or "connection lost"

    async def _keep_connection(self, client: mqtt.Client) -> None:
        loop = asyncio.get_running_loop()
        connack_by = loop.time() + CONNACK_TIMEOUT
        while not self._ended.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(HOUSEKEEPING):
                    await self._ended.wait()
            if not self._ended.is_set():
                client.loop_misc()
                if self.status is Status.CONNECTING and loop.time() > connack_by:
                    self.drop()

    async def _wait_before_retry(self, reason: str) -> None:
        if self._unplugged.is_set():
            return
        refused = {"first": FIRST_DELAY_AFTER_REFUSAL} if self._refusal else {}
        delay = compute_backoff(self._attempt, **refused)
        self._attempt += 1
        status = Status.REFUSED if self._refusal else Status.OFFLINE
        self._set_status(status, f"{reason}; next try in {delay:.0f} s")
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._unplugged.wait()

    def _set_status(self, status: Status, reason: str = "") -> None:
        if status is self.status:
            return
        self.status = status
        self._owner.handle_status(status, reason)

    def _new_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._identity.device_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        client.username_pw_set(self._identity.access_key, self._identity.access_secret)
        client.connect_timeout = CONNECT_TIMEOUT
        if self._dialer.broker.tls is not None:
            client.tls_set_context(self._dialer.broker.tls)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _watch(self, client: mqtt.Client) -> None:
        """Hand the client's socket to the event loop."""
        loop = asyncio.get_running_loop()
        sock = client.socket()
        if sock is None:
            self._ended.set()
            return

        def unwatch(_client: mqtt.Client, _data: Any, sock: SocketLike) -> None:
            loop.remove_reader(sock)

        def register_write(_client: mqtt.Client, _data: Any, sock: SocketLike) -> None:
            loop.add_writer(sock, client.loop_write)

        def unregister_write(_client: mqtt.Client, _data: Any, sock: SocketLike) -> None:
            loop.remove_writer(sock)

        client.on_socket_close = unwatch
        client.on_socket_register_write = register_write
        client.on_socket_unregister_write = unregister_write
        loop.add_reader(sock, self._read_all, client)
        client.loop_write()

    def _read_all(self, client: mqtt.Client) -> None:
        client.loop_read()
        sock = client.socket()
        while isinstance(sock, ssl.SSLSocket) and sock.pending():
            client.loop_read()
            sock = client.socket()

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        if code.is_failure:
            self._refusal = f"refused by the broker: {REFUSALS.get(code.value, str(code))}"
            return
        if self._unplugged.is_set():
            return
        client.subscribe(self.command_topic, qos=1)
        self._set_status(Status.ONLINE)

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, *_details: Any) -> None:
        self._ended.set()

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, *_details: Any) -> None:
        self._owner.handle_acknowledgement(mid)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._owner.handle_command(bytes(message.payload))
