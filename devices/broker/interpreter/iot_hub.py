"""The MQTT of Azure's IoT Hub, as devices of the door of approval speak it (`spotflow-device`): docs/protocol.md.

To the broker such a device is one like all others, by its device ID, access key and secret, which its credential holds:
`<device id>.<access key>.<access secret>`. What it says of its twin is answered here, since a broker could not keep
`$iothub/twin/res/#` apart between devices: each would hear the answers of all.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple, Self

from devices.mqtt import packets, topics
from devices.mqtt.packets import Connect, Packet, Publish, Type

if TYPE_CHECKING:
    from collections.abc import Callable

USERNAME = re.compile(r"[^/]*/(?P<id>[^/]+:[^/]+)/\?api-version=.*", re.ASCII | re.DOTALL)
CREDENTIAL = re.compile(r"(?P<device>[0-9a-f]{24})\.(?P<key>[0-9a-f]{32})\.(?P<secret>[0-9A-Za-z_-]{1,100})", re.ASCII)
TWIN_GET, TWIN_REPORTED = "$iothub/twin/GET/?", "$iothub/twin/PATCH/properties/reported/?"
REQUEST_ID = re.compile(r"(?:^|&)\$rid=([^&]{1,100})")
OWN = ("$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#", "$iothub/methods/POST/#")
TWIN = b'{"desired":{"$version":1},"reported":{"$version":1}}'
PADDING, BYTE_ORDER_MARK = b"\0 \t\r\n", b"\xef\xbb\xbf"
AWAY, REFUSALS = 3, (4, 5)  # codes of a CONNACK
NOT_AUTHORISED = 5
MOST_ASKED = 100


class Said(NamedTuple):
    """Hold what is said on to the broker and to the device; `ends`: and then the device is hung up on."""

    to_broker: tuple[Packet, ...] = ()
    to_device: tuple[Packet, ...] = ()
    ends: bool = False


class IotHub:
    """Speak to one device in its words, and to the broker in ours. No state outlives the connection."""

    def __init__(self, connect: Connect, own_id: str, credential: re.Match[str]) -> None:
        self._device_id = credential["device"]
        self._events = f"devices/{own_id}/messages/events/"
        self._commands = f"devices/{own_id}/messages/devicebound/"
        self._state = topics.build_topic(self._device_id, "state")
        self._command = topics.build_topic(self._device_id, "command")
        self._asked: dict[int, list[int | None]] = {}  # subscriptions: packet id -> codes, None the broker's
        self._reported: dict[int, str] = {}  # packet id -> request id
        own = connect._replace(client_id=self._device_id, username=credential["key"], password=credential["secret"])
        will_topic, will = self._translate(connect.will_topic, connect.will)
        self.connect = own._replace(will_topic=will_topic, will=will).build()

    @classmethod
    def greet(cls, connect: Connect) -> Self | Packet | None:
        """Return who interprets for this client, or what it is answered if nobody does; None if it speaks another
        language."""
        named = USERNAME.fullmatch(connect.username or "")
        if named is None:
            return None
        credential = CREDENTIAL.fullmatch(connect.password or "")
        if credential is None or named["id"] != connect.client_id:
            return packets.build_connack(NOT_AUTHORISED)
        return cls(connect, named["id"], credential)

    def look_first(self, packet: Packet) -> Callable[[], None] | None:
        """Return None: nothing is to be asked of the database."""
        return None

    # From the device ----------------------------------------------------------------------------

    def hear_device(self, packet: Packet) -> Said:
        """Return what is made of a packet of the device. Raises Malformed."""
        match packet.type:
            case Type.PUBLISH:
                return self._hear_message(Publish.read(packet))
            case Type.SUBSCRIBE:
                return self._hear_subscribe(packet)
            case Type.UNSUBSCRIBE:
                return self._hear_unsubscribe(packet)
            case Type.CONNECT:
                raise packets.Malformed("a second CONNECT")
        return Said(to_broker=(packet,))

    def _hear_message(self, message: Publish) -> Said:
        if message.topic.startswith(TWIN_GET):
            return self._answer_twin(message)
        if message.topic.startswith(TWIN_REPORTED):
            return self._report_twin(message)
        topic, payload = self._translate(message.topic, message.payload)
        return Said(to_broker=(message._replace(topic=topic, payload=payload).build(),))

    def _translate(self, topic: str, payload: bytes) -> tuple[str, bytes]:
        """Return what a message is to the broker, which refuses whatever is not the device's own."""
        return (self._state, build_report(payload)) if topic.startswith(self._events) else (topic, payload)

    def _answer_twin(self, message: Publish) -> Said:
        taken = (packets.build_answer(Type.PUBACK, message.packet_id),) if message.qos else ()
        return Said(to_device=(*taken, build_result(200, find_request(message.topic), TWIN)))

    def _report_twin(self, message: Publish) -> Said:
        """Let it be a report; it is answered once the broker took it."""
        request = find_request(message.topic)
        made = message._replace(topic=self._state, payload=build_report(message.payload)).build()
        if not message.qos:
            return Said(to_broker=(made,), to_device=(self._confirm(request),))
        if len(self._reported) >= MOST_ASKED:
            raise packets.Malformed("more reported properties than are taken at once")
        self._reported[message.packet_id] = request
        return Said(to_broker=(made,))

    def _confirm(self, request: str) -> Packet:
        return build_result(204, f"{request}&$version=2")

    def _hear_subscribe(self, packet: Packet) -> Said:
        packet_id, filters = packets.read_filters(packet, with_qos=True)
        wanted = [(self._name(topic), min(qos, 1)) for topic, qos in filters]
        codes = [qos if name in OWN else None for name, qos in wanted]
        if None not in codes:
            return Said(to_device=(packets.build_suback(packet_id, [code or 0 for code in codes]),))
        if len(self._asked) >= MOST_ASKED:
            raise packets.Malformed("more subscriptions than are taken at once")
        self._asked[packet_id] = codes
        asked = packets.build_subscribe(packet_id, [each for each in wanted if each[0] not in OWN])
        return Said(to_broker=(asked,))

    def _name(self, topic: str) -> str:
        return self._command if topic == f"{self._commands}#" else topic

    def _hear_unsubscribe(self, packet: Packet) -> Said:
        packet_id, filters = packets.read_filters(packet, with_qos=False)
        names = [name for name in (self._name(topic) for topic, _ in filters) if name not in OWN]
        if not names:
            return Said(to_device=(packets.build_answer(Type.UNSUBACK, packet_id),))
        return Said(to_broker=(packets.build_unsubscribe(packet_id, names),))

    # From the broker ----------------------------------------------------------------------------

    def hear_broker(self, packet: Packet) -> Said:
        """Return what is made of a packet of the broker. Raises Malformed."""
        match packet.type:
            case Type.CONNACK:
                return self._hear_connack(packet)
            case Type.SUBACK:
                return self._hear_suback(packet)
            case Type.PUBACK:
                request = self._reported.pop(int.from_bytes(packet.body[:2]), None)
                return Said(to_device=(packet, *([self._confirm(request)] if request is not None else [])))
            case Type.PUBLISH:
                message = Publish.read(packet)
                topic = self._commands if message.topic == self._command else message.topic
                return Said(to_device=(message._replace(topic=topic).build(),))
        return Said(to_device=(packet,))

    def _hear_connack(self, packet: Packet) -> Said:
        """Say why it is refused in the one code that makes these devices ask for a new credential; who is refused for a
        time alone is hung up on, since they would ask for one at that, too."""
        code = packet.body[1:2]
        if code == bytes([AWAY]):
            return Said(ends=True)
        if code and code[0] in REFUSALS:
            return Said(to_device=(packets.build_connack(NOT_AUTHORISED),), ends=True)
        return Said(to_device=(packet,))

    def _hear_suback(self, packet: Packet) -> Said:
        packet_id, codes = int.from_bytes(packet.body[:2]), iter(packet.body[2:])
        asked = self._asked.pop(packet_id, None)
        if asked is None:
            return Said(to_device=(packet,))
        told = [next(codes, packets.REFUSED) if code is None else code for code in asked]
        return Said(to_device=(packets.build_suback(packet_id, told),))


def build_report(payload: bytes) -> bytes:
    """Return the message as a report: the members of an object are its attributes, unless it is a report already. What
    is no JSON object passes as it is, so that it is dropped, and counted, for what it is."""
    bare = payload.strip(PADDING).removeprefix(BYTE_ORDER_MARK)
    try:
        sent = json.loads(bare.decode())
    except (ValueError, RecursionError):
        return payload
    if not isinstance(sent, dict) or isinstance(sent.get("data"), dict):
        return payload
    return b'{"data":' + bare + b"}"


def build_result(status: int, request: str, content: bytes = b"") -> Packet:
    return Publish(0, f"$iothub/twin/res/{status}/?$rid={request}", 0, content).build()


def find_request(topic: str) -> str:
    found = REQUEST_ID.search(topic.partition("?")[2])
    return found[1] if found else ""
