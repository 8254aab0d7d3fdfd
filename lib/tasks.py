"""Asking a worker for something once the transaction is committed."""

from __future__ import annotations

import logging

import redis
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from lib import redis_circuit

log = logging.getLogger(__name__)

# kombu tries to connect again and sleeps in between, for six seconds, whatever `retry` says: `max_retries` ends that.
BRIEFLY = {
    "socket_timeout": redis_circuit.TIMEOUT_SECONDS,
    "socket_connect_timeout": redis_circuit.TIMEOUT_SECONDS,
    "max_retries": 0,
}


def enqueue(task: str, *args: int) -> None:
    """Ask for a task by its name, with ids. Never raises: what is not asked for now is found by a beat's round."""
    transaction.on_commit(lambda: send(task, *args))


def send(task: str, *args: int) -> None:
    """Ask now, on a connection of its own, since a page waits for it."""
    url = settings.CELERY_BROKER_URL
    try:
        with redis_circuit.asking(url), current_app.connection_for_write(url, transport_options=BRIEFLY) as connection:
            current_app.send_task(task, args, connection=connection, retry=False)
    except (OperationalError, redis.RedisError) as error:
        log.warning("%s not queued, beat will: %s", task, error)
