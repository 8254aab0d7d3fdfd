"""Publishing so that it is known what the broker took, and nothing is sent later by itself.

A client that reconnects sends what was not acknowledged once more; a command may have ended by then. So this is one
connection at a time, over which a few messages go and their acknowledgements are waited for, and no more.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.conf import settings

from devices.mqtt import client, packets
from devices.mqtt.packets import Packet, Publish, Type

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

KEEP_ALIVE = 60
PING_SECONDS = 20.0
QOS_1 = 2
MOST = 1 << 16  # bytes of a packet of the broker's: it sends acknowledgements alone


class Publisher:
    """Publish with QoS 1; connects when there is something to say. For one thread."""

    def __init__(self, client_id: str, url: str = "", *, within: float = 5.0) -> None:
        self._client_id, self._within = client_id, within
        self._to = client.parse_address(url or settings.MQTT_URL)
        self._connection: socket.socket | None = None
        self._spoke_at = 0.0
        self._last_id = 0

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publish them in their order; return once the broker acknowledged all. Raises OSError: some may have been
        taken, none is sent any more."""
        try:
            connection = self._connection or self._connect()
            awaited = set()
            said = b""
            for topic, payload in messages:
                self._last_id = self._last_id % 0xFFFF + 1
                awaited.add(self._last_id)
                said += Publish(QOS_1, topic, self._last_id, payload).build().encode()
            connection.sendall(said)
            self._await(connection, awaited)
            self._spoke_at = time.monotonic()
        except (OSError, packets.Malformed) as error:
            self.close()
            raise OSError(f"the broker took no command: {error}") from error

    def keep_alive(self) -> None:
        """Say now and then that it is still there."""
        if self._connection is None or time.monotonic() - self._spoke_at < PING_SECONDS:
            return
        try:
            self._connection.sendall(Packet(Type.PINGREQ << 4, b"").encode())
            while _read(self._connection).type != Type.PINGRESP:
                pass
            self._spoke_at = time.monotonic()
        except (OSError, packets.Malformed):
            self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> socket.socket:
        self._connection = client.open_connection(self._to, self._within)
        connect = client.build_connect(self._to, self._client_id, KEEP_ALIVE, clean_session=True)
        self._connection.sendall(connect.encode())
        answer = _read(self._connection)
        if answer.type != Type.CONNACK or answer.body[1:2] != b"\0":
            raise OSError(f"the broker refuses the site: {answer.body.hex()}")
        return self._connection

    def _await(self, connection: socket.socket, awaited: set[int]) -> None:
        until = time.monotonic() + self._within
        while awaited:
            if time.monotonic() > until:
                raise TimeoutError("no acknowledgement came")
            packet = _read(connection)
            if packet.type == Type.PUBACK:
                awaited.discard(int.from_bytes(packet.body[:2]))


def _read(connection: socket.socket) -> Packet:
    """Return the next packet. Raises OSError, Malformed."""
    head, length, shift = client.receive(connection, 1)[0], 0, 0
    while True:
        byte = client.receive(connection, 1)[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
        if shift > 21:
            raise packets.Malformed(packets.TOO_LONG)
    if length > MOST:
        raise packets.Malformed(f"a packet of {length} bytes")
    return Packet(head, client.receive(connection, length))
