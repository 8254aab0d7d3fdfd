"""Packets of MQTT 3.1.1 are written as the standard has them, and read back whatever is in them."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.mqtt import packets
from devices.mqtt.packets import Connect, Fields, Malformed, Packet, Publish, Type

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
payloads = st.binary(max_size=200)
ids = st.integers(1, 0xFFFF)


def read(sent: bytes, most: int = 1 << 20) -> Packet:
    """Read the first packet of a connection on which this comes."""

    async def scene() -> Packet:
        reader = asyncio.StreamReader()
        reader.feed_data(sent)
        reader.feed_eof()
        return await packets.read_packet(reader.readexactly, most)

    return asyncio.run(scene())


@pytest.mark.parametrize(
    ("packet", "sent"),
    [
        (packets.build_connack(5), "20020005"),
        (packets.build_answer(Type.PUBACK, 7), "40020007"),
        (packets.build_answer(Type.UNSUBACK, 0xFFFF), "b002ffff"),
        (packets.build_suback(7, [0, 1, 0x80]), "90050007000180"),
        (packets.build_subscribe(7, [("a/b", 1)]), "820800070003612f6201"),
        (packets.build_unsubscribe(7, ["a/b"]), "a20700070003612f62"),
        (Packet(Type.PINGREQ << 4, b""), "c000"),
        (Publish(0, "a", 0, b"x").build(), "3004000161" + "78"),
        (Publish(0b1011, "a", 7, b"").build(), "3b050001610007"),
        (Connect(packets.CLEAN, 60, "id", "", b"", None, None).build(), "100e00044d5154540402003c00026964"),
        (
            Connect(0, 10, "", "t", b"w", "u", "p").build(),
            "101800044d51545404c4000a0000000174000177000175000170",
        ),
    ],
    ids=[
        "CONNACK",
        "PUBACK",
        "UNSUBACK",
        "SUBACK",
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "PINGREQ",
        "QoS 0",
        "DUP, QoS 1, RETAIN",
        "CONNECT",
        "account and will",
    ],
)
def test_a_packet_is_these_bytes(packet: Packet, sent: str) -> None:
    assert packet.encode().hex() == sent
    assert read(packet.encode()) == packet


@given(st.builds(Publish, st.sampled_from([0, 1]), texts, st.just(0), payloads))
def test_a_message_is_read_as_it_was_written(message: Publish) -> None:
    assert Publish.read(message.build()) == message


@given(st.builds(Publish, st.sampled_from([2, 3, 10, 11]), texts, ids, payloads))
def test_so_is_one_that_is_acknowledged(message: Publish) -> None:
    assert Publish.read(message.build()) == message
    assert message.qos == 1


ACCOUNTS = st.tuples(st.none() | texts, st.none() | texts)


@given(st.integers(0, 0xFFFF), texts, texts, payloads, ACCOUNTS)
def test_a_connect_is_read_as_it_was_written(
    keep_alive: int, client_id: str, topic: str, will: bytes, account: tuple[str | None, str | None]
) -> None:
    flags = packets.CLEAN | (packets.WILL_RETAINED | 0x08 if topic else 0)
    found = Connect.read(Connect(flags, keep_alive, client_id, topic, will if topic else b"", *account).build())
    assert found is not None
    assert found[1:] == (keep_alive, client_id, topic, will if topic else b"", *account)
    assert bool(found.flags & packets.WILL) is bool(topic)
    assert Connect.read(found.build()) == found


def test_without_a_will_none_of_its_flags_is_said() -> None:
    flags = packets.WILL | packets.WILL_QOS | packets.WILL_RETAINED | packets.CLEAN
    connect = Connect.read(Connect(flags, 10, "id", "", b"", None, None).build())
    assert connect is not None
    assert connect.flags == packets.CLEAN


@pytest.mark.parametrize(
    "packet",
    [
        Packet(0x30, b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"),
        Packet(0x10, b"\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00"),
        Packet(0x10, b"\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00"),
        Packet(0x10, b""),
    ],
    ids=["no CONNECT", "3.1", "5", "empty"],
)
def test_of_another_version_it_is_none(packet: Packet) -> None:
    assert Connect.read(packet) is None


@given(st.lists(st.tuples(texts, st.integers(0, 2)), max_size=5), ids)
def test_filters_are_read_as_they_were_asked_for(filters: list[tuple[str, int]], packet_id: int) -> None:
    asked = packets.build_subscribe(packet_id, filters)
    assert packets.read_filters(asked, with_qos=True) == (packet_id, filters)
    ended = packets.build_unsubscribe(packet_id, [name for name, _ in filters])
    assert packets.read_filters(ended, with_qos=False) == (packet_id, [(name, 0) for name, _ in filters])


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b"\x00\x05abc", b"\x00\x01\xff", b"\x00\x01a\x00"],
    ids=["empty", "half a length", "short", "no UTF-8", "half an id"],
)
def test_a_message_that_ends_too_early_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        Publish.read(Packet(0x32, body))


@pytest.mark.parametrize("body", [b"\x00\x07\x00\x03a/b", b"\x00\x07\x00", b"\x00\x07\x00\x01\xc3\x01", b"\x00"])
def test_a_subscription_that_ends_too_early_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        packets.read_filters(Packet(0x82, body), with_qos=True)


@pytest.mark.parametrize("kept", range(7, 44))
def test_a_connect_that_ends_too_early_is_malformed(kept: int) -> None:
    whole = Connect(packets.CLEAN, 60, "client", "will", b"gone", "user", "secret").build()
    assert len(whole.body) == 44
    with pytest.raises(Malformed):
        Connect.read(whole._replace(body=whole.body[:kept]))


def test_a_password_that_is_no_text_is_still_one() -> None:
    whole = Connect(0, 60, "", "", b"", "u", "p").build()
    connect = Connect.read(whole._replace(body=whole.body[:-1] + b"\xff"))
    assert connect is not None
    assert connect.password == "\ufffd"


@pytest.mark.parametrize(
    ("length", "encoded"),
    [(0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001"), (268_435_455, "ffffff7f")],
)
def test_a_length_takes_as_few_bytes_as_it_needs(length: int, encoded: str) -> None:
    assert packets.encode_length(length).hex() == encoded
    assert Fields(bytes.fromhex(encoded)).take_length() == length


@pytest.mark.parametrize("sent", ["30ffffffff7f", "30ffffffff"])
def test_a_length_of_five_bytes_is_malformed(sent: str) -> None:
    with pytest.raises(Malformed, match="more than four bytes"):
        read(bytes.fromhex(sent))
    with pytest.raises(Malformed, match="more than four bytes"):
        Fields(bytes.fromhex(sent[2:])).take_length()


def test_no_more_than_is_taken_is_read() -> None:
    packet = Publish(0, "a", 0, b"x" * 97).build()
    assert read(packet.encode(), 100) == packet
    with pytest.raises(Malformed, match="a packet of 100 bytes"):
        read(packet.encode(), 99)


@pytest.mark.parametrize("sent", [b"", b"\x30", b"\x30\x80", b"\x30\x05abc"])
def test_a_connection_that_ends_before_its_packet_says_so(sent: bytes) -> None:
    with pytest.raises(EOFError):
        read(sent)


def test_fields_are_taken_one_after_the_other() -> None:
    fields = Fields(b"\x07\x00\x01a\x00\x02\xff\xferest")
    assert (fields.take_number(1), fields.take_text(), fields.take_data()) == (7, "a", b"\xff\xfe")
    assert bool(fields)
    assert fields.take_rest() == b"rest"
    assert not fields
    assert (fields.take(0), fields.take_rest()) == (b"", b"")
    with pytest.raises(Malformed, match="ends too early"):
        fields.take(1)
