"""Every device's state from the broker, acknowledged only after it is committed.

The network's thread only queues. One thread hands over whatever has arrived since its last commit (a press at once, a
few reports that follow others a moment later), and acknowledges after that returned. Nothing acknowledged is lost, much
is delivered twice: whoever takes the batch must not mind. Fences tell of each message after which moment it came to the
broker.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from devices.mqtt import parts, topics
from devices.mqtt.fences import Fences, measure_since_start
from devices.mqtt.heartbeat import BEHIND_SECONDS, EVERY_SECONDS, Heartbeat
from devices.mqtt.intake import (
    GATHER_SECONDS,
    PUT_OFF_SECONDS,
    ROOMS,
    STEP_SECONDS,
    Arrival,
    Intake,
    Limited,
    count_most,
)
from devices.mqtt.limits import Pace
from devices.mqtt.link import Link
from devices.mqtt.messages import Message, counts
from lib.log import about

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from devices.mqtt.receiver import Delivery

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
TICK = timedelta(milliseconds=1)
TELL_SECONDS = 0.5
MOST_STAMPS, MOST_NAMES = 20_000, 200_000
DUP, RETAINED = 8, 1  # flags of a PUBLISH
FENCE = topics.FENCE.encode()


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
        on_session: Callable[[bool, int, str], None] = lambda *_: None,
        held: Collection[int] = (0,),
    ) -> None:
        """Take `handle`, which returns once a batch is durable. What it raises of `temporary` is tried again for ever.

        `clock` tells the time by which it is judged what came after what; it may raise. `tell` takes which devices sent
        too much; if it raises, it is told again. `give_up` takes a message that can't be stored. `on_session` takes
        whether the broker had kept a session, its part and its client id. Of the parts (`devices.mqtt.parts`) it has
        those that are `held`, at first.
        """
        self._handle = handle
        self._give_up = give_up
        self._on_session = on_session
        self._temporary = temporary
        self._tell = tell
        self._tell_at = 0.0
        self._taken_at = -math.inf  # when it took its last batch
        self._intake = Intake()
        self._arrived = threading.Condition()
        self._stopping = threading.Event()
        self._connection = 1  # grows when one of them ends
        self._stamps: dict[str, timedelta] = {}
        self._failing = False
        self._lags = False
        self._client_id, self._url = client_id, url
        self._fences = Fences(client_id, url, clock, lambda: self._connection if self._hears() else 0)
        self._heartbeat = Heartbeat()
        self._links = {part: self._make_link(part) for part in held}
        self._names: dict[bytes, tuple[str, str]] = {}
        self._flusher = threading.Thread(target=self._flush, name="consumer", daemon=True)

    def _make_link(self, part: int) -> Link:
        client_id = parts.name_session(self._client_id, part, parts.count_parts())
        return Link(self, part, client_id, parts.list_filters(), url=self._url)

    def start(self) -> None:
        for link in self._links.values():
            link.start()
        self._fences.start()
        self._flusher.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Commit and acknowledge what has arrived, then leave. What can't be committed stays with the broker."""
        self._stopping.set()
        self._fences.stop(timeout)
        with self._arrived:
            self._arrived.notify()
        self._flusher.join(timeout)
        for link in self._links.values():
            link.stop(timeout)
        self._heartbeat.end(self._links)

    def hold(self, numbers: Collection[int]) -> None:
        """Have these parts, and no other, from now on: what has come of another and is not stored is left to whoever
        has it next."""
        former = self._links
        kept = {part: link for part, link in former.items() if part in numbers}
        new = {part: self._make_link(part) for part in sorted(numbers) if part not in former}
        self._links = kept | new
        for part in former.keys() - kept.keys():
            former[part].leave()
        for link in new.values():
            link.start()

    def list_parts(self) -> list[int]:
        return sorted(self._links)

    def count_queued(self) -> int:
        """Return how many messages were taken from the broker and are not stored yet."""
        return len(self._intake)

    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def count_links(self) -> int:
        return len(self._links)

    def is_subscribed(self, part: int | None = None) -> bool:
        """Return whether it hears the devices of a part, or of all that it has."""
        links = self._links
        if part is not None:
            return part in links and links[part].is_subscribed()
        return bool(links) and all(link.is_subscribed() for link in links.values())

    def _hears(self) -> bool:
        return any(link.is_subscribed() for link in self._links.values())

    def measure_lag(self) -> float:
        """Return by how many seconds, at most, the broker's deliveries lag behind what comes to it."""
        now = time.monotonic()
        return max((now - link.up_to for link in self._links.values()), default=0.0)

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

    def reconnect(self, part: int | None = None) -> None:
        """End the connection, or that of one part; the client makes a new one, on which the broker repeats what was
        not acknowledged."""
        for link in list(self._links.values()):
            if part in (None, link.part):
                link.reconnect()

    # The network's threads --------------------------------------------------------------------

    def on_lost(self) -> None:
        with self._arrived:
            self._connection += 1

    def take_in(self, link: Link, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Take deliveries in; return those that have to wait until others are stored, in their order.

        Before the first fence of a connection anything waits: what comes then lay at the broker, and no press among it
        counts. Later it is what devices within their pace sent: each of them, and a press too, is one of many. What
        there is no room for of those that send too much is left out, until the broker repeats it, so that presses come.
        """
        if self._stopping.is_set():
            return ()
        now, is_due = time.monotonic(), False
        done: list[int] = []
        held_up: list[Delivery] = []
        with self._arrived:
            most = count_most([other.waiting for other in self._links.values() if other is not link])
            for delivery in deliveries:
                if delivery.mid and (held_up or (delivery.topic != FENCE and self._must_wait(link, most))):
                    held_up.append(delivery)
                    continue
                verdict = self._take_in(link, delivery, now)
                if verdict is None and delivery.mid:
                    done.append(delivery.mid)
                is_due |= verdict is True
            link.is_held_up = bool(held_up)
            if is_due:
                self._arrived.notify()
        if done:
            link.acknowledge_now(done)
        return held_up

    def _must_wait(self, link: Link, most: int) -> bool:
        if link.came_after is not None:
            return self._intake.is_full(Pace.WITHIN)
        return link.waiting >= most or any(map(self._intake.is_full, ROOMS))

    def _take_in(self, link: Link, delivery: Delivery, now: float) -> bool | None:
        """Queue it; return whether somebody should look at once. None if there is nothing to be done with it, so that
        it is acknowledged at once."""
        head, raw, mid, payload = delivery
        topic, device_id = self._names.get(raw) or self._read_name(raw)
        if topic == topics.FENCE:
            if fence := self._fences.read(payload):
                link.take_fence(fence)
            return None
        is_repeated = bool(head & DUP)
        if not is_repeated and self._intake.drop(device_id, now):  # before anything is made of it: there are many
            return None
        at = self._stamp(device_id)
        message = Message(device_id, payload, at, bool(head & RETAINED), is_repeated, link.came_after, link.part)
        pace = self._intake.judge(message, topic, now)
        if pace is Pace.BEYOND:
            return None
        if not self._intake.is_full(pace):
            link.waiting += mid > 0
            return self._intake.put(Arrival(link.connection, mid, delivery.qos, topic, message, link=link), pace)
        counts["shed"] += 1
        link.shed = link.shed or mid > 0
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
                self._gather()
                if self._stopping.is_set():
                    self._intake.measure(math.inf)  # nothing is put off any more
                batch = self._intake.take(time.monotonic())
                self._make_room(batch)
            if batch or self._stopping.is_set():
                self._taken_at = time.monotonic()
                return batch
            self._beat()
            self._tell_limited()

    def _gather(self) -> None:
        """Let a few that keep coming become enough, for a moment: so that storing costs no more of each message where
        it comes to a consumer that has time than where it comes to one that is busy.

        What comes after a rest waits for hardly anything, what comes soon after others until these are so long ago. One
        of several consumers, to which fewer come, takes twice the time.
        """
        now, longest = time.monotonic(), GATHER_SECONDS * (2 if parts.is_divided() else 1)
        until, earliest = now + longest, self._taken_at + longest
        self._intake.gathers = True
        while self._intake.may_grow() and not self._stopping.is_set():
            before = len(self._intake)
            self._arrived.wait(max(STEP_SECONDS, earliest - now))
            now = time.monotonic()
            if now > until or (now >= earliest and len(self._intake) == before):
                break
        self._intake.gathers = False

    def _make_room(self, batch: Sequence[Arrival]) -> None:
        """Let those look again that are held up, since these are taken."""
        for arrival in batch:
            if arrival.link and arrival.mid:
                arrival.link.waiting -= 1
        for link in self._links.values():
            if batch and link.is_held_up:
                link.go_on()

    def _deal_with(self, batch: list[Arrival], tries: int = 2) -> bool:
        """Return whether the batch is durable or beyond help, after so many tries that say nothing of when it can be
        stored; False only when stopping before it was."""
        pause, failures = FIRST_PAUSE, 0
        while True:
            batch[:] = [arrival for arrival in batch if not (arrival.link and arrival.link.is_left)]
            try:
                if batch:
                    self._handle([arrival.message for arrival in batch])
            except self._temporary as error:
                log.warning("%d messages wait, trying again in %.1f s: %s", len(batch), pause, error)
                self._failing = True
            except Exception:
                failures += 1
                log.exception("a batch of %d messages failed", len(batch))
                if failures == tries:
                    return self._deal_in_halves(batch)
            else:
                self._failing = False
                counts["handled"] += len(batch)
                return True
            self._beat()
            if self._stopping.wait(pause):
                return False
            pause = min(pause * 2, LONGEST_PAUSE)

    def _deal_in_halves(self, batch: list[Arrival]) -> bool:
        """Deal with all that can be stored, in their order, and give up what can't."""
        if len(batch) > 1:
            half = len(batch) // 2
            return all(self._deal_with(part, 1 + (len(part) == 1)) for part in (batch[:half], batch[half:]))
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
        by_link: dict[Link, list[Arrival]] = {}
        for arrival in batch:
            if arrival.link:
                by_link.setdefault(arrival.link, []).append(arrival)
        for link, arrivals in by_link.items():
            link.acknowledge(arrivals)
        for arrival in batch:
            if arrival.stored:
                arrival.stored.release()

    def _redeliver_shed(self) -> None:
        """Connect anew once there is room again: the broker then repeats what was not acknowledged, so nothing of the
        same session should wait to be stored."""
        if not self._intake.is_half_empty():
            return
        for link in self._links.values():
            if link.shed and not link.waiting:
                link.shed = False
                link.reconnect()

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
        for link in self._links.values():
            if (told := link.session) is None:
                continue
            try:
                self._on_session(told, link.part, link.client_id)
            except Exception as error:  # whatever it is, reports go on
                log.warning("not told yet that the session is %s: %s", "resumed" if told else "new", error)
            else:
                with link.same_connection:
                    link.session = None if link.session is told else link.session

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
            self._heartbeat.beat(self._links, connected=True, **facts, counts=dict(counts))
