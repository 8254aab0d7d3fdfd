"""What every interpreter does, and the one that changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from devices.broker.interpreter.iot_hub import Said

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.mqtt.packets import Packet


class Interpreter(Protocol):
    """Speak to one device in its words, and to the broker in ours."""

    connect: Packet

    def look_first(self, packet: Packet) -> Callable[[], None] | None: ...
    def hear_device(self, packet: Packet) -> Said: ...
    def hear_broker(self, packet: Packet) -> Said: ...


class Plain:
    """Pass everything on as it comes, for a client that needs no interpreter."""

    def __init__(self, connect: Packet) -> None:
        self.connect = connect

    def look_first(self, packet: Packet) -> Callable[[], None] | None:
        return None

    def hear_device(self, packet: Packet) -> Said:
        return Said(to_broker=(packet,))

    def hear_broker(self, packet: Packet) -> Said:
        return Said(to_device=(packet,))
