"""MQTT 5 towards a device is what the standard says of it, and 3.1.1 what the interpreter hears."""

from __future__ import annotations

import pytest

from devices.broker.interpreter.iot_hub import Said
from devices.broker.interpreter.plain import Plain
from devices.broker.interpreter.version5 import Version5, read_connect, say_next
from devices.mqtt import packets
from devices.mqtt.packets import Connect, Malformed, Packet, Publish, Type

HEAD = b"\x00\x04MQTT\x05"
EXPIRY = b"\x05\x11\x00\x00\x00\x3c"  # a session that lasts a minute
TOPIC = b"\x00\x03a/b"


def field(data: bytes) -> bytes:
    return len(data).to_bytes(2) + data


@pytest.mark.parametrize("properties", [b"\x00", EXPIRY, b"\x80\x01" + b"\x26" + field(b"n" * 60) + field(b"v" * 63)])
def test_a_connect_is_read_without_its_properties(properties: bytes) -> None:
    will = b"\x05\x02\x00\x00\x00\x07" + field(b"gone/to") + field(b"bye")
    flags = packets.WILL | packets.USERNAME | packets.PASSWORD | packets.CLEAN
    account = field(b"user") + field(b"secret")
    body = HEAD + bytes([flags]) + b"\x00\x3c" + properties + field(b"client") + will + account
    assert read_connect(Packet(0x10, body)) == Connect(flags, 60, "client", "gone/to", b"bye", "user", "secret")


def test_nothing_that_may_be_missing_is_needed() -> None:
    bare = Packet(0x10, HEAD + b"\x02\x00\x0a\x00" + field(b""))
    assert read_connect(bare) == Connect(2, 10, "", "", b"", None, None)


@pytest.mark.parametrize(
    "packet",
    [
        Packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"),
        Packet(0x10, b"\x00\x06MQIsdp\x03\x02\x00\x0a\x00\x00"),
        Packet(0x30, HEAD + b"\x02\x00\x0a\x00\x00\x00"),
    ],
    ids=["3.1.1", "3.1", "no CONNECT"],
)
def test_of_another_version_it_is_none(packet: Packet) -> None:
    assert read_connect(packet) is None


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b"\x02\x00",
        b"\x02\x00\x0a",
        b"\x02\x00\x0a\x05\x11",
        b"\x02\x00\x0a\xff\xff\xff\xff\x01",
        b"\x04\x00\x0a\x00\x00\x00",
    ],
)
def test_one_that_ends_too_early_is_malformed(rest: bytes) -> None:
    with pytest.raises(Malformed):
        read_connect(Packet(0x10, HEAD + rest))


@pytest.mark.parametrize(
    ("code", "said"),
    [(0, 0x00), (1, 0x84), (2, 0x85), (3, 0x88), (4, 0x86), (5, 0x87), (6, 0x80), (255, 0x80)],
)
@pytest.mark.parametrize("session", [0, 1])
def test_a_refusal_is_said_in_the_reasons_of_mqtt_5(code: int, said: int, session: int) -> None:
    assert say_next(Packet(0x20, bytes([session, code]))) == Packet(0x20, bytes([session, said, 0]))


@pytest.mark.parametrize(
    ("packet", "said"),
    [
        (packets.build_suback(7, [0, 1, 0x80]), "90060007000001" + "80"),
        (packets.build_answer(Type.UNSUBACK, 7), "b00400070000"),
        (packets.build_answer(Type.PUBACK, 7), "40020007"),
        (Publish(0, "a/b", 0, b"x").build(), "3007" + TOPIC.hex() + "0078"),
        (Publish(2, "a/b", 7, b"").build(), "3208" + TOPIC.hex() + "000700"),
        (Packet(0xD0, b""), "d000"),
    ],
    ids=["SUBACK", "UNSUBACK", "PUBACK", "QoS 0", "QoS 1", "PINGRESP"],
)
def test_what_is_said_has_no_properties(packet: Packet, said: str) -> None:
    assert say_next(packet).encode().hex() == said


def speak() -> Version5:
    return Version5(Plain(packets.build_connack(0)))


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        (Packet(0x30, TOPIC + b"\x00payload"), Publish(0, "a/b", 0, b"payload").build()),
        (Packet(0x3B, TOPIC + b"\x00\x07\x05\x02\x00\x00\x00\x3cx"), Publish(0b1011, "a/b", 7, b"x").build()),
        (Packet(0x82, b"\x00\x07\x00" + TOPIC + b"\x2d"), packets.build_subscribe(7, [("a/b", 1)])),
        (Packet(0x82, b"\x00\x07\x02\x0b\x01" + TOPIC + b"\x00"), packets.build_subscribe(7, [("a/b", 0)])),
        (Packet(0xA2, b"\x00\x07\x00" + TOPIC + TOPIC), packets.build_unsubscribe(7, ["a/b", "a/b"])),
        (Packet(0x40, b"\x00\x07"), packets.build_answer(Type.PUBACK, 7)),
        (Packet(0x40, b"\x00\x07\x10\x00"), packets.build_answer(Type.PUBACK, 7)),
        (Packet(0xE0, b""), Packet(0xE0, b"")),
        (Packet(0xE0, b"\x04\x05\x11\x00\x00\x00\x00"), Packet(0xE0, b"")),
        (Packet(0xC0, b""), Packet(0xC0, b"")),
    ],
    ids=[
        "message",
        "with properties",
        "options",
        "identifier",
        "unsubscribe",
        "ack",
        "ack with reason",
        "end",
        "end with will",
        "ping",
    ],
)
def test_what_a_device_says_is_heard_as_3_1_1(sent: Packet, heard: Packet) -> None:
    assert speak().hear_device(sent) == Said(to_broker=(heard,))


@pytest.mark.parametrize(
    "sent",
    [
        Packet(0x30, b"\x00\x00\x03\x23\x00\x01x"),
        Packet(0x30, TOPIC),
        Packet(0x32, TOPIC + b"\x00"),
        Packet(0x82, b"\x00\x07\x00" + TOPIC),
        Packet(0x82, b"\x00"),
        Packet(0x40, b"\x00"),
    ],
    ids=["alias", "no properties", "half an id", "no options", "no id", "half an ack"],
)
def test_what_is_none_ends_the_connection(sent: Packet) -> None:
    with pytest.raises(Malformed):
        speak().hear_device(sent)


def test_an_unsubscription_is_answered_topic_by_topic() -> None:
    speaking = speak()
    speaking.hear_device(Packet(0xA2, b"\x00\x07\x00" + TOPIC * 3))
    speaking.hear_device(Packet(0xA2, b"\x00\x08\x00" + TOPIC))
    for number, codes in ((8, bytes(1)), (7, bytes(3)), (7, bytes(1))):  # answered once more: of none it is known
        said = speaking.hear_broker(packets.build_answer(Type.UNSUBACK, number))
        assert said.to_device == (Packet(0xB0, bytes([0, number, 0]) + codes),)
