"""The consumer's own connection to the broker: MQTT 3.1.1 as far as one who only listens needs it.

What the socket has is read at once, taken apart at once and handed over at once, and what is acknowledged is written at
once: a client that turns each packet by itself costs many times what is done with it. What comes in trickles is let
gather for a moment: 2 ms, and so much for each connection that is read beside it. One thread reads and writes.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from django.conf import settings

from devices.mqtt import packets
from devices.mqtt.client import KEEPALIVE, RETRY, build_connect, open_connection, parse_address, receive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

log = logging.getLogger(__name__)

CHUNK = 128 << 10  # octets that are read at once
FEW_OCTETS, APART_SECONDS = 8 << 10, 0.002  # reads that find fewer are so far apart: each costs more than what it finds
MOST_APART = 6  # times as far, where so many connections share a processor: what comes, a press too, waits so long
LOOK_SECONDS = 1.0
HUNG_UP = getattr(select, "POLLRDHUP", 0)  # Linux says so only if it is asked; others do unasked
REFUSALS = {
    1: "it does not speak MQTT 3.1.1",
    2: "it does not take the client id",
    3: "it is not available",
    4: "bad user name or password",
    5: "not authorized",
}
PUBACK = bytes([packets.Type.PUBACK << 4, 2])
PINGREQ = packets.Packet(packets.Type.PINGREQ << 4, b"").encode()
DISCONNECT = packets.Packet(packets.Type.DISCONNECT << 4, b"").encode()


class Delivery(NamedTuple):
    """Hold a PUBLISH as it came: its first byte, and a packet id of 0 at QoS 0."""

    head: int
    topic: bytes
    mid: int
    payload: bytes

    @property
    def qos(self) -> int:
        return self.head >> 1 & 3


class Listener(Protocol):
    """What is told of the connection, in its thread."""

    def on_connected(self, resumed: bool) -> None: ...

    def on_subscribed(self, codes: Sequence[int]) -> None: ...

    def on_deliveries(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Return those for which there is no room now: they are handed over again, before what comes after them, and
        nothing is read meanwhile (see `Receiver.go_on`)."""

    def on_lost(self, why: str) -> None: ...


class Receiver:
    """Stay connected for ever, subscribed at QoS 1, in a session that the broker keeps."""

    def __init__(
        self,
        listener: Listener,
        client_id: str,
        filters: Iterable[str],
        *,
        url: str = "",
        count: Callable[[], int] = lambda: 1,
    ) -> None:
        """Take in `count` how many connections this process reads."""
        self._listener = listener
        self._count = count
        self._client_id = client_id
        self._to = parse_address(url or settings.MQTT_URL)
        self._subscribe = packets.build_subscribe(1, [(each, 1) for each in filters]).encode()
        self._saying = bytearray()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._is_dropped = False
        self._is_told = False
        self._rest, self._untaken = b"", list[Delivery]()
        self._found = 0  # octets, by the last read
        self._awake, self._wake = socket.socketpair()
        self._wake.setblocking(False)  # where it is full, there is enough to wake it
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Say what is still to be said, and leave in order."""
        self._stopping.set()
        self._rouse()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Acknowledge deliveries of QoS 1 of the present connection; whoever calls knows that it is."""
        said = b"".join([PUBACK + mid.to_bytes(2) for mid in mids])
        with self._lock:
            was_silent = not self._saying
            self._saying += said
        if was_silent and threading.current_thread() is not self._thread:
            self._rouse()

    def reconnect(self) -> None:
        """End the connection without a word, and make a new one."""
        self._is_dropped = True
        self._rouse()

    def go_on(self) -> None:
        """Hand over again what there was no room for."""
        self._rouse()

    def _rouse(self) -> None:
        with suppress(OSError):
            self._wake.send(b"\0")

    # Its thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        pause = RETRY[0]
        while not self._stopping.is_set():
            try:
                connection = self._connect()
            except (OSError, packets.Malformed) as error:
                if not self._is_told:
                    log.warning("no connection to the broker, trying again: %s", error)
                self._is_told = True
            else:
                pause, self._is_told = RETRY[0], False
                with connection:
                    self._serve(connection)
            self._stopping.wait(pause)
            pause = min(2 * pause, RETRY[1])
        self._awake.close()
        self._wake.close()

    def _connect(self) -> socket.socket:
        """Return a connection on which the broker knows us. Raises OSError."""
        connection = open_connection(self._to, KEEPALIVE)
        try:
            connection.sendall(build_connect(self._to, self._client_id, KEEPALIVE).encode())
            answer = receive(connection, 4)
            self._check(answer)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._saying[:] = self._subscribe
        self._is_dropped = False
        self._listener.on_connected(bool(answer[2] & 1))
        return connection

    def _check(self, connack: bytes) -> None:
        """Raise PermissionError if the broker refuses us."""
        if connack[0] >> 4 != packets.Type.CONNACK or connack[3]:
            log.error("the broker refuses the consumer: %s", REFUSALS.get(connack[3], connack.hex()))
            self._is_told = True
            raise PermissionError(connack.hex())

    def _serve(self, connection: socket.socket) -> None:
        """Read and write until the connection ends."""
        self._rest, self._untaken = b"", []
        try:
            connection.setblocking(False)
            self._exchange(connection)
        except (OSError, packets.Malformed) as error:
            why = str(error) or type(error).__name__
        else:
            why = "it was left"
        self._listener.on_lost(why)

    def _exchange(self, connection: socket.socket) -> None:
        poll = select.poll()
        poll.register(self._awake, select.POLLIN)
        heard = said = time.monotonic()
        while not self._is_dropped:
            self._hand_over([])
            hears = select.POLLIN if not self._untaken else HUNG_UP
            poll.register(connection, hears | (select.POLLOUT if self._saying else 0))
            pending = connection.pending() if not self._untaken and isinstance(connection, ssl.SSLSocket) else 0
            ready = dict(poll.poll(0 if pending else LOOK_SECONDS * 1000))
            if self._awake.fileno() in ready:
                self._awake.recv(4096)
            readable = pending or ready.get(connection.fileno(), 0) & ~select.POLLOUT
            if readable and self._found < FEW_OCTETS and (early := self._measure_early(heard)) > 0:
                time.sleep(early)
            now = time.monotonic()
            if self._hear(connection, readable):
                heard = now
            if self._saying and self._say(connection):
                said = now
            if self._stopping.is_set() and not self._saying:
                connection.setblocking(True)
                connection.sendall(DISCONNECT)
                return
            if now - heard > 1.5 * KEEPALIVE:
                raise TimeoutError("it says nothing")
            if now - said > KEEPALIVE / 2:
                with self._lock:
                    self._saying += PINGREQ

    def _measure_early(self, heard: float) -> float:
        """Return for how many seconds more a few octets may gather."""
        return heard + APART_SECONDS * min(self._count(), MOST_APART) - time.monotonic()

    def _hear(self, connection: socket.socket, ready: int) -> bool:
        """Read what there is and hand it over, unless what came before has no room; return whether the broker was
        heard, or could not be. Raises OSError where the connection has ended."""
        if self._untaken:
            if ready:
                raise ConnectionResetError("it hung up")
            return True
        if not ready or not (read := _read(connection)):
            return False
        self._found = len(read)
        self._rest = self._take(self._rest + read)
        return True

    def _say(self, connection: socket.socket) -> bool:
        """Write what there is to say, as far as it goes; return whether something went."""
        with self._lock:
            try:
                gone = connection.send(self._saying)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            del self._saying[:gone]
            return True

    def _take(self, data: bytes) -> bytes:
        """Hand over what is whole, in its order; return the rest."""
        deliveries: list[Delivery] = []
        at, end = 0, len(data)
        while (found := _find_body(data, at, end)) is not None:
            start, stop = found
            if data[at] >> 4 == packets.Type.PUBLISH:
                deliveries.append(_read_publish(data, data[at], start, stop))
            elif data[at] >> 4 == packets.Type.SUBACK:
                self._hand_over(deliveries)
                deliveries = []
                self._listener.on_subscribed(data[start + 2 : stop])
            at = stop
        self._hand_over(deliveries)
        return data[at:]

    def _hand_over(self, deliveries: Sequence[Delivery]) -> None:
        """Hand over what there was no room for, and then what came since."""
        if offered := [*self._untaken, *deliveries]:
            self._untaken = list(self._listener.on_deliveries(offered))


def _read(connection: socket.socket) -> bytes:
    """Return what is there, nothing if it is only a part of TLS. Raises OSError where the connection has ended."""
    try:
        read = connection.recv(CHUNK)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return b""
    if not read:
        raise ConnectionResetError("it hung up")
    return read


def _find_body(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Return where the body of the packet there begins and ends; None while it is not whole. Raises Malformed."""
    if at + 2 > end:
        return None
    length, at = data[at + 1], at + 2
    if length & 0x80:
        length, shift = length & 0x7F, 7
        while True:
            if shift > 21:
                raise packets.Malformed(packets.TOO_LONG)
            if at >= end:
                return None
            digit, at = data[at], at + 1
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                break
    return (at, at + length) if at + length <= end else None


def _read_publish(data: bytes, head: int, start: int, stop: int) -> Delivery:
    after = start + 2 + (data[start] << 8 | data[start + 1]) if start + 2 <= stop else stop + 1
    body = after + 2 if head & 6 else after
    if body > stop:
        raise packets.Malformed("a packet that ends too early")
    mid = data[after] << 8 | data[after + 1] if head & 6 else 0
    return Delivery(head, data[start + 2 : after], mid, data[body:stop])
