"""A worker's side: goes on with an import from wherever it is, and ends it."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from devices import events, refusals
from devices.credentials import deliveries
from devices.imports import checker, locks, row_source
from devices.imports.people import find_people
from devices.imports.refusals import ROWS_REFUSED, ROWS_TAKEN
from devices.imports.writer import RowWriter
from devices.jobs import leases
from devices.lifecycle import persons
from devices.models import Assignment, Credential, Delivery, Device, Event, File, Import, Problem, Recipe
from devices.recipes import operations as recipes
from lib import live
from lib.db import copy, search_index
from lib.prepared import prepared
from lib.refusals import Refusal
from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.db.models import QuerySet

    from devices.imports.row_parser import RowError
    from devices.jobs.leases import Lease

State = Import.State
RACES = 5  # in which a serial was taken between our look and our write
TURN_SECONDS = 0.5
FILLED = (Device, Credential, Assignment, Event)


def work(pk: int) -> None:
    """Go on with an import. Whoever calls it when there is nothing to do, or while another works on it, does
    nothing."""
    if (lease := leases.claim(Import, pk)) is None:
        return
    related = "version__recipe__organisation__root", "file", "delivery__organisation", "organisation"
    importing = Import.objects.select_related(*related).get(pk=pk)

    def go_on() -> None:
        try:
            _go_on(importing, lease)
        except Refusal as refusal:
            _end(importing, lease, State.FAILED, str(refusal), refusal.facts.get("wrong", ()))

    leases.work(lease, go_on, end=partial(_end, importing, lease))


def _require_starter(importing: Import) -> None:
    """Raise Refusal, by the roles of this moment, unless whoever started it may still import."""
    if not any(_select_managed(by, importing.pk) for by in _select_starter(importing.by_id or 0)):
        raise Refusal(refusals.STARTER_NO_ADMIN)


@prepared
def _select_starter(pk: int) -> QuerySet[User]:
    return User.objects.filter(pk=pk)


@prepared
def _select_managed(by: User, pk: int) -> QuerySet[Import, int]:
    return Import.objects.manageable_by(by).filter(pk=pk).values_list("pk", flat=True)


def _go_on(importing: Import, lease: Lease[Import]) -> None:
    _require_starter(importing)
    if importing.state == State.CHECKING:
        checker.check(importing, lease)
        return
    if importing.delivery is None:
        raise Refusal(refusals.JOB_KEY_GONE)
    if importing.state == State.WAITING:  # nothing is made yet
        recipes.require_offered(importing.version)
    deliveries.extend_delivery(delivery=importing.delivery)
    writer = RowWriter(importing, deliveries.unseal_key(importing.delivery))
    lease.update(state=State.RUNNING, started_at=Coalesce("started_at", Now()))
    if importing.all_or_nothing:
        _make_at_once(importing, lease, writer)
    else:
        _make_by_batches(importing, lease, writer)
    search_index.sort_in(Device)


def _make_at_once(importing: Import, lease: Lease[Import], writer: RowWriter) -> None:
    """Make all devices in one transaction: a worker that is killed in it has made nothing, and the next makes the
    same."""
    groups = {
        group
        for _, _, cells in row_source.read_rows(importing)
        if (group := writer.rules.find_group(cells)) is not None
    }
    people = find_people(importing) if "person" in writer.rules.at else set()
    for _ in _await_turns(lease):
        with transaction.atomic():
            if not locks.take_turn(importing.organisation_id):
                continue
            persons.hold_people(people)
            locks.lock_leaves(groups)  # all in one order, before anything else
            made = 0
            for batch in leases.pace_steps(row_source.batch_rows(row_source.read_rows(importing), importing.total)):
                made += _make_all(writer, batch)
                copy.check_references()
                _require_starter(importing)
                _tell_progress(importing, lease, batch[-1][1])
            lease.update(done=importing.total, made=made)
            copy.count_anew(*FILLED)
            _end(importing, lease, State.DONE)
            return


def _make_all(writer: RowWriter, batch: row_source.Batch) -> int:
    try:
        made, wrong = writer.make(batch, ())
    except IntegrityError:
        # Somebody added one of them a moment ago: after the rollback the check can name it.
        raise Refusal(ROWS_TAKEN) from None
    if wrong:
        raise _refuse_rows(wrong)
    return made


def _tell_progress(importing: Import, lease: Lease[Import], rows: int) -> None:
    lease.tell(rows)
    live.announce([leases.topic(importing)])


def _make_by_batches(importing: Import, lease: Lease[Import], writer: RowWriter) -> None:
    """Make the devices in a transaction a batch: rows, credentials, events and the checkpoint together or not at
    all."""
    done = importing.done
    for batch in leases.pace_steps(
        row_source.batch_rows(islice(row_source.read_rows(importing), done, None), importing.total)
    ):
        refused = set(_select_refused(importing.pk, batch[0][0], batch[-1][0]))
        _make_batch(importing, lease, writer, batch, refused)
        if not done:
            copy.count_anew(*FILLED)
        done = batch[-1][1]
        live.announce([leases.topic(importing)])
        lease.give_way()
    copy.count_anew(*FILLED)
    _end(importing, lease, State.DONE)


@prepared
def _select_refused(importing: int, first: int, last: int) -> QuerySet[Problem, int]:
    return Problem.objects.filter(importing=importing, row__range=(first, last)).values_list("row", flat=True)


def _make_batch(
    importing: Import, lease: Lease[Import], writer: RowWriter, batch: row_source.Batch, refused: set[int]
) -> None:
    races = 0
    for _ in _await_turns(lease):
        try:
            with transaction.atomic():
                if not locks.take_turn(importing.organisation_id):
                    continue
                _require_starter(importing)
                made, wrong = writer.make(batch, refused)
                checker.store_problems(importing, wrong)
                new = len({error.row for error in wrong})
                lease.update(done=batch[-1][1], made=F("made") + made, refused=F("refused") + new)
                return
        except IntegrityError:
            if (races := races + 1) == RACES:
                raise


def _await_turns(lease: Lease[Import]) -> Iterator[None]:
    """Yield as long as another import writes to the organisation, and nobody asks to cancel."""
    yield
    while True:
        if lease.is_cancelled():
            raise leases.Lost
        time.sleep(TURN_SECONDS)
        yield


def _refuse_rows(wrong: list[RowError]) -> Refusal:
    """Return the refusal of an import that is all or nothing, for rows that the check had let pass."""
    row, _, cause = wrong[0]
    return Refusal(ROWS_REFUSED, wrong=wrong, count=len({error.row for error in wrong}), row=row, cause=cause)


def _end(importing: Import, lease: Lease[Import], state: str, cause: str = "", wrong: Sequence[RowError] = ()) -> None:
    """End the import. Raises Lost, with nothing changed, if another worker has it."""
    with transaction.atomic():
        lease.end(state=state, cause=cause[:500])
        checker.store_problems(importing, wrong)
        settle(importing)
        if state == State.DONE and importing.file_id:
            _remember(importing)


def _remember(importing: Import) -> None:
    """Keep what its columns were, for the recipe's next file."""
    recipe = Recipe.objects.select_for_update(no_key=True).get(pk=importing.version.recipe_id)
    columns = recipe.columns | dict(zip(importing.header, importing.columns, strict=True))
    Recipe.objects.filter(pk=recipe.pk).update(columns=dict(list(columns.items())[-200:]))


def settle(importing: Import) -> None:
    """Do what follows from an end: record the event, and set the time for which results can be had."""
    importing.refresh_from_db(fields=["state", "made", "refused", "total"])
    data = {"import": str(importing.key)} | {name: getattr(importing, name) for name in ("state", "made", "refused")}
    events.record(Event.Kind.IMPORT_ENDED, organisation=importing.organisation_id, by=importing.by_id, **data)
    keys = Credential.objects.filter(device__source=importing, kind=Credential.Kind.ACCESS_KEY)
    if importing.delivery_id and not keys.exists():
        Delivery.objects.filter(pk=importing.delivery_id).delete()  # nothing to hand over
    elif importing.delivery:
        deliveries.extend_delivery(delivery=importing.delivery)
    if importing.file_id:
        hours = max(24 * settings.IMPORT_KEEP_DAYS, importing.organisation.result_hours)
        File.objects.filter(pk=importing.file_id).update(expires_at=Now() + timedelta(hours=hours))
    transaction.on_commit(lambda: live.announce([leases.topic(importing)]))
