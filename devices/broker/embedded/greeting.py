"""The first bytes of a connection: which version of the protocol it speaks, before the rest is taken apart."""

from __future__ import annotations

from amqtt.adapters import ReaderAdapter

from devices.broker.interpreter.relay import LARGEST_CONNECT
from devices.mqtt.packets import Malformed, Packet, read_packet

CONNECT = 0x10
SPOKEN, NEXT = 4, 5  # the levels of MQTT 3.1.1 and 5
BRIDGE = 0x80  # added to its level by a broker that is another one's client
NAMES = (b"MQTT", b"MQIsdp")
NOT_SPOKEN = b"\x20\x02\x00\x01"  # CONNACK 1: unacceptable protocol version
NOT_SPOKEN_NEXT = b"\x20\x03\x00\x84\x00"  # the same in the words of MQTT 5: unsupported protocol version


class ReplayingReader(ReaderAdapter):  # type: ignore[misc]
    """Read once more what was read of a reader before, then the rest of it."""

    def __init__(self, reader: ReaderAdapter, seen: bytes) -> None:
        self._reader, self._seen = reader, seen

    async def read(self, n: int = -1) -> bytes:
        if not self._seen or n < 0:
            return bytes(await self._reader.read(n))
        again, self._seen = self._seen[:n], self._seen[n:]
        return again if len(again) == n else again + bytes(await self._reader.read(n - len(again)))

    def feed_eof(self) -> None:
        self._reader.feed_eof()


async def read_greeting(reader: ReaderAdapter) -> tuple[bytes, ReaderAdapter]:
    """Return what to answer a client of another version, nothing to one that is understood, and a reader of it all.

    What is no CONNECT is left for the packets' own reading to refuse.
    """
    seen = bytes(await reader.read(2))
    while seen[-1] & 0x80 and len(seen) < 5:
        seen += await reader.read(1)
    if seen[0] != CONNECT:
        return b"", ReplayingReader(reader, seen)
    seen += await reader.read(2)
    if (length := int.from_bytes(seen[-2:])) not in map(len, NAMES):
        return b"", ReplayingReader(reader, seen)
    seen += await reader.read(length + 1)
    name, level = seen[-length - 1 : -1], seen[-1]
    again = ReplayingReader(reader, seen)
    if name not in NAMES or level == SPOKEN:
        return b"", again
    return NOT_SPOKEN_NEXT if NEXT <= level < BRIDGE else NOT_SPOKEN, again


async def read_connect(reader: ReaderAdapter) -> tuple[Packet | None, ReaderAdapter]:
    """Return the first packet, none where it is larger than an interpreter takes, and a reader of it all."""
    seen = bytearray()

    async def read(size: int) -> bytes:
        part = bytes(await reader.read(size))
        seen.extend(part)
        return part

    try:
        packet = await read_packet(read, LARGEST_CONNECT)
    except Malformed:
        return None, ReplayingReader(reader, bytes(seen))
    return packet, ReplayingReader(reader, bytes(seen))
