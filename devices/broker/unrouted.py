"""Reports that came while the broker had no queue of the consumer's, brought to the consumer.

RabbitMQ acknowledges a report that no queue wants. Devices that are connected go on reporting when the consumer's queue
is deleted or expires, and the broker asks nobody about one that does not pause. So amq.topic has an alternate exchange,
whose queue keeps such reports (docker/rabbitmq/definitions.json); a thread in the consumer's process takes them from
there, in that of the one that has the first part. Each looks after the queues of its own parts, too. It connects anew
where one is gone: RabbitMQ 4 (4.0.5) leaves the connection up, without a queue, and grants every subscription on it in
vain. The one with the first part has devices' reports routed to the queues of all parts, too.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from amqp.exceptions import NotFound

from devices.broker import division, kept
from devices.broker.amqp_thread import AmqpThread, find_missing
from devices.broker.rabbitmq import UNROUTED
from devices.mqtt.messages import counts
from devices.mqtt.parts import is_divided

if TYPE_CHECKING:
    from amqp import Channel, Connection

    from devices.mqtt.consumer import Consumer

log = logging.getLogger(__name__)

ROUTED_SECONDS = 5.0
"""For which it is taken that the queues of parts stay bound."""


class UnroutedReports(AmqpThread):
    def __init__(self, consumer: Consumer) -> None:
        super().__init__("unrouted")
        self._consumer = consumer
        self._were_gone: set[int] = set()
        self._routed_until = 0.0

    def look(self, connection: Connection) -> None:
        self._look_after_queues(connection)
        if 0 not in self._consumer.list_parts():
            return
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
        self._were_gone.clear()
        self._routed_until = 0.0
        self._tell(f"the broker can't be asked for reports that no queue wanted: {why}")

    def _look_after_queues(self, connection: Connection) -> None:
        own = {part for part in self._consumer.list_parts() if self._consumer.is_subscribed(part)}
        gone = find_missing(connection, own)
        if 0 in own and is_divided() and time.monotonic() > self._routed_until and division.route(connection):
            self._routed_until = time.monotonic() + ROUTED_SECONDS
        for part in gone & self._were_gone:
            log.warning("the broker has no queue for the consumer's session any more: it connects again")
            self._consumer.reconnect(part)
        self._were_gone = gone

    def _bring(self, channel: Channel) -> bool:
        """Bring some to the consumer; return whether there may be more."""
        brought = kept.bring(channel, UNROUTED, self._consumer.store)
        if brought:
            counts["unrouted"] += brought
            log.warning("%d reports came while the broker had no queue of the consumer's", brought)
        return brought == kept.MOST
