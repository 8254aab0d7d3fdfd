"""MQTT 5 towards a device, MQTT 3.1.1 towards the broker: an interpreter speaks the latter, and this around it.

What MQTT 5 has beyond is neither offered nor heard: properties are left out, and there are no topic aliases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.broker.interpreter.iot_hub import Said
from devices.mqtt import packets
from devices.mqtt.packets import NAME, Connect, Fields, Malformed, Packet, Publish, Type

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.broker.interpreter.plain import Interpreter

LEVEL = 5
CODES = {0: 0x00, 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}
"""Of a CONNACK: as MQTT 3.1.1 says it, as MQTT 5 does."""
NO_PROPERTIES = b"\x00"


def read_connect(packet: Packet) -> Connect | None:
    """Take a CONNECT of MQTT 5 apart; None for what is none. Raises Malformed."""
    if packet.type != Type.CONNECT or not packet.body.startswith(NAME + bytes([LEVEL])):
        return None
    fields = Fields(packet.body)
    fields.take(len(NAME) + 1)
    flags, keep_alive = fields.take_number(1), fields.take_number(2)
    skip_properties(fields)
    client_id, will_topic, will = fields.take_text(), "", b""
    if flags & packets.WILL:
        skip_properties(fields)
        will_topic, will = fields.take_text(), fields.take_data()
    username = fields.take_text() if flags & packets.USERNAME else None
    password = fields.take_data().decode(errors="replace") if flags & packets.PASSWORD else None
    return Connect(flags, keep_alive, client_id, will_topic, will, username, password)


def skip_properties(fields: Fields) -> None:
    fields.take(fields.take_length())


class Version5:
    """Speak MQTT 5 to a device, for an interpreter that speaks MQTT 3.1.1."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._unsubscribed: dict[int, int] = {}  # packet id -> topics
        self.connect = interpreter.connect

    def look_first(self, packet: Packet) -> Callable[[], None] | None:
        """Return what is to be asked of the database before a packet of the device is heard. Raises Malformed."""
        return self._interpreter.look_first(self._hear(packet)) if packet.type == Type.PUBLISH else None

    def hear_device(self, packet: Packet) -> Said:
        """Return what is made of a packet of the device. Raises Malformed."""
        return self._say(self._interpreter.hear_device(self._hear(packet)))

    def hear_broker(self, packet: Packet) -> Said:
        """Return what is made of a packet of the broker. Raises Malformed."""
        return self._say(self._interpreter.hear_broker(packet))

    def _say(self, said: Said) -> Said:
        return said._replace(to_device=tuple(say_next(packet, self._unsubscribed) for packet in said.to_device))

    def _hear(self, packet: Packet) -> Packet:
        fields = Fields(packet.body)
        match packet.type:
            case Type.PUBLISH:
                topic = fields.take_text()
                packet_id = fields.take_number(2) if packet.head & 6 else 0
                skip_properties(fields)
                if not topic:
                    raise Malformed("a topic alias, which was not offered")
                return Publish(packet.head & 0x0F, topic, packet_id, fields.take_rest()).build()
            case Type.SUBSCRIBE | Type.UNSUBSCRIBE:
                number = fields.take(2)
                skip_properties(fields)
                return self._hear_filters(Packet(packet.head, number + fields.take_rest()))
            case Type.PUBACK:
                return Packet(packet.head, fields.take(2))
            case Type.DISCONNECT:
                return Packet(packet.head, b"")
        return packet

    def _hear_filters(self, packet: Packet) -> Packet:
        is_new = packet.type == Type.SUBSCRIBE
        packet_id, filters = packets.read_filters(packet, with_qos=is_new)
        if is_new:  # its other options ask for what nobody does here
            return packets.build_subscribe(packet_id, [(name, options & 3) for name, options in filters])
        self._unsubscribed[packet_id] = len(filters)
        return packet


def say_next(packet: Packet, unsubscribed: dict[int, int] | None = None) -> Packet:
    """Return a packet for the device in MQTT 5. Raises Malformed."""
    match packet.type:
        case Type.CONNACK:
            flags, code = Fields(packet.body).take(2)
            return Packet(packet.head, bytes([flags & 1, CODES.get(code, 0x80)]) + NO_PROPERTIES)
        case Type.SUBACK:
            return Packet(packet.head, packet.body[:2] + NO_PROPERTIES + packet.body[2:])
        case Type.UNSUBACK:
            count = (unsubscribed or {}).pop(int.from_bytes(packet.body[:2]), 1)
            return Packet(packet.head, packet.body[:2] + NO_PROPERTIES + bytes(count))
        case Type.PUBLISH:
            message = Publish.read(packet)
            return message._replace(payload=NO_PROPERTIES + message.payload).build()
    return packet
