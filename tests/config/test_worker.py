"""Which errors the consumer waits out, keeping the batch: all that are not the data's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.db import connection, connections
from django.utils import timezone

from config.tasks import clear_sessions
from config.worker import TEMPORARY, handle_batch
from devices.mqtt.messages import Message
from telemetry.models import Report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import World


def message(world: World) -> Message:
    return Message(world.placed.device_id, json.dumps({"data": {"rpm": 1}}).encode(), timezone.now())


@pytest.fixture
def read_only(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As after a failover to a database that only reads."""
    monkeypatch.setitem(connections.databases["default"], "CONN_MAX_AGE", None)  # it is not replaced
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_database_that_only_reads_is_waited_for(world: World, read_only: None) -> None:
    with pytest.raises(TEMPORARY):
        handle_batch([message(world)])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_schema_that_lags_is_waited_for(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE telemetry_report RENAME COLUMN timed TO soon")
    try:
        with pytest.raises(TEMPORARY):
            handle_batch([message(world)])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE telemetry_report RENAME COLUMN soon TO timed")
    handle_batch([message(world)])
    assert Report.objects.filter(device=world.placed).exists()


def test_the_daily_task_runs(db: None) -> None:
    clear_sessions()
