"""How far an import is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.core.cache import cache
from django.db.models.functions import Now

from devices.models import Import

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from devices.imports.lease import Lease

State = Import.State
ENDED = (State.CHECKED, State.DONE, State.CANCELLED, State.FAILED)


class Progress(NamedTuple):
    state: str
    rows: int  # gone through
    total: int  # while a file is being checked, as many as it has lines
    rate: float  # rows a second
    seconds_left: float | None
    percent: int  # 100 only once it ended


def progress(importing: Import) -> Progress:
    """As it is now, whatever `importing` was read as."""
    fields = "state", "done", "total", "all_or_nothing", "worker", "started_at", "finished_at"
    row = Import.objects.filter(pk=importing.pk).annotate(now=Now()).values_list(*fields, "now").get()
    state, rows, total, whole, worker, started_at, finished_at, now = row
    if whole and state == State.RUNNING and worker is not None:
        rows = max(rows, int(cache.get(_carrier(worker)) or 0))
    rows = min(rows, total)
    rate = _rate(rows, started_at, finished_at or now)
    left = (total - rows) / rate if rate and state not in ENDED else None
    return Progress(state, rows, total, rate, left, _percent(state, rows, total))


def tell(lease: Lease, rows: int) -> None:
    """How far a transaction is that nobody sees into; through Redis, which may be away."""
    cache.set(_carrier(lease.token), rows, 3600)


def topic(importing: Import) -> str:
    """What `devices.live` announces at each step."""
    return f"import:{importing.key}"


def _carrier(worker: UUID) -> str:
    return f"import-worker:{worker}"


def _rate(rows: int, began: datetime | None, until: datetime) -> float:
    seconds = (until - began).total_seconds() if began else 0.0
    return rows / seconds if seconds > 0 else 0.0


def _percent(state: str, rows: int, total: int) -> int:
    if state in (State.DONE, State.CHECKED):
        return 100
    return min(100 * rows // total, 99) if total else 0
