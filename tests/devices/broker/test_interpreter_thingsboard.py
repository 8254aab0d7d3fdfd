"""What an interpreter makes of the packets of ThingsBoard's devices, byte for byte as tb-mqtt-client sends them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from devices.broker.interpreter.callers import Caller, Doors
from devices.broker.interpreter.iot_hub import Said
from devices.broker.interpreter.relay import find_interpreter
from devices.broker.interpreter.thingsboard import Newcomer, ThingsBoard
from devices.broker.interpreter.token_holders import TokenHolder
from devices.broker.interpreter.version5 import Version5, read_connect
from devices.credentials.tokens import derive_access_key
from devices.mqtt import packets
from devices.mqtt.packets import Connect, Malformed, Packet, Publish
from lib.refusals import Refusal
from provisioning.doors.refusals import DOOR_REGISTERED, DOOR_UNKNOWN

DEVICE, TOKEN = "0123456789abcdef01234567", "a1" * 20
STATE, COMMAND = f"devices/{DEVICE}/state", f"devices/{DEVICE}/command"
NEWCOMER = Packet(0x10, b"\x00\x04MQTT\x04\x82\x00<\x00\x00\x00\tprovision")  # as captured
REQUEST = b'{"provisionDeviceKey":"provkey","provisionDeviceSecret":"provsecret","deviceName":"SN-0001"}'
ASKS = Packet(0x30, b"\x00\x12/provision/request" + REQUEST)
NEXT = Packet(0x10, b"\x00\x04MQTT\x05\x82\x00x\x00\x00\x00\x00(" + TOKEN.encode())
FORMER = Packet(0x10, b"\x00\x04MQTT\x04\x82\x00x\x00\x00\x00(" + TOKEN.encode())


def greet(packet: Packet = NEXT) -> Version5 | ThingsBoard:
    found = find_interpreter(packet)
    assert isinstance(found, TokenHolder)
    assert issubclass(found.speaks, ThingsBoard)
    interpreter = ThingsBoard(found.connect, found.token, device_id=DEVICE, types={})
    return Version5(interpreter) if found.is_next else interpreter


def hear(session: Newcomer, packet: Packet, provision: Any = lambda sent, caller: TOKEN) -> list[Packet] | None:
    return asyncio.run(session.hear(packet, Doors(provision, provision, provision), Caller("192.0.2.1")))


def publish(topic: str, payload: bytes = b"", packet_id: int = 5) -> Packet:
    """At QoS 1, in MQTT 5."""
    return Publish(2, topic, packet_id, b"\x00" + payload).build()


def read_reports(said: Said) -> list[Any]:
    made = [Publish.read(packet) for packet in said.to_broker]
    assert {each.topic for each in made} == {STATE}
    return [json.loads(each.payload) for each in made]


def test_one_that_comes_to_provision_is_told_its_token() -> None:
    session = find_interpreter(NEWCOMER)
    assert isinstance(session, Newcomer)
    subscribes = Packet(0x82, b"\x00\x01\x00\x13/provision/response\x00")
    assert hear(session, subscribes) == [Packet(0x90, b"\x00\x01\x00")]
    asked: list[Any] = []

    def tell(*said: Any) -> str:
        asked.append(said)
        return TOKEN

    answers = hear(session, ASKS, tell)
    assert asked == [(json.loads(REQUEST), Caller("192.0.2.1"))]
    assert answers is not None
    [answer] = answers
    told = Publish.read(answer)
    assert (told.topic, told.qos) == ("/provision/response", 0)
    assert json.loads(told.payload) == {
        "status": "SUCCESS",
        "credentialsType": "ACCESS_TOKEN",
        "credentialsValue": TOKEN,
    }
    with pytest.raises(Malformed):  # each session asks once
        hear(session, ASKS)


@pytest.mark.parametrize(
    ("refusal", "status", "words"),
    [
        (Refusal(DOOR_UNKNOWN), "NOT_FOUND", "Provision data was not found!"),
        (Refusal(DOOR_REGISTERED), "FAILURE", "Failed to provision device!"),
    ],
)
def test_a_refusal_is_told_in_the_vendors_words(refusal: Refusal, status: str, words: str) -> None:
    def refuse(*_: Any) -> str:
        raise refusal

    answers = hear(Newcomer(), ASKS, refuse)
    assert answers is not None
    assert json.loads(Publish.read(answers[0]).payload) == {"status": status, "errorMsg": words}


@pytest.mark.parametrize(
    "packet",
    [
        Publish(0, "v1/devices/me/telemetry", 0, b"{}").build(),
        Publish(0, "/provision/request", 0, b"[]").build(),
        Publish(0, "/provision/request", 0, b"{").build(),
        NEWCOMER,
    ],
)
def test_nothing_else_is_heard_of_it(packet: Packet) -> None:
    with pytest.raises(Malformed):
        hear(Newcomer(), packet, lambda *_: pytest.fail("was asked"))
    assert hear(Newcomer(), packets.build_subscribe(1, [("#", 1)])) == [Packet(0x90, b"\x00\x01\x80")]


@pytest.mark.parametrize("greeting", [NEXT, FORMER])
def test_to_the_broker_it_is_a_device_like_all_others(greeting: Packet) -> None:
    told = Connect.read(greet(greeting).connect)
    assert told is not None
    assert (told.client_id, told.username, told.password) == (DEVICE, derive_access_key(TOKEN), TOKEN)
    assert (told.flags, told.keep_alive) == (0xC2, 120)


def test_who_speaks_mqtt_5_otherwise_needs_no_interpreter() -> None:
    for packet in (
        Packet(0x10, b"\x00\x04MQTT\x05\xc2\x00x\x00\x00\x00\x00\x01a\x00\x01b"),
        Packet(0x10, b"\x00\x04MQTT\x05\x82\x00x\x00\x00\x00\x00\x05TOKEN"),
        Packet(0x10, b"\x00\x04MQTT\x05\x82\x00x\xff\xff\xff\xff"),
    ):
        assert find_interpreter(packet) is None
    will = b"\x00\x04MQTT\x05\x06\x00x\x05\x11\x00\x00\x00\x01\x00\x01c\x00\x00\x01t\x00\x01w"
    assert read_connect(Packet(0x10, will)) == Connect(6, 120, "c", "t", b"w", None, None)


@pytest.mark.parametrize(
    ("topic", "sent", "reports"),
    [
        ("telemetry", [{"temperature": 41.9, "on": False}], [{"data": {"temperature": 41.9, "on": False}}]),
        ("telemetry", {"temperature": 42}, [{"data": {"temperature": 42}}]),
        ("telemetry", {"ts": 17e11, "values": {"t": 1}}, [{"data": {"t": 1}, "time": 17e11}]),
        (
            "telemetry",
            [{"ts": 1, "values": {"t": 1}}, {"ts": 2, "values": {"t": 2}}],
            [{"data": {"t": 1}, "time": 1}, {"data": {"t": 2}, "time": 2}],
        ),
        ("attributes", {"firmwareVersion": "1"}, [{"data": {"firmwareVersion": "1"}}]),
    ],
)
def test_telemetry_and_attributes_are_reports(topic: str, sent: Any, reports: Any) -> None:
    interpreter = greet()
    said = interpreter.hear_device(publish(f"v1/devices/me/{topic}", json.dumps(sent).encode()))
    assert read_reports(said) == reports
    answers = [interpreter.hear_broker(Packet(0x40, each.body[2 + len(STATE) :][:2])) for each in said.to_broker]
    assert answers[-1] == Said(to_device=(Packet(0x40, b"\x00\x05"),))
    assert set(answers[:-1]) <= {Said()}


@pytest.mark.parametrize("sent", [b"", b"{", b"5", b"[1]", b"[]", b'"x"', b"\xff", b"[" * 100_000])
def test_what_is_no_telemetry_passes_as_it_is_and_is_counted_for_what_it_is(sent: bytes) -> None:
    [packet] = greet().hear_device(publish("v1/devices/me/telemetry", sent)).to_broker
    assert (Publish.read(packet).topic, Publish.read(packet).payload) == (STATE, sent)


def test_what_it_asks_of_the_platform_is_answered_so_that_it_goes_on() -> None:
    call = b'{"method":"getSessionLimits","params":{"timeout":5000}}'
    said = greet().hear_device(publish("v1/devices/me/rpc/request/1", call))
    assert not said.to_broker
    taken, answer = said.to_device
    assert taken == Packet(0x40, b"\x00\x05")
    told = Publish.read(answer)
    assert told.topic == "v1/devices/me/rpc/response/1"
    limits = json.loads(told.payload.removeprefix(b"\x00"))
    assert limits["maxInflightMessages"] == 100
    assert limits["rateLimits"]["messages"] == "30:15"
    shared = greet().hear_device(publish("v1/devices/me/attributes/request/7", b'{"sharedKeys":"a"}'))
    assert Publish.read(shared.to_device[1]) == Publish(0, "v1/devices/me/attributes/response/7", 0, b"\x00{}")
    other = greet().hear_device(publish("v1/devices/me/rpc/request/2", b'{"method":"x"}'))
    assert b"no such procedure" in Publish.read(other.to_device[1]).payload


def test_its_subscriptions_are_granted_and_others_are_not() -> None:
    sent = Packet(0x82, b"\x00\x04\x00\x00\x1cv1/devices/me/rpc/response/+\x01\x00\x15v1/gateway/attributes\x01")
    assert greet().hear_device(sent) == Said(to_device=(Packet(0x90, b"\x00\x04\x00\x01\x80"),))
    ends = Packet(0xA2, b"\x00\x05\x00\x00\x01a\x00\x01b")
    assert greet().hear_device(ends) == Said(to_device=(Packet(0xB0, b"\x00\x05\x00\x00\x00"),))


def test_a_command_is_a_call_and_its_answer_is_heard() -> None:
    interpreter = greet()
    sent = b'{"name": "restart", "payload": {"in": 5}, "time": {"$date": "2026-01-01T00:00:00.000Z"}}'
    [packet] = interpreter.hear_broker(Publish(2, COMMAND, 9, sent).build()).to_device
    told = Publish.read(packet)
    assert (told.topic, told.packet_id) == ("v1/devices/me/rpc/request/1", 9)
    assert json.loads(told.payload.removeprefix(b"\x00")) == {"method": "restart", "params": {"in": 5}}
    answered = interpreter.hear_device(publish("v1/devices/me/rpc/response/1", b'{"ok":true}'))
    assert answered == Said(to_device=(Packet(0x40, b"\x00\x05"),))


def test_the_answer_to_a_command_of_ours_is_its_end() -> None:
    interpreter = greet()
    sent = b'{"id": "c1", "name": "restart", "payload": null, "time": {"$date": "2026-01-01T00:00:00.000Z"}}'
    interpreter.hear_broker(Publish(2, COMMAND, 9, sent).build())
    for payload, result in ((b'{"ok":true}', {"result": {"ok": True}}), (b"x", {})):
        [report] = read_reports(interpreter.hear_device(publish("v1/devices/me/rpc/response/1", payload)))
        assert report == {"data": {"commandAnswer": {"id": "c1", "status": "done"} | result}}
    foreign = interpreter.hear_device(publish("v1/devices/me/rpc/response/2", b"{}"))
    assert foreign == Said(to_device=(Packet(0x40, b"\x00\x05"),))
    [asked] = interpreter.hear_device(publish("v1/devices/me/rpc/request/1", b"{}")).to_device[1:]
    assert "error" in json.loads(Publish.read(asked).payload.removeprefix(b"\x00"))


def test_the_next_version_is_spoken_to_the_device_alone() -> None:
    said = greet().hear_broker(Packet(0x20, b"\x00\x00"))
    assert said.to_device == (Packet(0x20, b"\x00\x00\x00"),)
    assert said.to_broker[0].body.endswith(COMMAND.encode() + b"\x01")
    assert greet().hear_broker(packets.build_connack(4)).to_device == (Packet(0x20, b"\x00\x87\x00"),)
    assert greet().hear_device(Packet(0x40, b"\x00\x09\x00\x00")).to_broker == (Packet(0x40, b"\x00\x09"),)
    assert greet().hear_device(Packet(0xE0, b"\x00\x00")).to_broker == (Packet(0xE0, b""),)
    with pytest.raises(Malformed):
        greet().hear_device(publish("", b"{}"))
    gateway = greet().hear_device(publish("v1/gateway/telemetry", b"{}"))
    assert [Publish.read(each).topic for each in gateway.to_broker] == ["v1/gateway/telemetry"]
