from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from devices import deliveries, files, sheets

log = logging.getLogger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def clear_expired() -> None:
    """Keys and files whose time is over; again and again changes nothing."""
    deliveries.clear_expired()
    files.clear_expired()


@shared_task  # type: ignore[untyped-decorator]
def make_sheet(pk: int) -> None:
    sheets.make(pk)


@shared_task  # type: ignore[untyped-decorator]
def find_sheets() -> None:
    """Labels that were asked for while no worker heard, or whose worker died."""
    for pk in sheets.unclaimed():
        make_sheet.delay(pk)


def make_sheet_soon(pk: int) -> None:
    """Never raises: what the queue does not take, `find_sheets` finds."""
    try:
        make_sheet.apply_async((pk,), retry=False)
    except OperationalError as error:
        log.warning("labels not queued, beat finds them: %s", error)
