"""What stands by a production broker in these tests: a consumer, a closer, somebody who looks into its queues."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import amqp
from django.db import connection
from django.utils import timezone

from devices.broker.closing import Closer
from devices.broker.unrouted import UnroutedReports
from devices.connections import limited
from devices.mqtt.consumer import Consumer
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devices.mqtt.intake import Limited
    from devices.mqtt.messages import Message
    from tests.mqtt.fleet import Fleet


@contextmanager
def consuming(fleet: Fleet, into: list[Message]) -> Iterator[None]:
    consumer = Consumer(into.extend, client_id="handover-consumer", clock=timezone.now, tell=_tell)
    unrouted = UnroutedReports(consumer)
    consumer.start()
    unrouted.start()
    eventually(fleet.is_ready, 60)
    yield
    unrouted.stop()
    consumer.stop()


def _tell(those: Mapping[str, Limited]) -> None:
    """As the consumer's command does, in a thread whose connection the test's database does not wait for."""
    try:
        limited.record_limits({key: each[:2] for key, each in those.items()})
    finally:
        connection.close()


@contextmanager
def asking(fleet: Fleet) -> Iterator[amqp.Connection]:
    with amqp.Connection(f"127.0.0.1:{fleet.amqp}", userid="site", password="site-secret") as connection:
        yield connection


@contextmanager
def closing_for(fleet: Fleet) -> Iterator[None]:
    closer = Closer(timezone.now, url=fleet.site_url)
    closer.start()
    yield
    closer.stop()
