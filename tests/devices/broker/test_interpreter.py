"""What an interpreter makes of the packets of devices that speak the MQTT of Azure's IoT Hub, byte for byte as seen."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from devices.broker.interpreter import iot_hub
from devices.broker.interpreter.iot_hub import IotHub, Said
from devices.broker.interpreter.relay import find_interpreter
from devices.mqtt import packets
from devices.mqtt.packets import Connect, Malformed, Packet, Publish, Type, read_packet

if TYPE_CHECKING:
    from collections.abc import Callable

DEVICE, KEY, SECRET = "0123456789abcdef01234567", "f" * 32, "S-_" * 14 + "s"
STATE, COMMAND = f"devices/{DEVICE}/state", f"devices/{DEVICE}/command"
OWN = "devices/ws1:dev-0001/messages"
TWIN = "$iothub/twin/GET/?$rid=fd6c77ad"
FILTERS = [("$iothub/twin/res/#", 1), ("$iothub/twin/PATCH/properties/desired/#", 1), (f"{OWN}/devicebound/#", 1)]


def connect(**other: object) -> Packet:
    """The CONNECT of spotflow-device 2.1.1: clean session 0, keep alive 300 s."""
    user = "mqtt.example/ws1:dev-0001/?api-version=2018-06-30"
    said = Connect(0xC0, 300, "ws1:dev-0001", "", b"", user, f"{DEVICE}.{KEY}.{SECRET}")
    return said._replace(**other).build()  # type: ignore[arg-type]


def greet(packet: Packet | None = None) -> IotHub:
    found = find_interpreter(packet or connect())
    assert isinstance(found, IotHub)
    return found


def publish(topic: str, payload: bytes = b"", qos: int = 1, packet_id: int = 7) -> Packet:
    return Publish(qos << 1, topic, packet_id if qos else 0, payload).build()


def to_broker(said: Said) -> Publish:
    [packet] = said.to_broker
    assert not said.to_device
    return Publish.read(packet)


def test_to_the_broker_it_is_a_device_like_all_others() -> None:
    captured = connect()
    assert captured.encode().startswith(b"\x10\xb2\x01\x00\x04MQTT\x04\xc0\x01,\x00\x0cws1:dev-0001")
    told = Connect.read(greet(captured).connect)
    assert told is not None
    assert (told.client_id, told.username, told.password) == (DEVICE, KEY, SECRET)
    assert (told.flags, told.keep_alive, told.will_topic) == (0xC0, 300, "")


def test_its_will_is_a_report_too() -> None:
    will = connect(flags=0xC0 | packets.WILL | 0x08, will_topic=f"{OWN}/events/", will=b'{"engineState":"lost"}')
    told = Connect.read(greet(will).connect)
    assert told is not None
    assert (told.will_topic, told.will, told.flags) == (STATE, b'{"data":{"engineState":"lost"}}', 0xCC)


@pytest.mark.parametrize(
    "other",
    [
        {"username": KEY, "client_id": DEVICE, "password": SECRET},
        {"username": None, "password": None},
        {"username": "mqtt.example/dev-0001/?api-version=2021-04-12"},  # of a hub without organisations
    ],
)
def test_who_speaks_another_language_needs_no_interpreter(other: dict[str, object]) -> None:
    assert find_interpreter(connect(**other)) is None


@pytest.mark.parametrize("raw", [b"", b"\x00\x04MQ", b"\x00\x04MQTT\x04\xc0\x00", b"\x00\x04MQTT\x05\xc2\x00\x3c\x00"])
def test_what_is_no_connect_of_its_is_left_to_the_broker(raw: bytes) -> None:
    assert find_interpreter(Packet(0x10, raw)) is None


@pytest.mark.parametrize(
    "other",
    [
        {"password": f"{KEY}.{SECRET}"},
        {"password": "SharedAccessSignature sr=x&sig=y&se=1"},
        {"password": None},
        {"client_id": "ws1:dev-0002"},
        {"client_id": DEVICE},
    ],
)
def test_a_credential_that_is_none_is_refused_in_its_words(other: dict[str, object]) -> None:
    assert find_interpreter(connect(**other)) == Packet(0x20, b"\x00\x05")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (b'{"rpm": 1800.5}', {"data": {"rpm": 1800.5}}),
        (b'{"data": {"rpm": 1}, "time": 5}', {"data": {"rpm": 1}, "time": 5}),
        (b'{"data": 5}', {"data": {"data": 5}}),
        (b"\xef\xbb\xbf{}\r\n\0", {"data": {}}),
        (b'{"x": NaN, "y": "\xc3\xbc"}', {"data": {"x": pytest.approx(float("nan"), nan_ok=True), "y": "ü"}}),
    ],
)
def test_a_message_is_a_report(sent: bytes, stored: object) -> None:
    topic = f"{OWN}/events/stream-group-name=group&stream-name=stream"
    made = to_broker(greet().hear_device(publish(topic, sent)))
    assert (made.topic, made.packet_id, made.qos) == (STATE, 7, 1)
    assert json.loads(made.payload) == stored


@pytest.mark.parametrize("sent", [b"", b"\xff", b"[1]", b"5", b"{", b"[" * 100_000, b"{\x00}"])
def test_what_is_no_object_passes_as_it_is_and_is_counted_for_what_it_is(sent: bytes) -> None:
    assert to_broker(greet().hear_device(publish(f"{OWN}/events/", sent))).payload == sent


@pytest.mark.parametrize("topic", ["devices/ws1:dev-0002/messages/events/", "devices/x/state", "$SYS/x", f"{OWN}/x"])
def test_anothers_topic_is_for_the_broker_to_refuse(topic: str) -> None:
    sent = publish(topic, b"{}")
    assert greet().hear_device(sent) == Said(to_broker=(sent,))


def test_flags_of_a_message_are_kept() -> None:
    repeated = Packet(0x3B, publish(f"{OWN}/events/", b"{}").body)  # DUP, QoS 1, RETAIN
    assert to_broker(greet().hear_device(repeated)).flags == 0xB


@pytest.mark.parametrize("qos", [0, 1])
def test_its_twin_is_answered_at_once(qos: int) -> None:
    said = greet().hear_device(publish(TWIN, qos=qos))
    assert not said.to_broker
    *taken, answer = said.to_device
    assert taken == ([Packet(0x40, b"\x00\x07")] if qos else [])
    assert Publish.read(answer) == Publish(0, "$iothub/twin/res/200/?$rid=fd6c77ad", 0, iot_hub.TWIN)


def test_what_it_reports_of_its_twin_is_a_report_and_is_confirmed_once_it_was_taken() -> None:
    hub = greet()
    topic = "$iothub/twin/PATCH/properties/reported/?$rid=r1"
    assert to_broker(hub.hear_device(publish(topic, b'{"rpm":1}'))).payload == b'{"data":{"rpm":1}}'
    puback = Packet(0x40, b"\x00\x07")
    assert hub.hear_broker(Packet(0x40, b"\x00\x08")) == Said(to_device=(Packet(0x40, b"\x00\x08"),))
    taken, confirmed = hub.hear_broker(puback).to_device
    assert (taken, Publish.read(confirmed).topic) == (puback, "$iothub/twin/res/204/?$rid=r1&$version=2")
    assert hub.hear_broker(puback).to_device == (puback,)


def test_what_it_reports_of_its_twin_without_waiting_is_confirmed_at_once() -> None:
    said = greet().hear_device(publish("$iothub/twin/PATCH/properties/reported/?$rid=r1", b'{"rpm":1}', qos=0))
    assert [Publish.read(each) for each in said.to_broker] == [Publish(0, STATE, 0, b'{"data":{"rpm":1}}')]
    assert [Publish.read(each).topic for each in said.to_device] == ["$iothub/twin/res/204/?$rid=r1&$version=2"]


@pytest.mark.parametrize(
    ("query", "request_id"),
    [("$rid=7", "7"), ("$version=1&$rid=7", "7"), ("$rid=a-b&x=1", "a-b"), ("", ""), ("rid=7", ""), ("x$rid=7", "")],
)
def test_an_answer_names_the_request(query: str, request_id: str) -> None:
    [answer] = greet().hear_device(publish(f"$iothub/twin/GET/?{query}", qos=0)).to_device
    assert Publish.read(answer).topic == f"$iothub/twin/res/200/?$rid={request_id}"


@pytest.mark.parametrize(
    "packet",
    [Packet(0xC0, b""), Packet(0xE0, b""), packets.build_answer(Type.PUBACK, 9), publish("elsewhere", b"x")],
    ids=["ping", "end", "acknowledgement", "elsewhere"],
)
def test_all_else_passes_as_it_came(packet: Packet) -> None:
    assert greet().hear_device(packet) == Said(to_broker=(packet,))
    assert greet().hear_broker(packet) == Said(to_device=(packet,))
    assert greet().look_first(packet) is None


def test_qos_2_is_granted_as_1() -> None:
    asked = [("$iothub/methods/POST/#", 2), ("$iothub/twin/res/#", 1)]
    assert greet().hear_device(packets.build_subscribe(2, asked)) == Said(to_device=(packets.build_suback(2, [1, 1]),))


def test_a_suback_that_nobody_asked_for_passes_and_one_that_is_short_grants_nothing() -> None:
    hub = greet()
    assert hub.hear_broker(packets.build_suback(9, [0])).to_device == (packets.build_suback(9, [0]),)
    hub.hear_device(packets.build_subscribe(1, FILTERS))
    assert hub.hear_broker(packets.build_suback(1, [])).to_device == (packets.build_suback(1, [1, 1, 0x80]),)


def test_subscriptions_of_its_own_are_granted_here_and_commands_by_the_broker() -> None:
    hub = greet()
    [asked] = hub.hear_device(packets.build_subscribe(1, FILTERS)).to_broker
    assert packets.read_filters(asked, with_qos=True) == (1, [(COMMAND, 1)])
    assert hub.hear_broker(packets.build_suback(1, [0x80])).to_device == (packets.build_suback(1, [1, 1, 0x80]),)
    said = hub.hear_device(packets.build_subscribe(2, [("$iothub/methods/POST/#", 0)]))
    assert said == Said(to_device=(packets.build_suback(2, [0]),))
    [foreign] = hub.hear_device(packets.build_subscribe(3, [("devices/+/command", 1)])).to_broker
    assert packets.read_filters(foreign, with_qos=True) == (3, [("devices/+/command", 1)])
    [ended] = hub.hear_device(packets.build_unsubscribe(4, [topic for topic, _ in FILTERS])).to_broker
    assert packets.read_filters(ended, with_qos=False) == (4, [(COMMAND, 0)])
    local = hub.hear_device(packets.build_unsubscribe(5, ["$iothub/twin/res/#"]))
    assert local == Said(to_device=(packets.build_answer(Type.UNSUBACK, 5),))


def test_a_command_comes_under_its_own_name() -> None:
    [told] = greet().hear_broker(publish(COMMAND, b'{"name":"restart"}', packet_id=9)).to_device
    assert Publish.read(told) == Publish(2, f"{OWN}/devicebound/", 9, b'{"name":"restart"}')


@pytest.mark.parametrize(
    ("code", "told", "ends"), [(0, [0], False), (4, [5], True), (5, [5], True), (3, [], True), (2, [2], False)]
)
def test_a_refusal_is_said_so_that_it_asks_for_a_credential_only_where_one_helps(
    code: int, told: list[int], ends: bool
) -> None:
    said = greet().hear_broker(packets.build_connack(code))
    assert said == Said(to_device=tuple(packets.build_connack(each) for each in told), ends=ends)


@pytest.mark.parametrize(
    "packet",
    [Packet(0x32, b"\x00\x09abc"), Packet(0x82, b"\x00"), Packet(0x82, b"\x00\x01\x00\x01a"), connect()],
)
def test_broken_packets_end_the_connection(packet: Packet) -> None:
    with pytest.raises(Malformed):
        greet().hear_device(packet)


@pytest.mark.parametrize("reports", [False, True])
def test_one_that_never_waits_for_answers_is_ended(reports: bool) -> None:
    hub = greet()

    def ask(number: int) -> Said:
        if reports:
            topic = "$iothub/twin/PATCH/properties/reported/?$rid=1"
            return hub.hear_device(publish(topic, b"{}", packet_id=number))
        return hub.hear_device(packets.build_subscribe(number, FILTERS))

    for number in range(1, iot_hub.MOST_ASKED + 1):
        ask(number)
    with pytest.raises(Malformed):
        ask(number + 1)


# Packets ---------------------------------------------------------------------------------------


def feed(data: bytes) -> Callable[[int], object]:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader.readexactly


def read(data: bytes, most: int = 1 << 20) -> Packet:
    async def call() -> Packet:
        return await read_packet(feed(data), most)  # type: ignore[arg-type]

    return asyncio.run(call())


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 300_000])
def test_lengths_are_read_as_they_are_written(length: int) -> None:
    packet = Packet(0x30, b"x" * length)
    assert read(packet.encode()) == packet


def test_a_packet_that_is_too_large_is_not_read() -> None:
    with pytest.raises(Malformed, match="300"):
        read(Packet(0x30, b"x" * 300).encode(), most=299)
    with pytest.raises(Malformed, match="four bytes"):
        read(b"\x30\xff\xff\xff\xff\x01")
    with pytest.raises(asyncio.IncompleteReadError):
        read(b"\x30\x05abc")
