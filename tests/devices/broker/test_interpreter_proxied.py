"""What the front says of a connection before its first byte, as HAProxy 2.6 writes it."""

from __future__ import annotations

import asyncio
import base64

import pytest

from devices.broker.interpreter.callers import Caller
from devices.broker.interpreter.proxied import SIGNATURE, read_header
from devices.mqtt.packets import Malformed
from tests import certificates

TCP4 = bytes([192, 0, 2, 7, 127, 0, 0, 1, 0x30, 0x39, 0x22, 0xB3])
HOST = b"\x02\x00\x0fkanarra.example"


def read(sent: bytes) -> Caller:
    async def feed() -> Caller:
        reader = asyncio.StreamReader()
        reader.feed_data(sent)
        reader.feed_eof()
        return await read_header(reader.readexactly)

    return asyncio.run(feed())


def say(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(body).to_bytes(2) + body


def test_it_says_address_and_host_name() -> None:
    assert read(say(0x21, 0x11, TCP4)) == Caller("192.0.2.7")
    assert read(say(0x21, 0x11, TCP4 + b"\x04\x00\x01\x00" + HOST)) == Caller("192.0.2.7", "kanarra.example")
    six = b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01" + bytes(15) + b"\x01" + b"\x30\x39\x22\xb3"
    assert read(say(0x21, 0x21, six + HOST)) == Caller("2001:db8::1", "kanarra.example")
    assert read(say(0x20, 0x00, b"")) == read(say(0x21, 0x31, bytes(216))) == Caller()


def field(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + len(value).to_bytes(2) + value


def test_it_says_whose_certificate_it_saw_and_not_that_we_may_believe_it() -> None:
    der = certificates.make().der
    shown = field(0x20, b"\x03\x00\x00\x00\x01" + field(0x21, b"TLSv1.3") + field(0x28, der))
    told = Caller("192.0.2.7", "kanarra.example", der)
    assert read(say(0x21, 0x11, TCP4 + shown + HOST)) == read(say(0x21, 0x11, TCP4 + HOST + shown)) == told
    assert not told.is_proved
    assert read(say(0x21, 0x11, TCP4 + field(0xE8, base64.b64encode(der)) + HOST)) == told  # as HAProxy can say it
    unshown = field(0x20, b"\x01\x00\x00\x00\x01" + field(0x28, der))
    assert (
        read(say(0x21, 0x11, TCP4 + unshown)) == read(say(0x21, 0x11, TCP4 + field(0xE8, b""))) == Caller("192.0.2.7")
    )


@pytest.mark.parametrize(
    "sent",
    [
        b"\x10\x16\x00\x04MQTT\x04\x82\x01,\x00\x00\x00\x00 and more",
        say(0x11, 0x11, TCP4),
        say(0x21, 0x11, TCP4[:-1]),
        say(0x21, 0x11, TCP4 + b"\x02\x00\x10" + HOST[3:]),
        say(0x21, 0x11, bytes(40_000)),
        say(0x21, 0x11, TCP4 + field(0xE8, b"no base64!")),
        say(0x21, 0x11, TCP4 + field(0x20, b"\x03")),
    ],
)
def test_who_says_it_otherwise_is_not_heard(sent: bytes) -> None:
    with pytest.raises(Malformed):
        read(sent)
