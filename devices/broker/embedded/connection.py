"""One client of the embedded broker, from its admission to its end, on amqtt's packets."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt import packet_class
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.packet import MQTTFixedHeader
from amqtt.mqtt.pingreq import PingReqPacket
from amqtt.mqtt.pingresp import PingRespPacket
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.suback import SubackPacket
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsuback import UnsubackPacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket
from amqtt.session import OutgoingApplicationMessage
from django.conf import settings

from devices.broker import authorization
from devices.models import ConnectedStretch
from devices.mqtt.limits import Pace
from devices.mqtt.messages import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqtt.adapters import ReaderAdapter, WriterAdapter
    from amqtt.session import Session

    from devices.broker.authorization import Identity
    from devices.broker.embedded.broker import EmbeddedBroker

MAX_PACKET = MAX_BYTES + 256  # a payload, its topic and its headers
MAX_BUFFERED = 1 << 20  # bytes that a client may leave unread before QoS 0 messages to it are dropped
WINDOW = 100  # unacknowledged messages to one client, and from one
CLOSE_SECONDS, IDLE_SECONDS = 2, 600
SLOWED_SECONDS = 0.02  # between the messages of one that works off a backlog
ENDED = (AMQTTError, MQTTError, NoDataError, TimeoutError, OSError)

Reason = ConnectedStretch.Reason


class Refused(Exception):
    """Say what a client did that ends its connection."""


class Outgoing(OutgoingApplicationMessage):  # type: ignore[misc]
    """Hold a message of QoS 1 for one client; `acknowledged` is called when the client has it."""

    def __init__(self, topic: str, data: bytes, *, repeated: bool, acknowledged: Callable[[], None] | None) -> None:
        super().__init__(None, topic, 1, data, False)
        self.repeated = repeated
        self.acknowledged = acknowledged or (lambda: None)


class Connection:
    """Serve one admitted client, until it leaves or is made to."""

    def __init__(
        self, broker: EmbeddedBroker, identity: Identity, session: Session, reader: ReaderAdapter, writer: WriterAdapter
    ) -> None:
        self.identity = identity
        self.session = session
        self.ended = asyncio.Event()
        self._broker = broker
        self._reader = reader
        self._writer = writer
        self._patience = session.keep_alive * 1.5 or IDLE_SECONDS
        self._task = asyncio.current_task()
        self.why = ""  # the site ends it, if it does
        self._unanswered = 0  # messages of this client that the consumer has yet to acknowledge
        self._answered = asyncio.Event()

    async def end(self, why: str = "") -> None:
        self.why = self.why or why
        if self._task is not None:
            self._task.cancel()
        await self.ended.wait()

    async def stop(self) -> None:
        """End it as amqtt's shutdown does."""
        await self.end(Reason.STOPPED)

    def tell_why(self, error: BaseException | None) -> str:
        """Return the reason (`ConnectedStretch.Reason`) why it ended by this; by none, it said goodbye."""
        if self.why or error is None:
            return self.why or Reason.CLOSED
        if isinstance(error, Refused):
            return Reason.REFUSED
        if isinstance(error, TimeoutError):
            return Reason.KEEP_ALIVE
        return Reason.STOPPED if isinstance(error, asyncio.CancelledError) else Reason.LOST

    async def serve(self) -> None:
        """Handle packets until the client says goodbye; raises whatever else ends it."""
        self._resend()
        while True:
            async with asyncio.timeout(self._patience):
                await self._catch_up()
                packet = await self._read()
            if isinstance(packet, DisconnectPacket):
                return
            await self._handle(packet)
            await self._writer.drain()

    async def _catch_up(self) -> None:
        """Read no more from a client until most of what it sent is acknowledged."""
        while self._unanswered >= WINDOW:
            self._answered.clear()
            await self._answered.wait()

    async def _read(self) -> Any:
        header = await MQTTFixedHeader.from_stream(self._reader)
        if header is None:
            raise NoDataError("the client is gone")
        if header.remaining_length > MAX_PACKET:
            raise Refused(f"a packet of {header.remaining_length} bytes")
        return await packet_class(header).from_stream(self._reader, fixed_header=header)

    async def _handle(self, packet: Any) -> None:
        match packet:
            case PublishPacket():
                await self._handle_publish(packet)
            case PubackPacket():
                if message := self.session.inflight_out.pop(packet.variable_header.packet_id, None):
                    message.acknowledged()
                self.pump()
            case PingReqPacket():
                self.write(PingRespPacket.build())
            case SubscribePacket():
                wanted = packet.payload.topics
                codes = [await self._subscribe(topic, qos) for topic, qos in wanted]
                self.write(SubackPacket.build(packet.variable_header.packet_id, codes))
            case UnsubscribePacket():
                self._broker.unsubscribe(self, packet.payload.topics)
                self.write(UnsubackPacket.build(packet.variable_header.packet_id))
            case _:
                raise Refused(type(packet).__name__)

    async def _subscribe(self, topic: str, qos: int) -> int:
        await self._keep_pace(self.session.client_id or "", settings.MQTT_CONNECTION_LIMIT)
        return await self._broker.subscribe(self, topic, qos)

    async def _handle_publish(self, packet: PublishPacket) -> None:
        topic, qos = packet.topic_name or "", packet.qos or 0
        if qos > 1:
            raise Refused(f"a message of QoS {qos}")
        if not authorization.may_use_topic(self.identity, "publish", topic, retain=packet.retain_flag):
            await self._drop(packet, topic, qos)
            return
        await self._keep_pace(topic, settings.MQTT_TOPIC_LIMIT)
        if self.identity.speaks_for:  # a topic each, and one connection: what all of them send is the gateway's
            await self._keep_pace(f"all of {self.session.client_id}", settings.MQTT_CONNECTION_LIMIT)
        answer = partial(self._acknowledge, packet.packet_id) if qos else None
        self._unanswered += qos
        self._broker.deliver(topic, packet.data or b"", qos, repeated=packet.dup_flag, acknowledged=answer)

    async def _drop(self, packet: PublishPacket, topic: str, qos: int) -> None:
        """Acknowledge what it may not publish, and drop it ([MQTT-3.3.5-2] leaves that or the connection's end): it
        would send the same again after each connect. Its page says so."""
        authorization.note_refused_publish(self.identity, topic, retain=packet.retain_flag)
        self._broker.note_refusal("publish", self.session.client_id or "", topic)
        await self._keep_pace(f"refused of {self.session.client_id}", settings.MQTT_TOPIC_LIMIT)
        if qos:
            self.write(PubackPacket.build(packet.packet_id))

    async def _keep_pace(self, key: str, limit: int) -> None:
        """Take the next one later from a device that sends too much: what waits, waits with the device."""
        if self.identity.device and self._broker.debts.add(key, get_loop_time(), limit=limit) is not Pace.WITHIN:
            early = self._broker.debts.fraction(key, get_loop_time()) < 0.5
            await asyncio.sleep(SLOWED_SECONDS if early else settings.MQTT_LIMIT_SECONDS / limit)

    def _acknowledge(self, packet_id: int) -> None:
        self._unanswered -= 1
        self._answered.set()
        self.write(PubackPacket.build(packet_id))

    def write(self, packet: Any) -> None:
        """Send a packet; nothing to a client that is just leaving: that is not the sender's fault, nor its end."""
        if not self._transport.is_closing():
            self._writer.write(packet.to_bytes())

    def send_now(self, topic: str, data: bytes) -> None:
        """Send a QoS 0 message: now, or never where too much waits unread."""
        if self._transport.get_write_buffer_size() < MAX_BUFFERED:
            self.write(PublishPacket.build(topic, data, None, False, 0, False))

    def pump(self) -> None:
        """Send what waits for this client, as long as it acknowledges."""
        waiting, sent = self.session.retained_messages, self.session.inflight_out
        while len(sent) < WINDOW and not waiting.empty():
            message: Any = waiting.get_nowait()
            message.packet_id = self.session.next_packet_id
            sent[message.packet_id] = message
            self.write(message.build_publish_packet(dup=message.repeated))

    def _resend(self) -> None:
        for message in self.session.inflight_out.values():
            self.write(message.build_publish_packet(dup=True))
        self.pump()

    async def close(self) -> None:
        try:
            with suppress(*ENDED):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._writer.close()
        finally:
            self._transport.abort()

    @property
    def _transport(self) -> asyncio.WriteTransport:
        transport: asyncio.WriteTransport = self._writer._writer.transport
        return transport


def get_loop_time() -> float:
    return asyncio.get_running_loop().time()
