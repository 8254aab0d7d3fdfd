"""The consumer in a Celery worker's main process: `celery -A config worker --consumer`, or CONSUMER=1.

As many workers run it as share the devices (CONSUMERS); what more there are stand by. Pool processes that are forked
later inherit its threads' memory and none of its threads, so it starts after the pool, and the worker that hosts it
should not be told to replace its pool processes.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import amqp
from celery import bootsteps
from celery.worker.consumer import Consumer as CeleryConsumer
from django.conf import settings
from django.db import (
    Error,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    close_old_connections,
    connection,
)

import config.metrics  # noqa: F401  # which counts what becomes of messages
from config.ingest import ingest, record_failed, record_limits
from devices.broker import division, sessions
from devices.broker.closing import Closer
from devices.broker.comings import ConnectionEvents
from devices.broker.unrouted import UnroutedReports
from devices.commands.sender import Sender
from devices.mqtt import parts
from devices.mqtt.consumer import Consumer
from devices.mqtt.leases import EVERY_SECONDS, Leases
from lib import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from devices.mqtt.messages import Message

log = logging.getLogger(__name__)

WITHIN = 10.0  # seconds in which it leaves
GARBAGE = 20_000  # new objects, after which the youngest are looked through

# Of the database's errors only those of the data itself are the message's own; a database that is read-only after a
# failover, or waits for a migration, will take it later.
TEMPORARY = (OperationalError, InterfaceError, InternalError, ProgrammingError, parts.Lost)


def make_consumer(hold: Callable[[Collection[int]], None] = lambda _: None, held: Collection[int] = (0,)) -> Consumer:
    """Return a consumer that has the parts `held` at first; `hold` keeps parts from being handed over until the
    transaction ends."""
    return Consumer(
        lambda messages: handle_batch(messages, hold),
        held=held,
        client_id=settings.MQTT_CLIENT_ID,
        clock=database_now,
        temporary=TEMPORARY,
        tell=record_limits,
        give_up=record_failed,
        on_session=sessions.record_session,
    )


def handle_batch(messages: Sequence[Message], hold: Callable[[Collection[int]], None] = lambda _: None) -> None:
    """Store a batch, on a new connection where the database has dropped the last one. Raises parts.Lost where some of
    it is another consumer's by now."""
    close_old_connections()
    metrics.BATCH_MESSAGES.observe(len(messages))
    numbers = {message.part for message in messages if message.part is not None}
    with metrics.BATCH_SECONDS.time():
        ingest(messages, lambda: hold(numbers))


class TaskConsumer(CeleryConsumer):  # type: ignore[misc]
    """Consume tasks as Celery does, but try again at a calm pace while Redis answers and refuses.

    As it comes, a Redis that takes no writes (read-only after a failover, out of memory) ends the worker, and with it
    the consumer of reports; CELERY_BROKER_CHANNEL_ERROR_RETRY makes it try again, five times in less than a second.
    """

    PAUSE_SECONDS = 1.0

    def __init__(self, *args: Any, worker_options: dict[str, Any] | None = None, **options: Any) -> None:
        # Its heartbeats are for monitors of Celery. While Redis hangs, each is tried again without end, and the worker
        # hears no signal meanwhile.
        super().__init__(*args, worker_options={**(worker_options or {}), "without_heartbeat": True}, **options)

    def on_connection_error_before_connected(self, error: Exception) -> None:
        super().on_connection_error_before_connected(error)
        time.sleep(self.PAUSE_SECONDS)

    def on_connection_error_after_connected(self, error: Exception) -> None:
        super().on_connection_error_after_connected(error)
        time.sleep(self.PAUSE_SECONDS)


def database_now() -> datetime:
    """Return the time by the clock that windows are opened and judged by."""
    close_old_connections()
    on_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ("STATEMENT_TIMESTAMP()" if on_postgresql else "STRFTIME('%Y-%m-%d %H:%M:%f')"))
        now = cursor.fetchone()[0]
    return now if on_postgresql else datetime.fromisoformat(now).replace(tzinfo=UTC)


class Member:
    """Be one of the consumers: have the parts that the leases say, and beside the first one what only one does."""

    def __init__(self) -> None:
        self._leases = Leases(lambda former: division.divide(former, self.consumer.store), self._keep)
        self.consumer = make_consumer(self._leases.hold, held=())
        self._unrouted = UnroutedReports(self.consumer)
        self._beside: list[ConnectionEvents | Closer | Sender] = []
        self._stopping = threading.Event()
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        self.consumer.start()
        self._unrouted.start()
        metrics.LAG.set_function(self.consumer.measure_lag)
        metrics.QUEUED.set_function(self.consumer.count_queued)
        metrics.PARTS.set_function(lambda: len(self.consumer.list_parts()))
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(WITHIN)
        self._have_beside(wanted=False)
        self._unrouted.stop()
        self.consumer.stop()
        try:
            self._leases.end()
        except Error as error:
            log.warning("the other consumers take over in some seconds: %s", error)
        finally:
            connection.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            close_old_connections()
            try:
                held = self._leases.renew()
            except (Error, OSError, amqp.exceptions.AMQPError) as error:
                self._tell(f"the parts of the devices stay as they are for now: {error}")
            except Exception:
                log.exception("the parts of the devices stay as they are for now")
            else:
                self._tell("")
                self._have(held)
            self._stopping.wait(EVERY_SECONDS)

    def _keep(self, kept: set[int]) -> None:
        """Leave the parts that are not kept."""
        self.consumer.hold(kept & set(self.consumer.list_parts()))

    def _have(self, held: set[int]) -> None:
        if self._stopping.is_set():
            return
        former = self.consumer.list_parts()
        if sorted(held) != former:
            log.warning("parts of the devices: %s, were %s", sorted(held) or "none", former or "none")
            self.consumer.hold(held)
        self._have_beside(wanted=0 in held)

    def _have_beside(self, *, wanted: bool) -> None:
        """Start or end what runs once on a site, with the first part."""
        if wanted and not self._beside:
            self._beside = [ConnectionEvents(), Sender()]
            if settings.BROKER_AUTH_SECRET:  # the demo's broker asks nobody, and looks by itself
                self._beside.append(Closer(database_now))
            for each in self._beside:
                each.start()
        elif not wanted:
            for each in reversed(self._beside):
                each.stop()
            self._beside = []

    def _tell(self, what: str) -> None:
        """Log it once."""
        if what and what != self._told:
            log.warning("%s", what)
        self._told = what


class ConsumerStep(bootsteps.StartStopStep):  # type: ignore[misc]
    requires = {"celery.worker.components:Pool"}

    def __init__(self, worker: Any, consumer: bool = False, **options: Any) -> None:
        super().__init__(worker, **options)
        self.enabled = consumer or settings.CONSUMER
        self._member: Member | None = None

    def start(self, worker: Any) -> None:
        gc.collect()
        gc.freeze()  # what is loaded by now stays: looking through it again and again took a third of the time
        gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])  # a batch makes ten times as many, and leaves none behind
        self._member = Member()
        self._member.start()

    def stop(self, worker: Any) -> None:
        if self._member is not None:
            self._member.stop()

    terminate = stop
