"""The first, anonymous session of devices of the Exosite dialect (`murano-client`): one publishes
`$provision/<identity>` and is told its token, without having subscribed to anything. Nothing else is heard, and the
broker never hears of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from devices.broker.interpreter.callers import ask
from devices.mqtt import packets
from devices.mqtt.packets import Malformed, Packet, Publish, Type

if TYPE_CHECKING:
    from devices.broker.interpreter.callers import Caller, Doors
    from devices.mqtt.packets import Connect

TOPIC = "$provision/"
LONGEST = 120  # characters of an identity
SESSION_SECONDS = 60.0


@dataclass(frozen=True)
class Anonymous:
    """Hear one device that has no credential yet."""

    @classmethod
    def greet(cls, connect: Connect) -> Self | None:
        """Return who hears this client: its user name is there and empty, and no password is."""
        return cls() if connect.username == "" and connect.password is None and not connect.will_topic else None

    async def hear(self, packet: Packet, doors: Doors, caller: Caller) -> list[Packet] | None:
        """Return what a packet is answered; None where the device says that it goes. Raises Malformed, and Refusal."""
        match packet.type:
            case Type.PUBLISH:
                return await _hear_message(Publish.read(packet), doors, caller)
            case Type.SUBSCRIBE:
                packet_id, filters = packets.read_filters(packet, with_qos=True)
                return [packets.build_suback(packet_id, [packets.REFUSED] * len(filters))]
            case Type.PUBACK:
                return []
            case Type.PINGREQ:
                return [Packet(Type.PINGRESP << 4, b"")]
            case Type.DISCONNECT:
                return None
        raise Malformed("an anonymous session only asks for its token")


async def _hear_message(message: Publish, doors: Doors, caller: Caller) -> list[Packet]:
    identity = message.topic.removeprefix(TOPIC)
    is_fit = 0 < len(identity) <= LONGEST and identity.isprintable() and not message.payload.strip()
    if not message.topic.startswith(TOPIC) or not is_fit or message.qos > 1:
        raise Malformed("an anonymous session only asks for its token")
    token = await ask(partial(doors.activate, identity, caller))
    taken = [packets.build_answer(Type.PUBACK, message.packet_id)] if message.qos else []
    return [*taken, Publish(0, message.topic, 0, token.encode()).build()]
