"""Reports that came while the broker had no queue of the consumer's, brought to the consumer.

RabbitMQ acknowledges a report that no queue wants. Devices that are connected go on reporting when the consumer's queue
is deleted or expires, and the broker asks nobody about one that does not pause. So amq.topic has an alternate exchange,
whose queue keeps such reports (docker/rabbitmq/definitions.json); a thread in the consumer's process takes them from
there. It makes the consumer come back, too: RabbitMQ 4 (4.0.5) leaves its connection up, without a queue, and grants
every subscription on it in vain.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from amqp.exceptions import NotFound

from devices.broker.amqp_thread import WITHIN, AmqpThread, has_queue
from devices.broker.rabbitmq import UNROUTED
from devices.mqtt.consumer import Unrouted
from devices.mqtt.messages import counts

if TYPE_CHECKING:
    from amqp import Channel, Connection, Message

    from devices.mqtt.consumer import Consumer

log = logging.getLogger(__name__)

MOST = 400
"""Taken at once."""


class UnroutedReports(AmqpThread):
    def __init__(self, consumer: Consumer) -> None:
        super().__init__("unrouted")
        self._consumer = consumer
        self._was_gone = False
        self._told = ""

    def stop(self) -> None:
        super().stop()
        if self._thread.ident is not None:
            self._thread.join(WITHIN)

    def look(self, connection: Connection) -> None:
        gone = self._consumer.is_subscribed() and not has_queue(connection)
        if gone and self._was_gone:
            log.warning("the broker has no queue for the consumer's session any more: it connects again")
            self._consumer.reconnect()
        self._was_gone = gone
        with connection.channel() as channel:  # what it took and did not acknowledge goes back
            channel.auto_decode = False
            try:
                while not self._stopping.is_set() and self._bring(channel):
                    pass
                self._tell("")
            except NotFound:
                self._tell(
                    f"the broker has no queue {UNROUTED}: what devices report while the consumer's queue is away is"
                    " lost. It loads docker/rabbitmq/definitions.json when it starts"
                )

    def lose(self, why: str) -> None:
        self._was_gone = False
        self._tell(f"the broker can't be asked for reports that no queue wanted: {why}")

    def _bring(self, channel: Channel) -> bool:
        """Bring some to the consumer; return whether there may be more."""
        taken: list[Message] = []
        while len(taken) < MOST and (message := channel.basic_get(UNROUTED)) is not None:
            taken.append(message)
        if not taken or not self._consumer.store([_build_report(message) for message in taken]):
            return False
        channel.basic_ack(taken[-1].delivery_tag, multiple=True)
        counts["unrouted"] += len(taken)
        log.warning("%d reports came while the broker had no queue of the consumer's", len(taken))
        return len(taken) == MOST

    def _tell(self, what: str) -> None:
        """Log it once."""
        if what and what != self._told:
            log.warning("%s", what)
        self._told = what


def _build_report(message: Message) -> Unrouted:
    topic = message.delivery_info["routing_key"].replace(".", "/")
    return Unrouted(topic, bytes(message.body), message.delivery_info["redelivered"])
