"""The MQTT of Exosite's Murano, as devices of the door of activation speak it (`murano-client`): docs/protocol.md.

They connect without a client id or a user name, by a token alone. What they write are texts under the names of
attributes; what is said to them comes without a subscription. To the broker each is one device like all others.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import quote

from devices.broker.interpreter import packets
from devices.broker.interpreter.iot_hub import AWAY, NOT_AUTHORISED, REFUSALS, Said
from devices.broker.interpreter.packets import Malformed, Packet, Publish, Type
from devices.credentials.tokens import TOKEN, derive_access_key
from devices.models import Credential
from devices.mqtt import topics
from devices.mqtt.text_values import read_types, read_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.broker.interpreter.packets import Connect

RESOURCE, BATCH = "$resource/", ("$resource.batch", "$resource/.batch")
MOST_MOMENTS = 2_000  # of a batch
MOST_WAITING = 2_000
"""Reports that the broker has not acknowledged yet; then the device is hung up on, and sends them again."""


class TokenHolder(NamedTuple):
    """Hold a client that comes by a token, and is to be looked up."""

    connect: Connect
    token: str

    @classmethod
    def greet(cls, connect: Connect) -> Self | Packet | None:
        """Return the client, or what it is answered; None if it speaks another language."""
        if connect.username != "" or connect.password is None:
            return None
        if not TOKEN.fullmatch(connect.password):
            return packets.build_connack(NOT_AUTHORISED)
        return cls(connect, connect.password)

    def find(self) -> Murano | Packet:
        """Return who interprets for it, by one query; or what it is answered where the token is nobody's. Whether the
        device may connect is the broker's question."""
        known = Credential.objects.filter(access_key=derive_access_key(self.token)).select_related("device").first()
        if known is None:
            return packets.build_connack(NOT_AUTHORISED)
        types = read_types(known.device.version_id)
        return Murano(self.connect, self.token, device_id=known.device.device_id, types=types)


class Murano:
    """Speak to one device in its words, and to the broker in ours. No state outlives the connection."""

    def __init__(self, connect: Connect, token: str, *, device_id: str, types: Mapping[str, str]) -> None:
        self._types = types
        self._state, self._command = topics.build_topic(device_id, "state"), topics.build_topic(device_id, "command")
        self._last_id = 0
        self._waiting: dict[int, Waiting] = {}  # by the packet ids that the broker gets
        self._subscribing = 0
        own = connect._replace(client_id=device_id, username=derive_access_key(token), password=token)
        if will := self._translate(connect.will_topic, connect.will):
            own = own._replace(will_topic=self._state, will=will[-1])
        self.connect = own.build()

    # From the device ----------------------------------------------------------------------------

    def hear_device(self, packet: Packet) -> Said:
        """Return what is made of a packet of the device. Raises Malformed."""
        match packet.type:
            case Type.PUBLISH:
                return self._hear_message(Publish.read(packet))
            case Type.SUBSCRIBE:  # it is told everything anyway
                packet_id, filters = packets.read_filters(packet, with_qos=True)
                codes = [min(qos, 1) if name.startswith("$resource") else packets.REFUSED for name, qos in filters]
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
        reports = self._translate(message.topic, message.payload)
        topic = message.topic if reports is None else self._state  # what is not its own the broker refuses
        sent = [message.payload] if reports is None else reports
        if not message.qos:
            return Said(tuple(message._replace(topic=topic, payload=each).build() for each in sent))
        waiting = Waiting(message.packet_id, len(sent))
        made = []
        for each in sent:
            packet_id = self._choose_id()
            self._waiting[packet_id] = waiting
            made.append(message._replace(topic=topic, payload=each, packet_id=packet_id).build())
        return Said(tuple(made))

    def _choose_id(self) -> int:
        if len(self._waiting) >= MOST_WAITING + MOST_MOMENTS:
            raise Malformed("more than the broker takes at once")
        while True:
            self._last_id = self._last_id % 0xFFFF + 1
            if self._last_id not in self._waiting:
                return self._last_id

    def _translate(self, topic: str, payload: bytes) -> list[bytes] | None:
        """Return the reports that a message is, at least one; None where its topic is none of the dialect's."""
        if topic in BATCH:
            return self._read_batch(payload)
        alias = topic.removeprefix(RESOURCE)
        if not topic.startswith(RESOURCE) or not alias:
            return None
        return [json.dumps({"data": {alias: self._read(alias, decode(payload))}}).encode()]

    def _read_batch(self, payload: bytes) -> list[bytes]:
        """Return a report for each moment. What is no batch passes as it is, so that it is dropped, and counted, for
        what it is; so does a moment that is none."""
        try:
            moments: Any = json.loads(payload)
        except (ValueError, RecursionError):
            return [payload]
        if not isinstance(moments, list) or not 0 < len(moments) <= MOST_MOMENTS:
            return [payload]
        return [json.dumps(self._read_moment(moment)).encode() for moment in moments]

    def _read_moment(self, moment: Any) -> Any:
        if not isinstance(moment, dict) or not isinstance(moment.get("values"), dict):
            return moment
        data = {alias: self._read(alias, value) for alias, value in moment["values"].items()}
        return {"data": data} | ({"time": moment["timestamp"]} if "timestamp" in moment else {})

    def _read(self, alias: str, value: Any) -> Any:
        return read_value(value, self._types.get(alias)) if isinstance(value, str) else value

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
                return Said(to_device=(tell_command(Publish.read(packet)).build(),))
        return Said(to_device=(packet,))

    def _hear_connack(self, packet: Packet) -> Said:
        """Have its commands come, as it expects; who is refused for a time alone is hung up on."""
        code = packet.body[1:2]
        if code == bytes([AWAY]):
            return Said(ends=True)
        if code and code[0] in REFUSALS:
            return Said(to_device=(packets.build_connack(NOT_AUTHORISED),), ends=True)
        self._subscribing = self._choose_id()
        asked = packets.build_subscribe(self._subscribing, [(self._command, 1)])
        return Said(to_broker=(asked,), to_device=(packet,))

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


def tell_command(message: Publish) -> Publish:
    """Return a command as a write to the resource of its name: `$resource/<name>/<microseconds of the epoch>`, and its
    payload, a text as it is and anything else as JSON."""
    try:
        command = json.loads(message.payload)
        name, payload = str(command["name"]), command.get("payload")
        at = datetime.fromisoformat(command["time"]["$date"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Malformed("a command that can't be read") from None
    text = "" if payload is None else payload if isinstance(payload, str) else json.dumps(payload)
    moment = round(at.timestamp() * 1000) * 1000
    return message._replace(topic=f"{RESOURCE}{quote(name, safe='')}/{moment}", payload=text.encode())


def decode(payload: bytes) -> str:
    """Return the text that was sent, as UTF-8 or else as Latin-1."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload.decode("latin-1")
