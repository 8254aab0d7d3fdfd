"""Every device's state from the broker, acknowledged only after it is committed.

`on_message` only queues. One thread hands over whatever has arrived since its last commit (no timer, so a press
never waits), and acknowledges after that returned. Nothing acknowledged is lost, much is delivered twice: whoever
takes the batch must not mind. Fences tell of each message after which moment it came to the broker.
"""

from __future__ import annotations

import logging
import math
import socket
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from devices.mqtt import client, topics
from devices.mqtt.fences import Fences, measure_since_start
from devices.mqtt.heartbeat import BEHIND_SECONDS, EVERY_SECONDS, Heartbeat
from devices.mqtt.intake import PUT_OFF_SECONDS, Arrival, Intake, Limited
from devices.mqtt.limits import Pace
from devices.mqtt.messages import Message, counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
    from paho.mqtt.reasoncodes import ReasonCode

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
TICK = timedelta(milliseconds=1)
TELL_SECONDS = 0.5
MOST_STAMPS = 20_000


class Unrouted(NamedTuple):
    """Hold a report that came by another way than the consumer's session; `repeated` if it may have come before."""

    topic: str
    payload: bytes
    repeated: bool


class Consumer:
    def __init__(
        self,
        handle: Callable[[Sequence[Message]], None],
        *,
        client_id: str,
        clock: Callable[[], datetime],
        url: str = "",
        temporary: tuple[type[Exception], ...] = (),
        tell: Callable[[Mapping[str, Limited]], None] = lambda _: None,
        give_up: Callable[[Message], None] = lambda _: None,
        on_session: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """Take `handle`, which returns once a batch is durable. What it raises of `temporary` is tried again for ever.

        `clock` tells the time by which it is judged what came after what; it may raise. `tell` takes which devices sent
        too much; if it raises, it is told again. `give_up` takes a message that can't be stored.
        """
        self._handle = handle
        self._give_up = give_up
        self._on_session = on_session
        self._session: bool | None = None
        self._temporary = temporary
        self._tell = tell
        self._tell_at = 0.0
        self._intake = Intake()
        self._arrived = threading.Condition()
        self._stopping = threading.Event()
        self._connection = 1
        self._same_connection = threading.Lock()
        self._stamps: dict[str, timedelta] = {}
        self._shed = False
        self._failing = False
        self._lags = False
        self._subscribed = threading.Event()
        self._came_after: datetime | None = None
        self._up_to = time.monotonic()  # what had come to the broker by then has been delivered
        self._fences = Fences(client_id, url, clock, lambda: self._connection if self.is_subscribed() else 0)
        self._heartbeat = Heartbeat()
        self._client = client.make_client(client_id, url=url, manual_ack=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._flusher = threading.Thread(target=self._flush, name="consumer", daemon=True)

    def start(self) -> None:
        self._client.loop_start()
        self._fences.start()
        self._flusher.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Commit and acknowledge what has arrived, then leave. What can't be committed stays with the broker."""
        self._stopping.set()
        self._fences.stop(timeout)
        with self._arrived:
            self._arrived.notify()
        self._flusher.join(timeout)
        self._client.disconnect()
        self._client.loop_stop()
        self._heartbeat.end()

    def is_subscribed(self) -> bool:
        return self._subscribed.is_set()

    def measure_lag(self) -> float:
        """Return by how many seconds, at most, the broker's deliveries lag behind what comes to it."""
        return time.monotonic() - self._up_to

    def store(self, reports: Sequence[Unrouted]) -> bool:
        """Store reports, after everybody else's; False if it was stopped before they were durable."""
        stored = threading.Semaphore(0)
        with self._arrived:
            for report in reports:
                topic = topics.parse_topic(report.topic)
                device_id = topic.device_id if topic else ""
                message = Message(device_id, report.payload, self._stamp(device_id), repeated=report.repeated)
                self._intake.put(Arrival(0, 0, 0, report.topic, message, stored), Pace.BEHIND)
            self._arrived.notify()
        return all(self._await(stored) for _ in reports)

    def _await(self, stored: threading.Semaphore) -> bool:
        while not stored.acquire(timeout=1.0):
            if self._stopping.is_set():
                return False
        return True

    def reconnect(self) -> None:
        """End the connection; the client makes a new one, on which the broker repeats what was not acknowledged."""
        connected = self._client.socket()
        if isinstance(connected, socket.socket):
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    # The network thread -----------------------------------------------------------------------

    def _on_connect(self, client: Client, _: Any, flags: ConnectFlags, code: ReasonCode, *__: Any) -> None:
        if code.is_failure:
            log.error("the broker refuses the consumer: %s", code)
            return
        log.info("connected, session %s", "resumed" if flags.session_present else "new")
        with self._same_connection:
            self._session = bool(self._session is not False and flags.session_present)
        client.subscribe([(topic, 1) for topic in (*topics.ALL_STATES, topics.FENCE)])

    def _on_disconnect(self, _: Client, __: Any, ___: Any, code: ReasonCode, *____: Any) -> None:
        self._subscribed.clear()
        with self._same_connection:
            self._connection += 1
            self._came_after = None
        if not self._stopping.is_set():
            log.warning("lost the broker: %s (if again and again: another consumer has this client id)", code)

    def _on_subscribe(self, _: Client, __: Any, ___: int, codes: list[ReasonCode], *____: Any) -> None:
        if any(code.is_failure for code in codes):
            log.error("the broker refuses the consumer's subscriptions: %s", [str(code) for code in codes])
        else:
            self._up_to = time.monotonic()
            self._subscribed.set()

    def _on_message(self, _: Client, __: Any, arrived: MQTTMessage) -> None:
        if self._stopping.is_set():
            return
        if arrived.topic == topics.FENCE:
            self._take_fence(arrived)
            return
        topic, now = topics.parse_topic(arrived.topic), time.monotonic()
        device_id = topic.device_id if topic else ""
        with self._arrived:
            dropped = not arrived.dup and self._intake.drop(device_id, now)
        if dropped:  # before anything is made of it: there are many
            self._acknowledge_one(arrived.mid, arrived.qos)
            return
        payload = bytes(arrived.payload)
        with self._arrived:
            at = self._stamp(device_id)
            message = Message(device_id, payload, at, arrived.retain, arrived.dup, self._came_after)
            arrival = Arrival(self._connection, arrived.mid, arrived.qos, arrived.topic, message)
            pace = self._intake.judge(message, arrived.topic, now)
            if pace is not Pace.BEYOND and not self._intake.is_full(pace):
                if self._intake.put(arrival, pace):
                    self._arrived.notify()
                return
        if pace is Pace.BEYOND:
            self._acknowledge_one(arrived.mid, arrived.qos)
        else:
            self._shed = self._shed or arrived.qos > 0
            counts["shed"] += 1
            if not arrived.qos:
                with self._arrived:
                    self._intake.lose(device_id)

    def _take_fence(self, arrived: MQTTMessage) -> None:
        """Take a fence; one that a later one had overtaken moves nothing back."""
        fence = self._fences.read(bytes(arrived.payload))
        if fence and fence.sent > self._up_to:
            self._came_after, self._up_to = fence.at, fence.sent
        if arrived.qos:
            self._client.ack(arrived.mid, arrived.qos)

    def _stamp(self, device_id: str) -> datetime:
        """Return the time by the clock; a millisecond apart for one device, so that a backlog's untimed reports stay
        apart."""
        now = measure_since_start()
        if len(self._stamps) > MOST_STAMPS:
            self._stamps = {key: at for key, at in self._stamps.items() if at > now - TICK}
        previous = self._stamps.get(device_id, now - TICK)
        self._stamps[device_id] = stamp = max(now, previous + TICK)
        return self._fences.moment(stamp)

    # The flusher's thread ---------------------------------------------------------------------

    def _flush(self) -> None:
        while batch := self._take():
            began = time.monotonic()
            if self._deal_with(batch):
                with self._arrived:
                    self._intake.adapt_share(time.monotonic() - began)
                self._acknowledge(batch)
            self._redeliver_shed()
            self._beat()
            self._tell_limited()

    def _take(self) -> list[Arrival]:
        """Wait for what arrives, and return it; empty only when stopping."""
        while True:
            with self._arrived:
                self._intake.measure(time.monotonic())
                if not self._intake.has_due(time.monotonic()) and not self._stopping.is_set():
                    self._arrived.wait(PUT_OFF_SECONDS if self._intake else EVERY_SECONDS / 2)
                if self._stopping.is_set():
                    self._intake.measure(math.inf)  # nothing is put off any more
                batch = self._intake.take(time.monotonic())
            if batch or self._stopping.is_set():
                return batch
            self._beat()
            self._tell_limited()

    def _deal_with(self, batch: list[Arrival]) -> bool:
        """Return whether the batch is durable or beyond help; False only when stopping before it was."""
        pause, failures = FIRST_PAUSE, 0
        while True:
            try:
                self._handle([arrival.message for arrival in batch])
            except self._temporary as error:
                log.warning("%d messages wait, trying again in %.1f s: %s", len(batch), pause, error)
                self._failing = True
            except Exception:
                failures += 1
                log.exception("a batch of %d messages failed", len(batch))
                if failures > 1:
                    return self._deal_one_by_one(batch)
            else:
                self._failing = False
                counts["handled"] += len(batch)
                return True
            self._beat()
            if self._stopping.wait(pause):
                return False
            pause = min(pause * 2, LONGEST_PAUSE)

    def _deal_one_by_one(self, batch: list[Arrival]) -> bool:
        if len(batch) > 1:
            return all(self._deal_with([arrival]) for arrival in batch)
        (poison,) = batch
        counts["poison"] += 1
        log.error("given up: topic %s, %d bytes", poison.topic, len(poison.message.payload))
        try:
            self._give_up(poison.message)
        except Exception as error:
            log.warning("not told that a message was given up: %s", error)
        return True

    def _acknowledge(self, batch: Iterable[Arrival]) -> None:
        # Message ids of a connection that is gone mean other messages on the next one.
        with self._same_connection:
            for arrival in batch:
                if arrival.qos and arrival.connection == self._connection:
                    self._client.ack(arrival.mid, arrival.qos)
                elif arrival.stored:
                    arrival.stored.release()

    def _acknowledge_one(self, mid: int, qos: int) -> None:
        """Acknowledge what came just now, in the network's thread: the connection is the present one."""
        if qos:
            self._client.ack(mid, qos)

    def _redeliver_shed(self) -> None:
        """Connect anew once there is room again: the broker then repeats what was not acknowledged."""
        if self._shed and not self._intake:
            self._shed = False
            self.reconnect()

    def _tell_limited(self) -> None:
        """Tell who sent too much, every TELL_SECONDS at most, so that a flood costs little more than its counting."""
        if time.monotonic() < self._tell_at:
            return
        self._tell_at = time.monotonic() + TELL_SECONDS
        with self._arrived:
            limited = self._intake.take_limited()
        try:
            if limited:
                self._tell(limited)
        except Exception as error:
            log.warning("not told that %d devices sent too much, trying again: %s", len(limited), error)
            with self._arrived:
                self._intake.put_back_limited(limited)

    def _tell_of_session(self) -> None:
        """Tell whether the broker had kept the session, again until somebody has taken it: a new one may mean lost
        reports."""
        told = self._session
        if told is None:
            return
        try:
            self._on_session(told)
        except Exception as error:  # whatever it is, reports go on
            log.warning("not told yet that the session is %s: %s", "resumed" if told else "new", error)
        else:
            with self._same_connection:
                self._session = None if self._session is told else self._session

    def _tell_of_lag(self) -> None:
        """Say it once: a broker that lets no fence through acknowledges it all the same, and nothing else says why."""
        lags = self.is_subscribed() and self.measure_lag() > BEHIND_SECONDS
        if lags and not self._lags:
            log.warning(
                "%.0f s behind what comes to the broker: no press counts. If there is no backlog, does the broker "
                "let this account publish to %s and subscribe to it?",
                *(self.measure_lag(), topics.FENCE),
            )
        self._lags = lags

    def _beat(self) -> None:
        self._tell_of_session()
        self._tell_of_lag()
        if self._heartbeat.is_due() and self.is_subscribed():
            facts = {"failing": self._failing, "queued": len(self._intake), "behind": round(self.measure_lag(), 1)}
            self._heartbeat.beat(connected=True, **facts, counts=dict(counts))
