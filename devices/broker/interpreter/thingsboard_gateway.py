"""ThingsBoard's gateway API (`v1/gateway/…`): one device speaks for others, by their names, on its connection.

A name is the serial, in any writing, or the device ID, of a device that an admin tied to the gateway
(docs/decisions/0040). What it says for anybody else is acknowledged, dropped, and noted at the gateway: to hang up
would silence all that are behind it. To the broker the others' topics are theirs, so that what ends a tie ends this.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from devices import refusals
from devices.broker import refused_topics
from devices.broker.interpreter.by_token import MOST_MOMENTS, read_command
from devices.broker.interpreter.iot_hub import Said
from devices.broker.interpreter.thingsboard import IN_FLIGHT, ThingsBoard, build_answer, read_moment
from devices.identity import serials
from devices.models import Tie
from devices.mqtt import packets, topics
from devices.mqtt.packets import Malformed, Packet, Publish, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devices.mqtt.packets import Connect

API = "v1/gateway/"
TELEMETRY, ATTRIBUTES, RPC = f"{API}telemetry", f"{API}attributes", f"{API}rpc"
CONNECT, DISCONNECT = f"{API}connect", f"{API}disconnect"
ASKED, ANSWERED = f"{API}attributes/request", f"{API}attributes/response"
LOOK_AGAIN = 2.0
"""Seconds before the database is asked again about a name that is nobody's: who is tied now may be named as soon."""


class Spoken(NamedTuple):
    """Hold for whom a gateway speaks: device ID by folded serial, and by itself."""

    by_name: Mapping[str, str]
    serials: Mapping[str, str]

    @classmethod
    def read(cls, gateway: str) -> Spoken:
        """Return it of the gateway with this device ID, in one query."""
        ties = Tie.objects.standing().filter(gateway__device_id=gateway)
        rows = list(ties.values_list("device__serial", "device__device_id"))
        own = {device_id: device_id for _, device_id in rows}
        return cls(own | {serials.fold(serial): device_id for serial, device_id in rows}, {b: a for a, b in rows})

    def find(self, name: object) -> str | None:
        if not isinstance(name, str):
            return None
        return self.by_name.get(name) or self.by_name.get(serials.fold(name))


class Gateway(ThingsBoard):
    """Speak to one device, and to those behind it."""

    def __init__(self, connect: Connect, token: str, *, device_id: str, types: Mapping[str, str]) -> None:
        super().__init__(connect, token, device_id=device_id, types=types)
        self._device_id = device_id
        self._spoken = Spoken({}, {})
        self._looked_at = -LOOK_AGAIN
        self._connected: dict[str, str] = {}  # by device ID, the name that the gateway says
        self._calls: dict[int, tuple[str, str]] = {}  # the number of a call -> device ID, id of its command
        self._unanswered: set[int] = set()  # packet ids of what is subscribed here

    def may_subscribe(self, name: str) -> bool:
        return name.startswith(API) or super().may_subscribe(name)

    # What the database knows ----------------------------------------------------------------------

    def look_first(self, packet: Packet) -> Callable[[], None] | None:
        """Return what is to be asked before the packet is heard: for whom it speaks, if it names somebody unknown."""
        if packet.type != Type.PUBLISH:
            return None
        message = Publish.read(packet)
        if not message.topic.startswith(API) or time.monotonic() - self._looked_at < LOOK_AGAIN:
            return None
        named = list_names(message.topic, read_object(message.payload))
        return None if all(map(self._spoken.find, named)) else self._look

    def _look(self) -> None:
        self._spoken, self._looked_at = Spoken.read(self._device_id), time.monotonic()

    # From the gateway -----------------------------------------------------------------------------

    def hear_device(self, packet: Packet) -> Said:
        """Return what is made of a packet of the gateway. Raises Malformed."""
        if packet.type != Type.PUBLISH:
            return super().hear_device(packet)
        message = Publish.read(packet)
        if not message.topic.startswith(API):
            return super().hear_device(packet)
        if message.qos > 1:
            raise Malformed("QoS 2 is not spoken")
        sent = read_object(message.payload)
        if sent is None:  # dropped, and counted, for what it is
            return self.report(message, [(self._state, message.payload)])
        asked = self._keep_up(message.topic, sent)
        said = self.report(message, self._list_reports(message.topic, sent))
        answers = self._answer_attributes(sent) if message.topic == ASKED else ()
        return Said((*asked, *said.to_broker), (*said.to_device, *answers))

    def _keep_up(self, topic: str, sent: Mapping[str, Any]) -> list[Packet]:
        """Hear the commands of whom it names from now on, or of one no longer; note that it names somebody else."""
        asked = []
        for name in list_names(topic, sent):
            device_id = self._spoken.find(name)
            if device_id is None:
                refused_topics.note_refusal(self._device_id, refusals.SPEAKS_FOR_UNTIED)
            elif topic == DISCONNECT:
                if self._connected.pop(device_id, None) is not None:
                    command = topics.build_topic(device_id, "command")
                    asked.append(packets.build_unsubscribe(self._choose_unanswered(), [command]))
            else:
                if device_id not in self._connected:
                    command = topics.build_topic(device_id, "command")
                    asked.append(packets.build_subscribe(self._choose_unanswered(), [(command, 1)]))
                self._connected[device_id] = name
        return asked

    def _choose_unanswered(self) -> int:
        packet_id = self.choose_id(beside=self._unanswered)
        self._unanswered.add(packet_id)
        return packet_id

    def _list_reports(self, topic: str, sent: Mapping[str, Any]) -> list[tuple[str, bytes]]:
        """Return topic and payload of each report that a message is."""
        if topic == RPC:
            return self._answer_call(sent)
        reports = []
        for name, said in sent.items() if topic in (TELEMETRY, ATTRIBUTES) else ():
            if device_id := self._spoken.find(name):
                state = topics.build_topic(device_id, "state")
                for each in said if isinstance(said, list) else [said]:
                    report = read_moment(each) if isinstance(each, dict) else each
                    reports.append((state, json.dumps(report).encode()))
        if len(reports) > MOST_MOMENTS:
            raise Malformed("more moments than are taken at once")
        return reports

    def _answer_call(self, sent: Mapping[str, Any]) -> list[tuple[str, bytes]]:
        number, device_id = sent.get("id"), self._spoken.find(sent.get("device"))
        called = self._calls.get(number) if isinstance(number, int) else None
        if device_id is None or called is None or called[0] != device_id or not called[1]:
            return []  # a command without an id is not answered
        answer = build_answer(called[1], json.dumps(sent.get("data")).encode())
        return [(topics.build_topic(device_id, "state"), answer)]

    def _answer_attributes(self, sent: Mapping[str, Any]) -> tuple[Packet, ...]:
        """Say that there are no shared attributes."""
        answer: dict[str, Any] = {"id": sent.get("id"), "device": sent.get("device"), "values": {}}
        return (Publish(0, ANSWERED, 0, json.dumps(answer).encode()).build(),)

    # From the broker ------------------------------------------------------------------------------

    def hear_broker(self, packet: Packet) -> Said:
        """Return what is made of a packet of the broker. Raises Malformed."""
        if packet.type in (Type.SUBACK, Type.UNSUBACK) and int.from_bytes(packet.body[:2]) in self._unanswered:
            self._unanswered.discard(int.from_bytes(packet.body[:2]))
            return Said()
        if packet.type == Type.PUBLISH:
            message = Publish.read(packet)
            named = topics.parse_topic(message.topic)
            if named is not None and named.device_id != self._device_id:
                return Said(to_device=(self._call(named.device_id, message).build(),))
        return super().hear_broker(packet)

    def _call(self, device_id: str, message: Publish) -> Publish:
        """Return a command of one behind it as a call of the procedure of its name."""
        command, number = read_command(message.payload), self.count_command()
        self._calls[number] = device_id, command.id
        if len(self._calls) > IN_FLIGHT:
            del self._calls[next(iter(self._calls))]
        params = {} if command.payload is None else command.payload
        name = self._connected.get(device_id) or self._spoken.serials.get(device_id, device_id)
        call = {"device": name, "data": {"id": number, "method": command.name, "params": params}}
        return message._replace(topic=RPC, payload=json.dumps(call).encode())


def read_object(payload: bytes) -> dict[str, Any] | None:
    try:
        sent = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return sent if isinstance(sent, dict) else None


def list_names(topic: str, sent: Mapping[str, Any] | None) -> list[Any]:
    """Return whom a message is about: the keys of what is reported, else the member `device`."""
    if sent is None:
        return []
    if topic in (TELEMETRY, ATTRIBUTES):
        return list(sent)
    return [sent["device"]] if "device" in sent else []
