"""Work that takes a while: done by one worker at a time, for as long as it is heard from, by the database's clock.

Waiting for a worker, a job is `held_until` one should have come to it; taken up, until that worker should have been
heard again. What is held no longer is offered anew by beat's round (`offer_abandoned`).
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ObjectDoesNotExist
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from devices.jobs import turns
from devices.models.job import Job
from lib import live, stopping
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime
    from typing import Self

    from django.db.models.expressions import CombinedExpression

    Settle = Callable[[], None]

log = logging.getLogger(__name__)

LATE_SECONDS = 10  # that a job waits for a worker until its page says so
SLICE_SECONDS = 5.0  # of a job, while others wait
AWAY = OperationalError, InterfaceError  # the database; the same may do later

J = TypeVar("J", bound=Job)
S = TypeVar("S")


class Lost(Exception):
    """Stop a worker: another one has taken over, or somebody asked to cancel; what is not committed must not be."""


class Behind(Exception):
    """Let other organisations come first; the job goes on later, from where it stands."""


class Progress(NamedTuple):
    state: str
    rows: int  # gone through
    total: int
    rate: float  # rows a second
    seconds_left: float | None
    percent: int  # 100 only once it ended well


def topic(job: Job) -> str:
    """Return the topic that `lib.live` announces at each step."""
    return f"{job._meta.model_name}:{job.key}"


def compute_lease_end() -> CombinedExpression:
    """Return the database's time at which a lease that is taken or renewed now runs out."""
    return Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS)


def build_queued_fields() -> dict[str, Any]:
    """Return the columns of a job that a worker is about to be asked for, and nobody works on yet."""
    times = {"held_until": compute_lease_end(), "started_at": None, "finished_at": None, "cancel_asked_at": None}
    return {"worker": None, "done": 0, **times}


def claim(model: type[J], pk: int, *, in_turn: bool = True, **fields: Any) -> Lease[J] | None:
    """Return a lease of the job if it waits for work, no living worker has it, and it is its turn or `in_turn` is
    false; else None. `fields` are set with it."""
    token = uuid.uuid4()
    free = model._default_manager.filter(Q(worker=None) | _silent(), pk=pk, state__in=model.WORKING)
    with transaction.atomic():
        may = not in_turn or turns.has_turn_come(model, pk)
        won = may and free.update(worker=token, held_until=compute_lease_end(), **fields) == 1
    return Lease(model, pk, token) if won else None


def offer_abandoned(model: type[Job]) -> list[int]:
    """Offer anew the jobs that nobody works on and nobody was asked to for a while, and return their keys; at once
    after that there are none."""
    silent = model._default_manager.filter(_silent(), state__in=model.WORKING).order_by("pk")
    return [pk for pk in silent.values_list("pk", flat=True) if _offer_again(model, pk)]


def _offer_again(model: type[Job], pk: int) -> bool:
    again = model._default_manager.filter(_silent(), pk=pk, state__in=model.WORKING)
    return again.update(worker=None, held_until=compute_lease_end()) == 1


def _silent() -> Q:
    return Q(held_until=None) | Q(held_until__lte=Now())


def is_late(job: Job, now: datetime) -> bool:
    """Return whether no worker took it up yet, or the one that did is no longer heard."""
    patience = 0 if job.worker else settings.JOB_LEASE_SECONDS - LATE_SECONDS
    return job.held_until is not None and job.held_until < now + timedelta(seconds=patience)


def cancel(job: Job, *, settle: Settle, idle: Collection[str] = ()) -> bool:
    """End a job that nobody works on (in a state of work, or in one of `idle`), or ask its worker to; return whether it
    will end. `settle` does what follows from an end, in the same transaction."""
    rows = type(job)._default_manager.filter(pk=job.pk)
    with transaction.atomic():
        free = Q(state__in=idle) | Q(state__in=job.WORKING, worker=None)
        ended = {"state": "cancelled", "finished_at": Now(), "cancel_asked_at": Now(), "held_until": None}
        if won := rows.filter(free).update(**ended) == 1:
            job.refresh_from_db()
            settle()
        else:
            going = rows.filter(state__in=job.WORKING, cancel_asked_at=None)
            won = going.update(cancel_asked_at=Now()) == 1
        transaction.on_commit(lambda: live.announce([topic(job)]))
    job.refresh_from_db()
    return won


def progress(job: Job) -> Progress:
    """Return the progress as it is now, whatever `job` was read as."""
    fields = "state", "done", "total", "worker", "started_at", "finished_at"
    row = type(job)._default_manager.filter(pk=job.pk).annotate(now=Now()).values_list(*fields, "now").get()
    state, rows, total, worker, started_at, finished_at, now = row
    if worker is not None:
        rows = max(rows, int(cache.get(_progress_key(worker)) or 0))
    rows, is_over = min(rows, total), state not in job.WORKING
    rate = _compute_rate(rows, started_at, finished_at or now)
    left = (total - rows) / rate if rate and not is_over else None
    return Progress(state, rows, total, rate, left, _compute_percent(state, rows, total))


def _progress_key(worker: uuid.UUID) -> str:
    return f"worker:{worker}"


def _compute_rate(rows: int, began: datetime | None, until: datetime) -> float:
    seconds = (until - began).total_seconds() if began else 0.0
    return rows / seconds if seconds > 0 else 0.0


def _compute_percent(state: str, rows: int, total: int) -> int:
    if state in ("done", "checked"):
        return 100
    return min(100 * rows // total, 99) if total else 0


class Lease(Generic[J]):
    """Hold a job for one worker. While the block runs a thread beats, on a connection of its own: the work may be one
    long transaction."""

    def __init__(self, model: type[J], pk: int, token: uuid.UUID) -> None:
        self.model, self.pk, self.token = model, pk, token
        self.began = time.monotonic()
        self._ended = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True, name=f"{model.__name__} {pk}")

    def __enter__(self) -> Self:
        self._beating.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._beating.join()

    @cached_property
    def organisation(self) -> int:
        return int(self.model._default_manager.values_list("organisation", flat=True).get(pk=self.pk))

    def release(self) -> None:
        """Let somebody else go on at once: beat asks for it."""
        self._own_row().update(worker=None, held_until=None)

    def give_way(self) -> None:
        """Raise Behind, between batches: if this worker is told to stop, and after SLICE_SECONDS, if jobs of other
        organisations wait."""
        if stopping.is_stopping():
            raise Behind
        if time.monotonic() - self.began > SLICE_SECONDS and turns.others_wait(self.organisation):
            raise Behind

    def update(self, **fields: Any) -> None:
        """Set columns of the job. Raises Lost unless it is still this worker's and nobody asked to cancel, so that the
        transaction around it is rolled back."""
        if self._own_row().filter(cancel_asked_at=None).update(**fields) != 1:
            raise Lost

    def tell(self, rows: int) -> None:
        """Say how far a transaction is that nobody sees into; through Redis, which may be away. Raises Lost where
        somebody asked to cancel."""
        if self.is_cancelled():
            raise Lost
        cache.set(_progress_key(self.token), rows, 3600)

    def end(self, **fields: Any) -> None:
        """End the job, even where somebody asked to cancel. Raises Lost unless it is still this worker's."""
        if self._own_row().update(worker=None, held_until=None, finished_at=Now(), **fields) != 1:
            raise Lost

    def is_cancelled(self) -> bool:
        return bool(self._own_row().filter(cancel_asked_at__isnull=False).exists())

    def _own_row(self) -> Any:
        return self.model._default_manager.filter(pk=self.pk, worker=self.token)

    def _beat(self) -> None:
        try:
            while not self._ended.wait(settings.JOB_LEASE_SECONDS / 4):
                self._beat_once()
        finally:
            connection.close()

    def _beat_once(self) -> None:
        try:
            self._own_row().update(held_until=compute_lease_end())
            turns.keep_waiting(self.organisation, compute_lease_end())
        except DatabaseError as error:
            log.warning("the worker of %s %s can't say that it lives: %s", self.model.__name__, self.pk, error)
            connection.close()


def pace_steps(steps: Iterable[S]) -> Iterator[S]:
    """Yield the steps of a job, with a rest after each in proportion to what it took: others get their turn."""
    began = time.monotonic()
    for step in steps:
        yield step
        time.sleep(settings.JOB_PAUSE * (time.monotonic() - began))
        began = time.monotonic()


def work(
    lease: Lease[Any],
    do: Callable[[], None],
    *,
    end: Callable[[str, str], None],
) -> None:
    """Do it under the lease. Whatever stops it ends the job by `end(state, cause)`, in words of its refusal or as a
    fault of ours; while the database is away it is left to another, when beat finds it."""
    with lease, suppress(Lost):
        try:
            do()
        except Behind:
            lease.release()
        except (Lost, *AWAY) as error:
            _handle_stop(lease, error, end)
        except Refusal as refusal:
            end("failed", str(refusal))
        except Exception:
            log.exception("%s %s failed", lease.model.__name__, lease.pk)
            end("failed", OURS)
    _call_next(lease)


def _call_next(lease: Lease[Any]) -> None:
    try:
        turns.call_next(lease.organisation)
    except (*AWAY, ObjectDoesNotExist) as error:
        log.warning("after %s %s nobody is asked for, beat will: %s", lease.model.__name__, lease.pk, error)


OURS = (
    "Something went wrong on our side. The cause is in the site's log. Try again; if it fails again, tell whoever "
    "operates this site."
)


def _handle_stop(lease: Lease[Any], error: Exception, end: Callable[[str, str], None]) -> None:
    try:
        if lease.is_cancelled():
            end("cancelled", "")
        elif not isinstance(error, Lost):
            log.warning("%s %s waits for the database: %s", lease.model.__name__, lease.pk, error)
            lease.release()
    except AWAY as still:
        log.warning("%s %s is left to another worker: %s", lease.model.__name__, lease.pk, still)
