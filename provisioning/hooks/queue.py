"""Taking the next call of a run, and writing what became of it: each by conditional UPDATEs on the database's clock.

A call counts as attempted before it is made. Whoever is killed meanwhile leaves a lease that runs out, and then the
same message is sent again, under the same id: at least once.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now

from lib.outgoing import results
from provisioning.models import HookCall, HookFeed, HookRun, is_free

if TYPE_CHECKING:
    from datetime import datetime

    from lib.outgoing.results import Answer

RETRIES = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
"""Seconds after each attempt that failed, by Standard Webhooks' advice; after the last one it waits for an admin."""
JITTER = 0.1
LEASE_SECONDS = 30  # three times what an attempt takes
State = HookRun.State


class Job(NamedTuple):
    """Hold a call that this process alone makes."""

    run: HookRun
    call: HookCall
    token: UUID
    now: datetime  # by the database's clock


def find_organisations() -> list[int]:
    """Return those that have calls to make now."""
    due = HookRun.objects.due().filter(organisation=OuterRef("pk"))
    return list(HookFeed.objects.filter(Exists(due)).order_by("pk").values_list("pk", flat=True))


def claim(organisation: int) -> Job | None:
    """Take the call of the organisation that has been due for longest; None if there is none."""
    _end_overtaken(organisation)
    while (run := HookRun.objects.due().filter(organisation=organisation).order_by("due_at", "pk").first()) is not None:
        token, until = uuid4(), Now() + timedelta(seconds=LEASE_SECONDS)
        if HookRun.objects.due().filter(pk=run.pk).update(worker=token, held_until=until) != 1:
            continue
        call = HookCall.objects.of(run).waiting().first()
        if call is None:  # an admin skipped the last one
            _give_back(run, token, State.DONE)
            continue
        HookCall.objects.filter(pk=call.pk).update(attempts=F("attempts") + 1, attempted_at=Now())
        call.attempts += 1
        return Job(run, call, token, call.now)
    return None


@transaction.atomic
def record(job: Job, answer: Answer) -> None:
    """Write the answer, and what is next: the following hook, another attempt later, or nothing until an admin acts.

    Nothing is written where another process took the run meanwhile: what that is told counts.
    """
    if HookRun.objects.filter(pk=job.run.pk, worker=job.token).update(worker=job.token) != 1:
        return
    call, told = job.call, answer.result == results.DONE
    gave_up = not told and (answer.result == results.GONE or call.attempts > len(RETRIES))
    state = HookCall.State.DONE if told else HookCall.State.FAILED if gave_up else HookCall.State.WAITING
    HookCall.objects.filter(pk=call.pk, state=HookCall.State.WAITING).update(
        state=state,
        result=answer.result,
        status=answer.status,
        milliseconds=answer.milliseconds,
        finished_at=Now() if told else None,
    )
    left = HookCall.objects.filter(run=job.run, state=HookCall.State.WAITING).order_by("position").first()
    failed = HookCall.objects.filter(run=job.run, state=HookCall.State.FAILED).exists()
    next_state = State.FAILED if failed else State.WAITING if left else State.DONE
    retries = left is not None and left.pk == call.pk
    seconds = _choose_delay(call.attempts, answer.retry_seconds) if retries else 0.0
    _give_back(job.run, job.token, next_state, seconds)


def _choose_delay(attempts: int, asked: int) -> float:
    """Return seconds, a little spread, so that what failed together is not tried together."""
    delay = RETRIES[min(attempts, len(RETRIES)) - 1]
    return max(float(asked), delay * random.uniform(1, 1 + JITTER))  # noqa: S311


def _give_back(run: HookRun, token: UUID, state: HookRun.State, seconds: float = 0.0) -> None:
    """Let go of the run; one that was overtaken meanwhile ends, unless it was done."""
    is_over = Q(overtaken=True) if state != State.DONE else Q(pk__in=[])
    HookRun.objects.filter(pk=run.pk, worker=token).update(
        worker=None,
        held_until=None,
        due_at=Now() + timedelta(seconds=seconds),
        state=Case(When(is_over, then=Value(State.OVERTAKEN.value)), default=Value(state.value)),
        finished_at=Now() if state == State.DONE else Case(When(is_over, then=Now()), default=None),
    )


def _end_overtaken(organisation: int) -> None:
    """End those whose sender was killed before it could."""
    left = HookRun.objects.filter(is_free(), organisation=organisation, overtaken=True, state__in=HookRun.OPEN)
    left.update(state=State.OVERTAKEN, finished_at=Now())
