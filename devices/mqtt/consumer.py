"""Every device's state from the broker, acknowledged only after it is committed.

The network's thread only queues. One thread hands over whatever has arrived since its last commit (no timer, so a press
never waits), and acknowledges after that returned. Nothing acknowledged is lost, much is delivered twice: whoever
takes the batch must not mind. Fences tell of each message after which moment it came to the broker.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from devices.mqtt import packets, topics
from devices.mqtt.fences import Fences, measure_since_start
from devices.mqtt.heartbeat import BEHIND_SECONDS, EVERY_SECONDS, Heartbeat
from devices.mqtt.intake import PUT_OFF_SECONDS, Arrival, Intake, Limited
from devices.mqtt.limits import Pace
from devices.mqtt.messages import Message, counts
from devices.mqtt.receiver import Receiver
from lib.log import about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from devices.mqtt.receiver import Delivery

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
TICK = timedelta(milliseconds=1)
TELL_SECONDS = 0.5
MOST_STAMPS, MOST_NAMES = 20_000, 200_000
DUP, RETAINED = 8, 1  # flags of a PUBLISH


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
        self._client = Receiver(self, client_id, (*topics.ALL_STATES, topics.FENCE), url=url)
        self._names: dict[bytes, tuple[str, str]] = {}
        self._flusher = threading.Thread(target=self._flush, name="consumer", daemon=True)

    def start(self) -> None:
        self._client.start()
        self._fences.start()
        self._flusher.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Commit and acknowledge what has arrived, then leave. What can't be committed stays with the broker."""
        self._stopping.set()
        self._fences.stop(timeout)
        with self._arrived:
            self._arrived.notify()
        self._flusher.join(timeout)
        self._client.stop(timeout)
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
        self._client.reconnect()

    # The network's thread ---------------------------------------------------------------------

    def on_connected(self, resumed: bool) -> None:
        log.info("connected, session %s", "resumed" if resumed else "new")
        with self._same_connection:
            self._session = bool(self._session is not False and resumed)

    def on_lost(self, why: str) -> None:
        self._subscribed.clear()
        with self._same_connection:
            self._connection += 1
            self._came_after = None
        if not self._stopping.is_set():
            log.warning("lost the broker: %s (if again and again: another consumer has this client id)", why)

    def on_subscribed(self, codes: Sequence[int]) -> None:
        if any(code >= packets.REFUSED for code in codes):
            log.error("the broker refuses the consumer's subscriptions: %s", list(codes))
        else:
            self._up_to = time.monotonic()
            self._subscribed.set()

    def on_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        if self._stopping.is_set():
            return
        now, done, is_due = time.monotonic(), [], False
        with self._arrived:
            for delivery in deliveries:
                verdict = self._take_in(delivery, now)
                if verdict is None and delivery.mid:
                    done.append(delivery.mid)
                is_due |= verdict is True
            if is_due:
                self._arrived.notify()
        if done:
            self._client.acknowledge(done)

    def _take_in(self, delivery: Delivery, now: float) -> bool | None:
        """Queue it; return whether somebody should look at once. None if there is nothing to be done with it, so that
        it is acknowledged at once."""
        head, raw, mid, payload = delivery
        topic, device_id = self._names.get(raw) or self._read_name(raw)
        if topic == topics.FENCE:
            self._take_fence(payload)
            return None
        is_repeated = bool(head & DUP)
        if not is_repeated and self._intake.drop(device_id, now):  # before anything is made of it: there are many
            return None
        at = self._stamp(device_id)
        message = Message(device_id, payload, at, bool(head & RETAINED), is_repeated, self._came_after)
        pace = self._intake.judge(message, topic, now)
        if pace is Pace.BEYOND:
            return None
        if not self._intake.is_full(pace):
            return self._intake.put(Arrival(self._connection, mid, delivery.qos, topic, message), pace)
        counts["shed"] += 1
        self._shed = self._shed or mid > 0
        if not mid:
            self._intake.lose(device_id)
        return False

    def _read_name(self, raw: bytes) -> tuple[str, str]:
        """Return the topic, and the device ID that it names, if it does."""
        topic = raw.decode(errors="replace")
        parsed = topics.parse_topic(topic)
        if len(self._names) > MOST_NAMES:
            self._names.clear()
        name = self._names[raw] = topic, parsed.device_id if parsed else ""
        return name

    def _take_fence(self, payload: bytes) -> None:
        """Take a fence; one that a later one had overtaken moves nothing back."""
        fence = self._fences.read(payload)
        if fence and fence.sent > self._up_to:
            self._came_after, self._up_to = fence.at, fence.sent

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
                    self._intake.adapt(len(batch), time.monotonic() - began)
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
        with about(device_id=poison.message.device_id):
            log.error("given up: topic %s, %d bytes", poison.topic, len(poison.message.payload))
            try:
                self._give_up(poison.message)
            except Exception as error:
                log.warning("not told that a message was given up: %s", error)
        return True

    def _acknowledge(self, batch: Iterable[Arrival]) -> None:
        # Message ids of a connection that is gone mean other messages on the next one.
        with self._same_connection:
            mids = [each.mid for each in batch if each.qos and each.connection == self._connection]
            if mids:
                self._client.acknowledge(mids)
        for arrival in batch:
            if arrival.stored:
                arrival.stored.release()

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
