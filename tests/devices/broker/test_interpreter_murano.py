"""What an interpreter makes of the packets of devices that speak Exosite's MQTT, byte for byte as seen."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from devices.broker.interpreter import by_token
from devices.broker.interpreter.activation import Anonymous
from devices.broker.interpreter.callers import Caller, Doors
from devices.broker.interpreter.iot_hub import Said
from devices.broker.interpreter.murano import Murano
from devices.broker.interpreter.relay import find_interpreter
from devices.broker.interpreter.token_holders import TokenHolder
from devices.credentials.tokens import derive_access_key
from devices.mqtt import packets
from devices.mqtt.packets import Connect, Malformed, Packet, Publish, Type

DEVICE, TOKEN = "0123456789abcdef01234567", "b" * 40
STATE, COMMAND = f"devices/{DEVICE}/state", f"devices/{DEVICE}/command"
TYPES = {"rpm": "number", "running": "boolean", "engineState": "string"}
ANONYMOUS = Packet(0x10, b"\x00\x04MQTT\x04\x82\x01,\x00\x00\x00\x00")  # as captured
WITH_TOKEN = Packet(0x10, b"\x00\x04MQTT\x04\xc2\x01,\x00\x00\x00\x00\x00(" + TOKEN.encode())
PROVISION = Packet(0x32, b"\x00\x13$provision/00000001\x00\x01")


def greet(packet: Packet = WITH_TOKEN) -> Murano:
    found = find_interpreter(packet)
    assert isinstance(found, TokenHolder)
    return Murano(found.connect, found.token, device_id=DEVICE, types=TYPES)


def publish(topic: str, payload: bytes = b"", qos: int = 1, packet_id: int = 7) -> Packet:
    return Publish(qos << 1, topic, packet_id if qos else 0, payload).build()


def read_reports(said: Said) -> list[Any]:
    made = [Publish.read(packet) for packet in said.to_broker]
    assert {each.topic for each in made} == {STATE}
    return [json.loads(each.payload) for each in made]


def hear(packet: Packet, tells: Any = lambda identity, caller: TOKEN) -> list[Packet] | None:
    return asyncio.run(Anonymous().hear(packet, Doors(tells, tells, tells), Caller("192.0.2.1", "kanarra.example")))


def test_an_anonymous_session_is_pushed_its_token() -> None:
    assert find_interpreter(ANONYMOUS) == Anonymous()
    asked: list[Any] = []

    def tell(*said: Any) -> str:
        asked.append(said)
        return TOKEN

    answer = hear(PROVISION, tell)
    assert asked == [("00000001", Caller("192.0.2.1", "kanarra.example"))]
    assert answer == [
        Packet(0x40, b"\x00\x01"),
        Packet(0x30, b"\x00\x13$provision/00000001" + TOKEN.encode()),
    ]


def test_an_anonymous_session_may_do_nothing_else() -> None:
    assert hear(packets.build_subscribe(9, [("#", 1), ("$provision/1", 0)])) == [Packet(0x90, b"\x00\x09\x80\x80")]
    assert hear(Packet(0xC0, b"")) == [Packet(0xD0, b"")]
    assert hear(Packet(0xE0, b"")) is None
    for packet in (
        publish("$resource/rpm", b"1"),
        publish("$provision/"),
        publish("$provision/a\nb"),
        publish("$provision/" + "1" * 121),
        publish("$provision/1", b"a password of one's own"),
        publish("$provision/1", qos=2),
        ANONYMOUS,
    ):
        with pytest.raises(Malformed):
            hear(packet, lambda *_: pytest.fail("was asked"))


def test_to_the_broker_one_with_a_token_is_a_device_like_all_others() -> None:
    told = Connect.read(greet().connect)
    assert told is not None
    assert (told.client_id, told.username, told.password) == (DEVICE, derive_access_key(TOKEN), TOKEN)
    assert (told.flags, told.keep_alive) == (0xC2, 300)


@pytest.mark.parametrize("password", ["", "b" * 39, "B" * 40, "b" * 41, "z" * 40])
def test_what_can_be_no_token_is_refused(password: str) -> None:
    sent = Connect(0xC2, 300, "", "", b"", "", password).build()
    assert find_interpreter(sent) == Packet(0x20, b"\x00\x05")


@pytest.mark.parametrize("other", [{"username": None, "password": None}, {"username": "b" * 32}])
def test_who_speaks_another_language_needs_no_interpreter(other: dict[str, Any]) -> None:
    assert find_interpreter(Connect(0xC2, 300, "", "", b"", "", TOKEN)._replace(**other).build()) is None


@pytest.mark.parametrize(
    ("alias", "sent", "data"),
    [
        ("rpm", b"1800.5", 1800.5),
        ("rpm", b"fast", "fast"),
        ("running", b"1", True),
        ("engineState", b"\xc3\xbc", "ü"),
        ("engineState", b"\xfc", "ü"),
        ("engineState", b'{"a": 1}', '{"a": 1}'),
        ("nobody", b"1", "1"),
    ],
)
def test_a_write_is_a_report(alias: str, sent: bytes, data: object) -> None:
    said = greet().hear_device(publish(f"$resource/{alias}", sent))
    assert read_reports(said) == [{"data": {alias: data}}]


def test_a_batch_is_a_report_for_each_moment_and_acknowledged_once_all_were_taken() -> None:
    interpreter = greet()
    batch = [{"timestamp": 1700000000000000, "values": {"rpm": 1, "running": "1"}}, {"values": {"rpm": "2"}}, {"x": 1}]
    said = interpreter.hear_device(publish("$resource.batch", json.dumps(batch).encode(), packet_id=9))
    assert read_reports(said) == [
        {"data": {"rpm": 1, "running": True}, "time": 1700000000000000},
        {"data": {"rpm": 2}},
        {"x": 1},
    ]
    sent = [Publish.read(packet).packet_id for packet in said.to_broker]
    answers = [interpreter.hear_broker(packets.build_answer(Type.PUBACK, each)) for each in sent]
    assert len(set(sent)) == 3
    assert answers == [Said(), Said(), Said(to_device=(packets.build_answer(Type.PUBACK, 9),))]
    assert interpreter.hear_broker(packets.build_answer(Type.PUBACK, sent[0])) == Said()


@pytest.mark.parametrize(
    "sent", [b"", b"{", b"[]", b'{"values": {}}', b"[" * 100_000, json.dumps([1] * 2_001).encode()]
)
def test_what_is_no_batch_passes_as_it_is_and_is_counted_for_what_it_is(sent: bytes) -> None:
    [packet] = greet().hear_device(publish("$resource.batch", sent)).to_broker
    assert (Publish.read(packet).topic, Publish.read(packet).payload) == (STATE, sent)


def test_flags_of_a_message_are_kept_and_others_topics_are_for_the_broker_to_refuse() -> None:
    repeated = Packet(0x3B, publish("$resource/rpm", b"1").body)  # DUP, QoS 1, RETAIN
    [packet] = greet().hear_device(repeated).to_broker
    assert Publish.read(packet).flags == 0xB
    for topic in ("rpm", "$resource/", "$provision/1", STATE, "devices/x/state"):
        [packet] = greet().hear_device(publish(topic, b"1")).to_broker
        assert (Publish.read(packet).topic, Publish.read(packet).payload) == (topic, b"1")


def test_who_waits_for_too_many_acknowledgements_is_hung_up_on() -> None:
    interpreter = greet()
    for _ in range(by_token.MOST_WAITING + by_token.MOST_MOMENTS):
        interpreter.hear_device(publish("$resource/rpm", b"1"))
    with pytest.raises(Malformed):
        interpreter.hear_device(publish("$resource/rpm", b"1"))
    with pytest.raises(Malformed):
        greet().hear_device(publish("$resource/rpm", b"1", qos=2))


def test_its_commands_come_without_a_subscription() -> None:
    interpreter = greet()
    accepted = Packet(0x20, b"\x00\x00")
    said = interpreter.hear_broker(accepted)
    assert said.to_device == (accepted,)
    [asked] = said.to_broker
    packet_id, filters = packets.read_filters(asked, with_qos=True)
    assert filters == [(COMMAND, 1)]
    assert interpreter.hear_broker(packets.build_suback(packet_id, [1])) == Said()
    own = interpreter.hear_device(packets.build_subscribe(3, [("$resource/rpm", 2), ("#", 0)]))
    assert own == Said(to_device=(packets.build_suback(3, [1, 0x80]),))


@pytest.mark.parametrize(
    ("payload", "told"), [('"a"', b"a"), ('{"a": 1}', b'{"a": 1}'), ("null", b""), ("1.5", b"1.5"), ("true", b"true")]
)
def test_a_command_is_a_write_to_the_resource_of_its_name(payload: str, told: bytes) -> None:
    sent = f'{{"name": "set/rpm", "payload": {payload}, "time": {{"$date": "2026-01-01T00:00:00.123Z"}}}}'
    said = greet().hear_broker(publish(COMMAND, sent.encode(), packet_id=5))
    assert said == Said(to_device=(publish("$resource/set%2Frpm/1767225600123000", told, packet_id=5),))


@pytest.mark.parametrize("code", [4, 5])
def test_a_refused_connect_says_so_and_one_for_a_time_is_hung_up_on(code: int) -> None:
    assert greet().hear_broker(packets.build_connack(code)) == Said(to_device=(packets.build_connack(5),), ends=True)
    assert greet().hear_broker(packets.build_connack(3)) == Said(ends=True)
