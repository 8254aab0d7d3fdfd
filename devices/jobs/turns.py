"""Whose job is next: organisations in turn, and so many of one's jobs at once, however many wait.

The queue holds what was asked in the order of its asking. A job whose turn it is not gives its thread back; when
one ends, the next of its organisation goes to the queue's end: each organisation has its place there, and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from devices.models import BulkAction, Import, LabelPrintJob
from lib import tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from devices.models import Job

KINDS: tuple[type[Job], ...] = (Import, LabelPrintJob, BulkAction)
_TURNS = 0x7475726E  # the class of our advisory locks


def has_turn_come(job: type[Job], pk: int) -> bool:
    """Decide whether this job may begin, beside those of its organisation that living workers have.

    Call it in a transaction: until its end nobody else is told about the same organisation.
    """
    organisation = job._default_manager.filter(pk=pk).values_list("organisation", flat=True).first()
    if organisation is None:
        return False
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_TURNS, organisation])
    going = sum(rows.filter(worker__isnull=False, held_until__gt=Now()).count() for rows in _find_working(organisation))
    return going < int(settings.JOBS_PER_ORGANISATION)


def keep_waiting(organisation: int, until: object) -> None:
    """Keep the jobs that wait behind a living worker from being taken for abandoned."""
    for rows in _find_working(organisation):
        rows.filter(worker=None).update(held_until=until)


def call_next(organisation: int) -> None:
    """Ask a worker for the organisation's job that has waited for longest."""
    waiting = [
        (created_at, kind, pk)
        for kind, rows in zip(KINDS, _find_working(organisation), strict=True)
        for created_at, pk in rows.filter(worker=None).order_by("created_at", "pk").values_list("created_at", "pk")[:1]
    ]
    if waiting:
        _, kind, pk = min(waiting, key=lambda job: (job[0], job[2]))
        tasks.send(kind.TASK, pk)


def others_wait(organisation: int) -> bool:
    """Return whether a job of another organisation waits for a worker."""
    return any(
        kind._default_manager.filter(state__in=kind.WORKING, worker=None).exclude(organisation=organisation).exists()
        for kind in KINDS
    )


def _find_working(organisation: int) -> Iterator[QuerySet[Job]]:
    for kind in KINDS:
        yield kind._default_manager.filter(organisation=organisation, state__in=kind.WORKING)
