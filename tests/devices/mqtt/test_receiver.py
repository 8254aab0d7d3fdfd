"""How the consumer's connection takes apart what a socket gives it, wherever that was cut."""

from __future__ import annotations

import pytest

from devices.mqtt import packets
from devices.mqtt.receiver import Delivery, Receiver


class Notes:
    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_connected(self, resumed: bool) -> None:
        self.heard.append(resumed)

    def on_subscribed(self, codes: object) -> None:
        self.heard.append(codes)

    def on_deliveries(self, deliveries: object) -> None:
        assert isinstance(deliveries, list)
        self.heard += deliveries

    def on_lost(self, why: str) -> None:
        self.heard.append(why)


SUBACK = packets.build_suback(1, [1, 0x80]).encode()
PINGRESP = packets.Packet(packets.Type.PINGRESP << 4, b"").encode()
PUBLISHES = [(0, "a/b", 0, b""), (2, "devices/ä/state", 65_535, b"x" * 20_000), (11, "c", 1, b"{}")]
SENT = [packets.Publish(*each).build().encode() for each in PUBLISHES]
HEARD = [Delivery(0x30 | flags, topic.encode(), mid, payload) for flags, topic, mid, payload in PUBLISHES]


def take(*parts: bytes) -> list[object]:
    notes = Notes()
    receiver, rest = Receiver(notes, "consumer", ["a/b"], url="mqtt://127.0.0.1:1"), b""
    for part in parts:
        rest = receiver._take(rest + part)
    assert rest == b""
    return notes.heard


@pytest.mark.parametrize("size", [1, 2, 7, 4096, 100_000])
def test_packets_are_taken_apart_wherever_they_are_cut(size: int) -> None:
    stream = SENT[0] + SUBACK + SENT[1] + PINGRESP + SENT[2]
    heard = take(*(stream[at : at + size] for at in range(0, len(stream), size)))
    assert heard == [HEARD[0], b"\x01\x80", *HEARD[1:]]


@pytest.mark.parametrize(
    "broken", [b"\x30\x00", b"\x30\x02\x00\x01", b"\x32\x03\x00\x01a", b"\x30\xff\xff\xff\xff\x01"]
)
def test_what_is_no_packet_ends_the_connection(broken: bytes) -> None:
    with pytest.raises(packets.Malformed):
        take(broken)
