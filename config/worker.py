"""The consumer in a Celery worker's main process: `celery -A config worker --consumer`, or CONSUMER=1.

One worker runs it. Pool processes that are forked later inherit its threads' memory and none of its threads, so
it starts after the pool, and the worker that hosts it should not be told to replace its pool processes.
"""

from __future__ import annotations

import gc
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from celery import bootsteps
from celery.worker.consumer import Consumer as CeleryConsumer
from django.conf import settings
from django.db import (
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    close_old_connections,
    connection,
)

import config.metrics  # noqa: F401  # which counts what becomes of messages
from config.ingest import ingest, record_failed, record_limits
from devices.broker import sessions
from devices.broker.closing import Closer
from devices.broker.comings import ConnectionEvents
from devices.broker.unrouted import UnroutedReports
from devices.commands.sender import Sender
from devices.mqtt.consumer import Consumer
from lib import metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devices.mqtt.messages import Message


# Of the database's errors only those of the data itself are the message's own; a database that is read-only after a
# failover, or waits for a migration, will take it later.
TEMPORARY = (OperationalError, InterfaceError, InternalError, ProgrammingError)


def make_consumer() -> Consumer:
    return Consumer(
        handle_batch,
        client_id=settings.MQTT_CLIENT_ID,
        clock=database_now,
        temporary=TEMPORARY,
        tell=record_limits,
        give_up=record_failed,
        on_session=sessions.record_session,
    )


def handle_batch(messages: Sequence[Message]) -> None:
    """Store a batch, on a new connection where the database has dropped the last one."""
    close_old_connections()
    metrics.BATCH_MESSAGES.observe(len(messages))
    with metrics.BATCH_SECONDS.time():
        ingest(messages)


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


class ConsumerStep(bootsteps.StartStopStep):  # type: ignore[misc]
    requires = {"celery.worker.components:Pool"}

    def __init__(self, worker: Any, consumer: bool = False, **options: Any) -> None:
        super().__init__(worker, **options)
        self.enabled = consumer or settings.CONSUMER
        self._consumer: Consumer | None = None
        self._unrouted: UnroutedReports | None = None
        self._comings: ConnectionEvents | None = None
        self._closer: Closer | None = None
        self._sender: Sender | None = None

    def start(self, worker: Any) -> None:
        gc.collect()
        gc.freeze()  # what is loaded by now stays: looking through it again and again took a third of the time
        self._consumer = make_consumer()
        self._consumer.start()
        metrics.LAG.set_function(self._consumer.measure_lag)
        self._unrouted = UnroutedReports(self._consumer)
        self._unrouted.start()
        self._comings = ConnectionEvents()
        self._comings.start()
        self._sender = Sender()
        self._sender.start()
        if settings.BROKER_AUTH_SECRET:  # the demo's broker asks nobody, and looks by itself
            self._closer = Closer(database_now)
            self._closer.start()

    def stop(self, worker: Any) -> None:
        for part in (self._sender, self._closer, self._comings, self._unrouted, self._consumer):
            if part is not None:
                part.stop()

    terminate = stop
