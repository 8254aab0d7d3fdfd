"""ThingsBoard's MQTT (`tb-mqtt-client`), as devices of the door of a shared token speak it: docs/protocol.md.

A device provisions in a session of its own; from then on the token that it got is its user name. What it asks of the
platform beside its reports is answered here.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings

from devices.broker.interpreter.by_token import ByToken, read_moments
from devices.broker.interpreter.callers import ask
from devices.mqtt import packets
from devices.mqtt.messages import MAX_BYTES
from devices.mqtt.packets import Malformed, Packet, Publish, Type
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.broker.interpreter.by_token import Command
    from devices.broker.interpreter.callers import Caller, Doors
    from devices.mqtt.packets import Connect

REQUEST, RESPONSE = "/provision/request", "/provision/response"
OWN = "v1/devices/me/"
TELEMETRY, ATTRIBUTES = f"{OWN}telemetry", f"{OWN}attributes"
_ASKED = re.compile(rf"{OWN}(?P<of>rpc|attributes)/(?P<way>request|response)/(?P<id>[0-9]{{1,10}})", re.ASCII)
NOT_FOUND = {"status": "NOT_FOUND", "errorMsg": "Provision data was not found!"}
FAILURE = {"status": "FAILURE", "errorMsg": "Failed to provision device!"}
IN_FLIGHT = 100


class ThingsBoard(ByToken):
    def __init__(self, connect: Connect, token: str, *, device_id: str, types: Mapping[str, str]) -> None:
        super().__init__(connect, token, device_id=device_id, types=types)
        self._commands = 0
        self._asked: dict[str, str] = {}  # the number of a call -> the id of its command, the oldest first

    def translate(self, topic: str, payload: bytes) -> list[bytes] | None:
        """Return a report for each moment: an object of values, or `{"ts", "values"}`, or a list of these. What is
        neither passes as it is, so that it is dropped, and counted, for what it is."""
        if (asked := _ASKED.fullmatch(topic)) and asked["id"] in self._asked:
            return [build_answer(self._asked[asked["id"]], payload)]
        if topic not in (TELEMETRY, ATTRIBUTES):
            return None
        moments = read_moments(payload) or read_moments(b"[" + payload + b"]") or []
        if not moments or not all(isinstance(each, dict) for each in moments):
            return [payload]
        return [json.dumps(read_moment(each)).encode() for each in moments]

    def answer(self, message: Publish) -> list[Publish] | None:
        """Answer what it asks of the platform: the limits of its session; that there are no shared attributes; that
        there is no other procedure. What it answers to a command is a report, of one without an id it is not kept."""
        asked = _ASKED.fullmatch(message.topic)
        if asked is None:
            return None
        if asked["way"] == "response":
            return None if asked["of"] == "rpc" and asked["id"] in self._asked else []
        answer = {} if asked["of"] == "attributes" else answer_call(message.payload)
        return [Publish(0, f"{OWN}{asked['of']}/response/{asked['id']}", 0, json.dumps(answer).encode())]

    def may_subscribe(self, name: str) -> bool:
        return name.startswith(OWN)

    def tell(self, command: Command) -> tuple[str, bytes]:
        """Return a command as a call of the procedure of its name."""
        number = self.count_command()
        if command.id:
            self._asked[str(number)] = command.id
        if len(self._asked) > IN_FLIGHT:
            del self._asked[next(iter(self._asked))]
        call = {"method": command.name, "params": {} if command.payload is None else command.payload}
        return f"{OWN}rpc/request/{number}", json.dumps(call).encode()

    def count_command(self) -> int:
        """Return the number of the next call of this connection."""
        self._commands += 1
        return self._commands


def build_answer(command: str, payload: bytes) -> bytes:
    """Return the report that says that a command is done, with what the device says of it."""
    answer: dict[str, Any] = {"id": command, "status": "done"}
    with suppress(ValueError, RecursionError):
        answer["result"] = json.loads(payload)
    return json.dumps({"data": {"commandAnswer": answer}}).encode()


def read_moment(moment: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(moment.get("values"), dict) and "ts" in moment:
        return {"data": moment["values"], "time": moment["ts"]}
    return {"data": moment}


def answer_call(payload: bytes) -> dict[str, Any]:
    try:
        method = json.loads(payload)["method"]
    except (ValueError, RecursionError, KeyError, TypeError):
        method = None
    if method != "getSessionLimits":
        return {"error": "There is no such procedure here."}
    pace = f"{settings.MQTT_TOPIC_LIMIT}:{round(settings.MQTT_LIMIT_SECONDS)}" if settings.MQTT_LIMITS else ""
    rates = {"messages": pace, "telemetryMessages": pace, "telemetryDataPoints": ""}
    return {"maxPayloadSize": MAX_BYTES, "maxInflightMessages": IN_FLIGHT, "rateLimits": rates}


class Newcomer:
    """Hear one device that has no credential yet, of one request."""

    def __init__(self) -> None:
        self._asked = False

    @classmethod
    def greet(cls, connect: Connect) -> Self | None:
        """Return who hears this client, if it comes to provision."""
        return (
            cls() if connect.username == "provision" and connect.password is None and not connect.will_topic else None
        )

    async def hear(self, packet: Packet, doors: Doors, caller: Caller) -> list[Packet] | None:
        """Return what a packet is answered; None where the device says that it goes. Raises Malformed."""
        match packet.type:
            case Type.PUBLISH:
                return await self._hear_message(Publish.read(packet), doors, caller)
            case Type.SUBSCRIBE:
                packet_id, filters = packets.read_filters(packet, with_qos=True)
                codes = [0 if name == RESPONSE else packets.REFUSED for name, _ in filters]
                return [packets.build_suback(packet_id, codes)]
            case Type.PINGREQ:
                return [Packet(Type.PINGRESP << 4, b"")]
            case Type.DISCONNECT:
                return None
        raise Malformed("a session that provisions only asks for a token")

    async def _hear_message(self, message: Publish, doors: Doors, caller: Caller) -> list[Packet]:
        if message.topic != REQUEST or message.qos > 1 or self._asked:
            raise Malformed("a session that provisions asks once for a token")
        self._asked = True
        try:
            sent = json.loads(message.payload)
        except (ValueError, RecursionError):
            sent = None
        if not isinstance(sent, dict):
            raise Malformed("no JSON object")
        try:
            token = await ask(partial(doors.provision, sent, caller))
            told = {"status": "SUCCESS", "credentialsType": "ACCESS_TOKEN", "credentialsValue": token}
        except Refusal as refusal:
            told = NOT_FOUND if refusal.status == 401 else FAILURE
        taken = [packets.build_answer(Type.PUBACK, message.packet_id)] if message.qos else []
        return [*taken, Publish(0, RESPONSE, 0, json.dumps(told).encode()).build()]
