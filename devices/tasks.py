from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from devices import actions, deliveries, files
from devices.models import Action

log = logging.getLogger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def clear_expired() -> None:
    """Keys, files and rows whose time is over; again and again changes nothing."""
    deliveries.clear_expired()
    files.clear_expired()
    actions.clear_old()


@shared_task  # type: ignore[untyped-decorator]
def run_action(pk: int) -> None:
    if action := Action.objects.filter(pk=pk).first():
        actions.run(action=action)


@shared_task  # type: ignore[untyped-decorator]
def resume_actions() -> None:
    """Those that nobody works on, because a worker or a message was lost."""
    for pk in actions.abandoned():
        queue_action(pk)


def queue_action(pk: int) -> None:
    """For a worker; without the queue it waits until `resume_actions` finds it."""
    try:
        run_action.delay(pk)
    except OperationalError:
        log.warning("action %s waits: the queue can't be reached", pk)
