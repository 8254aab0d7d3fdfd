"""Asking a worker for something once the transaction is committed."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def enqueue(task: str, *args: int) -> None:
    """By the task's name, with ids. Never raises: what is not asked for now is found by a beat's round."""
    transaction.on_commit(lambda: send(task, *args))


def send(task: str, *args: int) -> None:
    try:
        current_app.send_task(task, args, retry=False)
    except OperationalError as error:
        log.warning("%s not queued, beat will: %s", task, error)
