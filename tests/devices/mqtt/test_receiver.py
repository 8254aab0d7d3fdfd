"""How the consumer's connection takes apart what a socket gives it, wherever that was cut."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from devices.mqtt import packets
from devices.mqtt.receiver import APART_SECONDS, Delivery, Receiver
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Notes:
    def __init__(self, room: int = 1_000) -> None:
        self.heard: list[object] = []
        self.room = room

    def on_connected(self, resumed: bool) -> None:
        self.heard.append(resumed)

    def on_subscribed(self, codes: object) -> None:
        self.heard.append(codes)

    def on_deliveries(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        taken, held_up = deliveries[: self.room], deliveries[self.room :]
        self.heard += taken
        self.room -= len(taken)
        return held_up

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


def test_what_there_is_no_room_for_comes_again_before_what_comes_after_it() -> None:
    notes = Notes(room=1)
    receiver = Receiver(notes, "consumer", ["a/b"], url="mqtt://127.0.0.1:1")
    receiver._take(SENT[0] + SENT[1] + SUBACK + SENT[2])
    assert notes.heard == [HEARD[0], b"\x01\x80"]
    notes.room = 1
    receiver._hand_over([])
    assert notes.heard[2:] == HEARD[1:2]
    notes.room = 5
    receiver._hand_over([HEARD[0]])
    receiver._hand_over([])
    assert notes.heard[2:] == [*HEARD[1:], HEARD[0]]


@pytest.mark.parametrize(
    "broken", [b"\x30\x00", b"\x30\x02\x00\x01", b"\x32\x03\x00\x01a", b"\x30\xff\xff\xff\xff\x01"]
)
def test_what_is_no_packet_ends_the_connection(broken: bytes) -> None:
    with pytest.raises(packets.Malformed):
        take(broken)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection by TCP, which ends otherwise than a pair of sockets: ours, and the broker's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    with ours, theirs:
        yield ours, theirs


def test_the_end_of_a_connection_that_is_held_up_is_noticed_at_once(ends: tuple[socket.socket, socket.socket]) -> None:
    notes, (ours, theirs) = Notes(room=0), ends
    receiver = Receiver(notes, "consumer", ["a/b"], url="mqtt://127.0.0.1:1")
    serving = threading.Thread(target=receiver._serve, args=[ours], daemon=True)
    serving.start()
    theirs.sendall(SENT[1])
    eventually(lambda: receiver._untaken)
    theirs.close()
    serving.join(5)
    assert notes.heard == ["it hung up"]


def test_what_a_connection_left_is_nothing_to_the_next(ends: tuple[socket.socket, socket.socket]) -> None:
    """Its packet ids mean other messages there."""
    notes, (ours, theirs) = Notes(room=0), ends
    receiver = Receiver(notes, "consumer", ["a/b"], url="mqtt://127.0.0.1:1")
    receiver._take(SENT[1])
    notes.room = 5
    theirs.close()
    receiver._serve(ours)
    assert notes.heard == ["it hung up"]


@pytest.mark.parametrize(("count", "times"), [(1, 1), (6, 6), (12, 6)])
def test_of_many_connections_each_is_read_more_seldom(count: int, times: int) -> None:
    one = Receiver(Notes(), "consumer", ["a/b"], url="mqtt://127.0.0.1:1", count=lambda: count)
    heard = time.monotonic()
    early = one._measure_early(heard)
    assert times * APART_SECONDS - 0.001 < early <= times * APART_SECONDS
    assert one._measure_early(heard - times * APART_SECONDS) <= 0
