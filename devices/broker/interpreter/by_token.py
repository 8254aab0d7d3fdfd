"""Devices that connect by a token alone: to the broker each is one device like all others, by its device ID, the access
key that follows from the token, and the token. What a vendor says otherwise is told by a subclass.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from devices.broker.interpreter.iot_hub import AWAY, NOT_AUTHORISED, REFUSALS, Said
from devices.credentials.tokens import derive_access_key
from devices.mqtt import packets, topics
from devices.mqtt.packets import Malformed, Packet, Publish, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from devices.mqtt.packets import Connect

MOST_MOMENTS = 2_000  # of a message
MOST_WAITING = 2_000
"""Reports that the broker has not acknowledged yet; then the device is hung up on, and sends them again."""


class Command(NamedTuple):
    """Hold a command as the broker tells it."""

    name: str
    payload: Any
    at: datetime
    id: str = ""


class ByToken(ABC):
    """Speak to one device in its words, and to the broker in ours. No state outlives the connection."""

    def __init__(
        self, connect: Connect, secret: str, *, device_id: str, types: Mapping[str, str], access_key: str = ""
    ) -> None:
        """Connect as the device; its access key follows from a secret that is a token."""
        self.types = types
        self._state, self._command = topics.build_topic(device_id, "state"), topics.build_topic(device_id, "command")
        self._last_id = 0
        self._waiting: dict[int, Waiting] = {}  # by the packet ids that the broker gets
        self._subscribing = 0
        key = access_key or derive_access_key(secret)
        own = connect._replace(client_id=device_id, username=key, password=secret)
        if will := self.translate(connect.will_topic, connect.will):
            own = own._replace(will_topic=self._state, will=will[-1])
        self.connect = own.build()

    # What a vendor says ---------------------------------------------------------------------------

    @abstractmethod
    def translate(self, topic: str, payload: bytes) -> list[bytes] | None:
        """Return the reports that a message is, at least one; None where its topic is none of the vendor's."""

    @abstractmethod
    def tell(self, command: Command) -> tuple[str, bytes]:
        """Return the topic and the payload by which the device hears a command."""

    @abstractmethod
    def may_subscribe(self, name: str) -> bool:
        """Decide what is granted; it is told its commands anyway."""

    def answer(self, message: Publish) -> list[Publish] | None:
        """Return what is answered here to a message that the broker is not to hear of; None where it is."""
        return None

    def look_first(self, packet: Packet) -> Callable[[], None] | None:
        """Return what is to be asked of the database before a packet of the device is heard; None for nothing."""
        return None

    # From the device ----------------------------------------------------------------------------

    def hear_device(self, packet: Packet) -> Said:
        """Return what is made of a packet of the device. Raises Malformed."""
        match packet.type:
            case Type.PUBLISH:
                return self._hear_message(Publish.read(packet))
            case Type.SUBSCRIBE:  # it is told everything anyway
                packet_id, filters = packets.read_filters(packet, with_qos=True)
                codes = [min(qos, 1) if self.may_subscribe(name) else packets.REFUSED for name, qos in filters]
                return Said(to_device=(packets.build_suback(packet_id, codes),))
            case Type.UNSUBSCRIBE:
                packet_id, _ = packets.read_filters(packet, with_qos=False)
                return Said(to_device=(packets.build_answer(Type.UNSUBACK, packet_id),))
            case Type.CONNECT:
                raise Malformed("a second CONNECT")
        return Said(to_broker=(packet,))

    def _hear_message(self, message: Publish) -> Said:
        """Let it be as many reports as it has moments, and be acknowledged once the broker took them all."""
        if message.qos > 1:
            raise Malformed("QoS 2 is not spoken")
        if (answers := self.answer(message)) is not None:
            taken = [packets.build_answer(Type.PUBACK, message.packet_id)] if message.qos else []
            return Said(to_device=(*taken, *(each.build() for each in answers)))
        reports = self.translate(message.topic, message.payload)
        topic = message.topic if reports is None else self._state  # what is not its own the broker refuses
        return self.report(message, [(topic, each) for each in ([message.payload] if reports is None else reports)])

    def report(self, message: Publish, reports: Sequence[tuple[str, bytes]]) -> Said:
        """Send topics and payloads instead of a message, acknowledged once all are, at once where there are none."""
        if not message.qos:
            return Said(tuple(message._replace(topic=topic, payload=each).build() for topic, each in reports))
        if not reports:
            return Said(to_device=(packets.build_answer(Type.PUBACK, message.packet_id),))
        waiting = Waiting(message.packet_id, len(reports))
        made = []
        for topic, each in reports:
            packet_id = self.choose_id()
            self._waiting[packet_id] = waiting
            made.append(message._replace(topic=topic, payload=each, packet_id=packet_id).build())
        return Said(tuple(made))

    def choose_id(self, beside: Collection[int] = ()) -> int:
        """Return an id for a packet to the broker that no other one has."""
        if len(self._waiting) + len(beside) >= MOST_WAITING + MOST_MOMENTS:
            raise Malformed("more than the broker takes at once")
        while True:
            self._last_id = self._last_id % 0xFFFF + 1
            if self._last_id not in self._waiting and self._last_id not in beside:
                return self._last_id

    # From the broker ----------------------------------------------------------------------------

    def hear_broker(self, packet: Packet) -> Said:
        """Return what is made of a packet of the broker. Raises Malformed."""
        match packet.type:
            case Type.CONNACK:
                return self._hear_connack(packet)
            case Type.SUBACK if int.from_bytes(packet.body[:2]) == self._subscribing:
                return Said()
            case Type.PUBACK:
                return self._hear_puback(int.from_bytes(packet.body[:2]))
            case Type.PUBLISH:
                message = Publish.read(packet)
                topic, payload = self._hear_command(message.payload)
                return Said(to_device=(message._replace(topic=topic, payload=payload).build(),))
        return Said(to_device=(packet,))

    def _hear_connack(self, packet: Packet) -> Said:
        """Have its commands come, as it expects; who is refused for a time alone is hung up on."""
        code = packet.body[1:2]
        if code == bytes([AWAY]):
            return Said(ends=True)
        if code and code[0] in REFUSALS:
            return Said(to_device=(packets.build_connack(NOT_AUTHORISED),), ends=True)
        self._subscribing = self.choose_id()
        asked = packets.build_subscribe(self._subscribing, [(self._command, 1)])
        return Said(to_broker=(asked,), to_device=(packet,))

    def _hear_command(self, payload: bytes) -> tuple[str, bytes]:
        try:
            return self.tell(read_command(payload))
        except (ValueError, OverflowError, RecursionError):
            raise Malformed("a command that can't be told") from None

    def _hear_puback(self, packet_id: int) -> Said:
        waiting = self._waiting.pop(packet_id, None)
        if waiting is None:
            return Said()
        waiting.reports -= 1
        return Said() if waiting.reports else Said(to_device=(packets.build_answer(Type.PUBACK, waiting.packet_id),))


class Waiting:
    """Count the reports of a message that the broker has not acknowledged yet."""

    def __init__(self, packet_id: int, reports: int) -> None:
        self.packet_id, self.reports = packet_id, reports


def read_command(payload: bytes) -> Command:
    """Take a command of the broker's apart. Raises Malformed."""
    try:
        command = json.loads(payload)
        return Command(
            str(command["name"]),
            command.get("payload"),
            datetime.fromisoformat(command["time"]["$date"]),
            str(command.get("id", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Malformed("a command that can't be read") from None


def read_moments(payload: bytes) -> list[Any] | None:
    """Return the items of a JSON list, some but not too many; None for anything else."""
    try:
        moments: Any = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return moments if isinstance(moments, list) and 0 < len(moments) <= MOST_MOMENTS else None
