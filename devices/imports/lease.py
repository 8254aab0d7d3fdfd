"""Who works on an import: one worker at a time, for as long as it is heard from, by the database's clock."""

from __future__ import annotations

import logging
import threading
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from devices.models import Import

if TYPE_CHECKING:
    from typing import Any, Self

log = logging.getLogger(__name__)

State = Import.State
WORKING = (State.CHECKING, State.WAITING, State.RUNNING)


class Lost(Exception):
    """Another worker has taken over, or somebody asked to cancel; what is not committed must not be."""


def _silent() -> Q:
    return Q(beat_at=None) | Q(beat_at__lt=Now() - timedelta(seconds=settings.IMPORT_LEASE_SECONDS))


def claim(pk: int) -> Lease | None:
    """The import, if it waits for work and no living worker has it."""
    token = uuid.uuid4()
    free = Import.objects.filter(Q(worker=None) | _silent(), pk=pk, state__in=WORKING)
    return Lease(pk, token) if free.update(worker=token, beat_at=Now()) == 1 else None


def forsaken() -> list[int]:
    """Imports that nobody works on and nobody was asked to for a while. Asked for again, they are not in it."""
    silent = Import.objects.filter(_silent(), state__in=WORKING)
    return [pk for pk in silent.values_list("pk", flat=True) if _offer(pk)]


def _offer(pk: int) -> bool:
    again = Import.objects.filter(_silent(), pk=pk, state__in=WORKING)
    return again.update(worker=None, beat_at=Now()) == 1


class Lease:
    """While the block runs a thread beats, on a connection of its own: the work may be one long transaction."""

    def __init__(self, pk: int, token: uuid.UUID) -> None:
        self.pk, self.token = pk, token
        self._ended = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True, name=f"import {pk}")

    def __enter__(self) -> Self:
        self._beating.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._beating.join()

    def release(self) -> None:
        """Somebody else may go on at once."""
        self._mine().update(worker=None)

    def update(self, **fields: Any) -> None:
        """Raises Lost, so that the transaction around it is rolled back, unless the import is still this worker's."""
        if self._mine().filter(cancel_asked_at=None).update(**fields) != 1:
            raise Lost

    def end(self, **fields: Any) -> bool:
        """As `update`, even where somebody asked to cancel; whether it was still this worker's."""
        return bool(self._mine().update(worker=None, beat_at=None, **fields) == 1)

    def is_cancelled(self) -> bool:
        return bool(self._mine().filter(cancel_asked_at__isnull=False).exists())

    def _mine(self) -> Any:
        return Import.objects.filter(pk=self.pk, worker=self.token)

    def _beat(self) -> None:
        try:
            while not self._ended.wait(settings.IMPORT_LEASE_SECONDS / 4):
                self._beat_once()
        finally:
            connection.close()

    def _beat_once(self) -> None:
        try:
            self._mine().update(beat_at=Now())
        except DatabaseError as error:
            log.warning("an import's worker can't say that it lives, trying again: %s", error)
            connection.close()
