"""Whatever a device or a broker sends, an interpreter hears it or says that it is malformed, and nothing else."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as some

from devices.broker.interpreter.activation import Anonymous
from devices.broker.interpreter.callers import Caller, Doors
from devices.broker.interpreter.proxied import read_header
from devices.broker.interpreter.relay import find_interpreter
from devices.broker.interpreter.thingsboard import Newcomer, ThingsBoard
from devices.broker.interpreter.token_holders import TokenHolder
from devices.broker.interpreter.version5 import Version5
from devices.mqtt import packets
from devices.mqtt.packets import Connect, Malformed, Packet, Publish, Type
from tests.devices.broker import test_interpreter as iot_hub
from tests.devices.broker import test_interpreter_murano as murano
from tests.devices.broker import test_interpreter_thingsboard as thingsboard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devices.broker.interpreter.plain import Interpreter

GREETERS: dict[str, Callable[[], Interpreter]] = {
    "iot-hub": iot_hub.greet,
    "murano": murano.greet,
    "thingsboard": thingsboard.greet,
    "thingsboard-3.1.1": lambda: thingsboard.greet(thingsboard.FORMER),
}
TOPICS = [
    "$iothub/twin/GET/?$rid=1",
    "$iothub/twin/PATCH/properties/reported/?$rid=\u00e9",
    f"{iot_hub.OWN}/events/",
    "$resource/rpm",
    "$resource.batch",
    "v1/devices/me/telemetry",
    "v1/devices/me/rpc/request/1",
    "/provision/request",
    "$provision/00000001",
    iot_hub.COMMAND,
    "",
]
DEEP = [before * depth + after * depth for before, after in ((b"[", b"]"), (b'{"a":', b"}")) for depth in (50, 5_000)]
ODD = [
    b'{"name":"\\ud800","payload":"\\ud800","time":{"$date":"2026-01-01T00:00:00Z"}}',
    b'{"name":"a","payload":1,"time":{"$date":"0001-01-01T00:00:00"}}',
    b'{"name":"a","payload":1,"time":{"$date":"9999-12-31T23:59:59-23:59"}}',
    b'{"provisionDeviceSecret":"\\ud800","deviceName":"\\u0000"}',
    b'[{"timestamp":1e999,"values":{"rpm":"9' + b"9" * 5_000 + b'"}}]',
    b'{"ts":NaN,"values":{"\\ud800":"\\ud800","a":1,"a":2}}',
    b"1" * 5_000,
    b"\xff\xfe[\x00]\x00",
    b"\x00",
    b"",
]
payloads = some.sampled_from([*DEEP, *ODD]) | some.binary(max_size=40)
heads = some.integers(0, 255)
texts = some.sampled_from(TOPICS) | some.text(some.characters(exclude_categories=["Cs"]), max_size=12)
publishes = some.builds(
    lambda flags, topic, number, payload: Publish(flags, topic, number, payload).build(),
    some.integers(0, 15),
    texts,
    some.integers(0, 0xFFFF),
    payloads,
)
asking = some.builds(
    lambda kind, number, name, rest: Packet(kind << 4 | 2, number.to_bytes(2) + packets.encode_field(name) + rest),
    some.sampled_from([Type.SUBSCRIBE, Type.UNSUBSCRIBE, Type.SUBACK, Type.UNSUBACK]),
    some.integers(0, 0xFFFF),
    texts,
    some.binary(max_size=8),
)
anything = some.builds(Packet, heads, some.binary(max_size=20))
heard = some.lists(some.tuples(some.booleans(), publishes | asking | anything), max_size=6)
fuzzed = bounds(max_examples=150, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("speaks", GREETERS)
@fuzzed
@given(said=heard)
def test_both_ends_are_heard_whatever_they_say(speaks: str, said: list[tuple[bool, Packet]]) -> None:
    interpreter = GREETERS[speaks]()
    for is_of_device, packet in said:
        hear = interpreter.hear_device if is_of_device else interpreter.hear_broker
        with suppress(Malformed):
            answer = hear(packet)
            assert all(each.encode() for each in (*answer.to_broker, *answer.to_device))


connects = some.builds(
    lambda level, flags, fields, rest: Packet(
        Type.CONNECT << 4,
        packets.NAME + bytes([level, flags, 0, 60]) + b"".join(map(packets.encode_field, fields)) + rest,
    ),
    some.sampled_from([3, 4, 5, 0x84]),
    heads,
    some.lists(texts | payloads.map(lambda each: each[:200]) | some.just(thingsboard.TOKEN), max_size=5),
    some.binary(max_size=6),
)


@fuzzed
@given(packet=connects | anything)
def test_whoever_greets_is_interpreted_for_or_not(packet: Packet) -> None:
    found = find_interpreter(packet)
    if isinstance(found, TokenHolder):
        made = found.speaks(found.connect, found.token, device_id=thingsboard.DEVICE, types=murano.TYPES)
        found = Version5(made) if found.is_next else made  # type: ignore[assignment]
    if isinstance(found, Anonymous | Newcomer):
        return
    made_of_it: Any = getattr(found, "connect", found)
    assert made_of_it is None or made_of_it.encode()


@pytest.mark.parametrize("kind", [Anonymous, Newcomer])
@fuzzed
@given(packet=publishes | asking | anything)
def test_who_has_no_credential_is_heard_whatever_it_says(kind: type[Anonymous | Newcomer], packet: Packet) -> None:
    tells: Any = lambda said, caller: thingsboard.TOKEN  # noqa: E731
    doors = Doors(tells, tells, tells)
    with suppress(Malformed):
        answers = asyncio.run(kind().hear(packet, doors, Caller("192.0.2.1")))
        assert answers is None or all(each.encode() for each in answers)


@fuzzed
@given(sent=some.binary(max_size=60), is_signed=some.booleans())
def test_a_stream_of_bytes_is_packets_or_not(sent: bytes, is_signed: bool) -> None:
    def read_from(stream: bytes) -> Callable[[int], Any]:
        at: Iterator[int] = iter(stream)

        async def read(size: int) -> bytes:
            taken = bytes(byte for byte, _ in zip(at, range(size), strict=False))
            if len(taken) < size:
                raise EOFError
            return taken

        return read

    head = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11" if is_signed else b""
    with suppress(Malformed, EOFError):
        asyncio.run(packets.read_packet(read_from(sent), 100))
    with suppress(Malformed, EOFError):
        asyncio.run(read_header(read_from(head + sent)))


@pytest.mark.parametrize("speaks", GREETERS)
def test_reports_of_any_depth_are_passed_on(speaks: str) -> None:
    """Where what can still be read can't be written any more, too."""
    for depth in range(900, 1_001, 3):
        nested = b"[" * depth + b"]" * depth
        for topic, payload in [
            ("$resource.batch", b'[{"values":{"a":' + nested + b"}}]"),
            ("v1/devices/me/telemetry", b'{"a":' + nested + b"}"),
            (f"{iot_hub.OWN}/events/", b'{"a":' + nested + b"}"),
        ]:
            said = GREETERS[speaks]().hear_device(
                Publish(0, topic, 0, b"\x00" * (speaks == "thingsboard") + payload).build()
            )
            assert len(said.to_broker) == 1


def test_a_will_of_any_depth_is_passed_on() -> None:
    for depth in range(900, 1_001, 3):
        nested = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
        said = Connect(0xC0, 60, "", "v1/devices/me/telemetry", nested, thingsboard.TOKEN, None)
        assert ThingsBoard(said, thingsboard.TOKEN, device_id=thingsboard.DEVICE, types={}).connect.body


@pytest.mark.parametrize("depth", [970, 980, 990, 5_000])
@pytest.mark.parametrize("speaks", ["murano", "thingsboard"])
def test_a_command_of_any_depth_is_told_or_malformed(speaks: str, depth: int) -> None:
    for more in range(10):
        nested = b"[" * (depth + more) + b"]" * (depth + more)
        told = b'{"name":"a","payload":' + nested + b',"time":{"$date":"2026-01-01T00:00:00Z"}}'
        with suppress(Malformed):
            assert GREETERS[speaks]().hear_broker(Publish(0, murano.COMMAND, 0, told).build()).to_device


@pytest.mark.parametrize("speaks", ["murano", "thingsboard"])
def test_a_command_with_half_a_letter_is_told(speaks: str) -> None:
    """Half of a surrogate pair is JSON, and is no text in UTF-8."""
    said = GREETERS[speaks]().hear_broker(Publish(0, murano.COMMAND, 0, ODD[0]).build())
    [told] = said.to_device
    assert packets.Fields(told.body).take_text()


def test_a_connack_without_a_code_is_malformed() -> None:
    with pytest.raises(Malformed):
        GREETERS["thingsboard"]().hear_broker(Packet(Type.CONNACK << 4, b""))
