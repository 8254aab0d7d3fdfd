"""MQTT 3.1.1's packets, as far as we make them or take them apart: all others pass as they came."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    Read = Callable[[int], Awaitable[bytes]]
    """Returns exactly so many bytes; raises where the connection ends before."""

CLEAN, WILL, WILL_QOS, WILL_RETAINED, PASSWORD, USERNAME = 0x02, 0x04, 0x18, 0x20, 0x40, 0x80  # flags of a CONNECT
NAME, LEVEL = b"\x00\x04MQTT", 4
REFUSED = 0x80  # in a SUBACK
TOO_LONG = "a length of more than four bytes"


class Type(IntEnum):
    CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 1, 2, 3, 4, 8, 9, 10, 11
    PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14


class Malformed(Exception):
    """Say that these are no packets of MQTT 3.1.1, or larger ones than are taken."""


class Packet(NamedTuple):
    """Hold a packet: its first byte, and what follows its length."""

    head: int
    body: bytes

    @property
    def type(self) -> int:
        return self.head >> 4

    def encode(self) -> bytes:
        return bytes([self.head]) + encode_length(len(self.body)) + self.body


async def read_packet(read: Read, most: int) -> Packet:
    """Read one of at most so many bytes. Raises Malformed, and what `read` raises."""
    head = (await read(1))[0]
    length = shift = 0
    while True:
        byte = (await read(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
        if shift > 21:
            raise Malformed(TOO_LONG)
    if length > most:
        raise Malformed(f"a packet of {length} bytes")
    return Packet(head, await read(length) if length else b"")


def encode_length(length: int) -> bytes:
    encoded = bytearray()
    while True:
        length, digit = length >> 7, length & 0x7F
        encoded.append(digit | 0x80 if length else digit)
        if not length:
            return bytes(encoded)


class Fields:
    """Take the fields of a body off it, one after the other. Raises Malformed where there are none left."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def take(self, size: int) -> bytes:
        taken = self._body[self._at : self._at + size]
        if len(taken) < size:
            raise Malformed("a packet that ends too early")
        self._at += size
        return taken

    def take_number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def take_length(self) -> int:
        """Return a length as packets and MQTT 5's properties have it: seven bits a byte, four bytes at most."""
        length = shift = 0
        while True:
            byte = self.take_number(1)
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return length
            if shift > 21:
                raise Malformed(TOO_LONG)

    def take_data(self) -> bytes:
        return self.take(self.take_number(2))

    def take_text(self) -> str:
        try:
            return self.take_data().decode()
        except UnicodeDecodeError:
            raise Malformed("a text that is not UTF-8") from None

    def take_rest(self) -> bytes:
        return self.take(len(self._body) - self._at)

    def __bool__(self) -> bool:
        return self._at < len(self._body)


def encode_field(data: str | bytes) -> bytes:
    raw = data.encode() if isinstance(data, str) else data
    return len(raw).to_bytes(2) + raw


class Connect(NamedTuple):
    """Hold a CONNECT; without a will its topic is empty, without an account user name and password are None."""

    flags: int
    keep_alive: int
    client_id: str
    will_topic: str
    will: bytes
    username: str | None
    password: str | None

    @classmethod
    def read(cls, packet: Packet) -> Self | None:
        """Take a CONNECT of MQTT 3.1.1 apart; None for what is none. Raises Malformed."""
        fields = Fields(packet.body)
        if packet.type != Type.CONNECT or not packet.body.startswith(NAME + bytes([LEVEL])):
            return None
        fields.take(len(NAME) + 1)
        flags, keep_alive = fields.take_number(1), fields.take_number(2)
        client_id = fields.take_text()
        will_topic, will = (fields.take_text(), fields.take_data()) if flags & WILL else ("", b"")
        username = fields.take_text() if flags & USERNAME else None
        return cls(flags, keep_alive, client_id, will_topic, will, username, _take_password(fields, flags))

    def build(self) -> Packet:
        flags = self.flags & ~(WILL | USERNAME | PASSWORD)
        payload = encode_field(self.client_id)
        if self.will_topic:
            flags |= WILL
            payload += encode_field(self.will_topic) + encode_field(self.will)
        else:
            flags &= ~(WILL_QOS | WILL_RETAINED)
        for flag, text in ((USERNAME, self.username), (PASSWORD, self.password)):
            if text is not None:
                flags |= flag
                payload += encode_field(text)
        return Packet(Type.CONNECT << 4, NAME + bytes([LEVEL, flags]) + self.keep_alive.to_bytes(2) + payload)


def _take_password(fields: Fields, flags: int) -> str | None:
    if not flags & PASSWORD:
        return None
    return fields.take_data().decode(errors="replace")


class Publish(NamedTuple):
    """Hold a PUBLISH; `flags` are DUP, QoS and RETAIN, `packet_id` is 0 at QoS 0."""

    flags: int
    topic: str
    packet_id: int
    payload: bytes

    @property
    def qos(self) -> int:
        return self.flags >> 1 & 3

    @classmethod
    def read(cls, packet: Packet) -> Self:
        """Take a PUBLISH apart. Raises Malformed."""
        fields, flags = Fields(packet.body), packet.head & 0x0F
        topic = fields.take_text()
        packet_id = fields.take_number(2) if flags & 6 else 0
        return cls(flags, topic, packet_id, fields.take_rest())

    def build(self) -> Packet:
        number = self.packet_id.to_bytes(2) if self.qos else b""
        return Packet(Type.PUBLISH << 4 | self.flags, encode_field(self.topic) + number + self.payload)


def read_filters(packet: Packet, *, with_qos: bool) -> tuple[int, list[tuple[str, int]]]:
    """Return the packet id and the (topic filter, QoS) of a SUBSCRIBE or, QoS 0, an UNSUBSCRIBE. Raises Malformed."""
    fields = Fields(packet.body)
    packet_id, filters = fields.take_number(2), []
    while fields:
        topic = fields.take_text()
        filters.append((topic, fields.take_number(1) if with_qos else 0))
    return packet_id, filters


def build_subscribe(packet_id: int, filters: Iterable[tuple[str, int]]) -> Packet:
    body = b"".join(encode_field(topic) + bytes([qos]) for topic, qos in filters)
    return Packet(Type.SUBSCRIBE << 4 | 2, packet_id.to_bytes(2) + body)


def build_unsubscribe(packet_id: int, topics: Iterable[str]) -> Packet:
    body = b"".join(encode_field(topic) for topic in topics)
    return Packet(Type.UNSUBSCRIBE << 4 | 2, packet_id.to_bytes(2) + body)


def build_suback(packet_id: int, codes: Sequence[int]) -> Packet:
    return Packet(Type.SUBACK << 4, packet_id.to_bytes(2) + bytes(codes))


def build_answer(of: Type, packet_id: int) -> Packet:
    """Return a PUBACK or an UNSUBACK."""
    return Packet(of << 4, packet_id.to_bytes(2))


def build_connack(code: int) -> Packet:
    return Packet(Type.CONNACK << 4, bytes([0, code]))
