"""A fleet on a production broker, for tests that share it: the site decides who may, and a consumer receives."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import amqp
import pytest
from django.db import connection
from django.utils import timezone

from devices.broker.closing import Closer
from devices.broker.unrouted import UnroutedReports
from devices.connections import limited
from devices.mqtt.consumer import Consumer
from tests.mqtt import fleet as fleets
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_django import Settings

    from devices.mqtt.intake import Limited
    from devices.mqtt.messages import Message
    from tests.mqtt.fleet import Fleet


@pytest.fixture(scope="module")
def fleet(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One for all tests of a file, since the node takes ten seconds to start."""
    with fleets.fleet(tmp_path_factory.mktemp("fleet")) as it:
        yield it


@pytest.fixture
def port(fleet: Fleet, settings: Settings) -> int:
    settings.MQTT_URL, settings.BROKER_AMQP_URL = fleet.site_url, f"amqp://127.0.0.1:{fleet.amqp}"
    return fleet.port


@pytest.fixture
def stored(port: int, fleet: Fleet) -> Iterator[list[Message]]:
    messages: list[Message] = []
    with consuming(fleet, messages):
        yield messages


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
