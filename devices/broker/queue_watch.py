"""Whether the broker has the consumer's queue, or those of all parts, asked of the broker itself over AMQP.

RabbitMQ acknowledges a report that no queue wants, and drops it. Before the consumer's first subscription, with a new
volume, after the session expired, or under another client id there is no such queue: no device may be let in.
"""

from __future__ import annotations

import logging
from enum import Enum
from typing import TYPE_CHECKING

from django.conf import settings

from devices.broker.amqp_thread import AmqpThread, has_queue, queue_name

if TYPE_CHECKING:
    from amqp import Connection

log = logging.getLogger(__name__)

ENOUGH = 2
"""Looks in a row that found it: it is bound to its topics a moment after it was made."""


class State(Enum):
    UNKNOWN = "unknown"
    MISSING = "missing"
    THERE = "there"
    UNWATCHED = "unwatched"
    """Nobody said where to ask."""


class QueueWatch(AmqpThread):
    def __init__(self) -> None:
        super().__init__("queue")
        self.state = State.UNKNOWN if settings.BROKER_AMQP_URL else State.UNWATCHED
        self._told = self.state
        self._times = 0

    def look(self, connection: Connection) -> None:
        self._times = self._times + 1 if has_queue(connection) else 0
        self._set_state(State.THERE if self._times >= ENOUGH else State.UNKNOWN if self._times else State.MISSING)

    def lose(self, why: str) -> None:
        self._times = 0
        self._set_state(State.UNKNOWN, why)

    def _set_state(self, state: State, why: str = "") -> None:
        self.state = state
        if state not in (self._told, State.UNKNOWN) or (why and self._told is not State.UNKNOWN):
            self._told = state
            log.warning("the consumer's queue %s is %s%s", queue_name(), state.value, f": {why}" if why else "")
