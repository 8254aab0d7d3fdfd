"""A session of the consumer's at the broker, one for each part that it has, and what is known of what comes by it."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Protocol

from devices.mqtt import packets
from devices.mqtt.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from devices.mqtt.fences import Fence
    from devices.mqtt.intake import Arrival
    from devices.mqtt.receiver import Delivery

log = logging.getLogger(__name__)


class Taker(Protocol):
    """What takes the deliveries of several, in the thread of each."""

    def take_in(self, link: Link, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Return those for which there is no room (see `receiver.Listener`)."""

    def on_lost(self) -> None: ...

    def is_stopping(self) -> bool: ...

    def count_links(self) -> int: ...


class Link:
    def __init__(self, taker: Taker, part: int, client_id: str, filters: Iterable[str], *, url: str = "") -> None:
        self.part = part
        self.client_id = client_id
        self.connection = 1
        self.came_after: datetime | None = None
        self.up_to = time.monotonic()  # what had come to the broker by then has been delivered
        self.session: bool | None = None  # whether the broker had kept it, until somebody was told
        self.shed = False
        self.waiting = 0  # of what came by it and the broker repeats, in the intake
        self.is_held_up = False  # for want of room
        self.is_left = False
        self.same_connection = threading.Lock()
        self._taker = taker
        self._subscribed = threading.Event()
        self._receiver = Receiver(self, client_id, filters, url=url, count=taker.count_links)

    def start(self) -> None:
        self._receiver.start()

    def stop(self, timeout: float = 10.0) -> None:
        self._receiver.stop(timeout)

    def leave(self) -> None:
        """Be another consumer's from now on: what is not acknowledged stays with the broker."""
        with self.same_connection:
            self.is_left = True
        self._subscribed.clear()
        self.is_held_up = False
        self.stop()

    def is_subscribed(self) -> bool:
        """Return whether it hears devices: what it can't take in yet may come before what the broker answers."""
        return self._subscribed.is_set() or self.is_held_up

    def reconnect(self) -> None:
        self._receiver.reconnect()

    def go_on(self) -> None:
        """Look whether there is room for what is held up."""
        self._receiver.go_on()

    def take_fence(self, fence: Fence) -> None:
        """Take a fence of the present connection; one that a later one had overtaken moves nothing back."""
        if fence.sent > self.up_to:
            self.came_after, self.up_to = fence.at, fence.sent

    def acknowledge(self, arrivals: Iterable[Arrival]) -> None:
        """Acknowledge those of the present connection: ids of one that is gone mean other messages on the next one."""
        with self.same_connection:
            mids = [each.mid for each in arrivals if each.qos and each.connection == self.connection]
            if mids and not self.is_left:
                self._receiver.acknowledge(mids)

    def acknowledge_now(self, mids: Iterable[int]) -> None:
        """Acknowledge what has just been delivered, in the thread of the connection."""
        self._receiver.acknowledge(mids)

    # The network's thread ---------------------------------------------------------------------

    def on_connected(self, resumed: bool) -> None:
        log.info("%s connected, session %s", self.client_id, "resumed" if resumed else "new")
        with self.same_connection:
            self.session = bool(self.session is not False and resumed)

    def on_lost(self, why: str) -> None:
        self._subscribed.clear()
        self.is_held_up = False
        with self.same_connection:
            self.connection += 1
            self.came_after = None
            self.shed = False  # it is repeated anyway
        self._taker.on_lost()
        if not self.is_left and not self._taker.is_stopping():
            log.warning("lost the broker: %s (if again and again: another consumer has this client id)", why)

    def on_subscribed(self, codes: Sequence[int]) -> None:
        if any(code >= packets.REFUSED for code in codes):
            log.error("the broker refuses the consumer's subscriptions: %s", list(codes))
        else:
            self.up_to = time.monotonic()
            self._subscribed.set()

    def on_deliveries(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        return () if self.is_left else self._taker.take_in(self, deliveries)
