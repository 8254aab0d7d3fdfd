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

from devices import events
from devices.credentials import deliveries
from devices.imports import checker, locks, row_source
from devices.imports.csv_reader import Unreadable
from devices.imports.writer import RowWriter
from devices.jobs import leases
from devices.models import Assignment, Credential, Delivery, Device, Event, File, Import, Problem, Recipe
from lib import key_wrapping, live
from lib.db import copy
from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devices.imports.row_parser import RowError
    from devices.jobs.leases import Lease

State = Import.State
RACES = 5  # in which a serial was registered between our look and our write
TURN_SECONDS = 0.5
FILLED = (Device, Credential, Assignment, Event)
NO_KEY = (
    "The key of its secrets is gone: it waited too long, or the site's SECRET_KEY changed. Nothing more was made; "
    "import the rest again."
)


class Barred(Exception):
    """Whoever started it may not import any more; the message says what to do."""

    def __init__(self) -> None:
        super().__init__("Whoever started it is no longer an admin of the organisation. Start it again.")


class Refused(Exception):
    """Rows that the check had let pass, in an import that is all or nothing."""

    def __init__(self, wrong: list[RowError]) -> None:
        super().__init__(len(wrong))
        self.wrong = wrong


def work(pk: int) -> None:
    """Idempotent: whoever calls it when there is nothing to do, or while another works on it, does nothing."""
    if (lease := leases.claim(Import, pk)) is None:
        return
    related = "version__recipe__organisation__root", "file", "delivery__organisation", "organisation"
    importing = Import.objects.select_related(*related).get(pk=pk)

    def go_on() -> None:
        try:
            _go_on(importing, lease)
        except Refused as refused:
            _end(importing, lease, State.FAILED, _since_the_check(refused.wrong), refused.wrong)

    leases.work(lease, go_on, end=partial(_end, importing, lease), why=_why)


def _why(error: Exception) -> str | None:
    if isinstance(error, Unreadable):
        return error.cause
    if isinstance(error, Barred):
        return str(error)
    return NO_KEY if isinstance(error, deliveries.Gone | key_wrapping.Unsealable) else None


def _ask(importing: Import) -> None:
    """Raises Barred, by the roles of this moment."""
    by = User.objects.filter(pk=importing.by_id or 0).first()
    if by is None or not Import.objects.manageable_by(by).filter(pk=importing.pk).exists():
        raise Barred


def _go_on(importing: Import, lease: Lease[Import]) -> None:
    _ask(importing)
    if importing.state == State.CHECKING:
        checker.check(importing, lease)
        return
    if importing.delivery is None:
        raise deliveries.Gone
    deliveries.extend(delivery=importing.delivery)
    maker = RowWriter(importing, deliveries.key_of(importing.delivery))
    lease.update(state=State.RUNNING, started_at=Coalesce("started_at", Now()))
    if importing.all_or_nothing:
        _at_once(importing, lease, maker)
    else:
        _by_batches(importing, lease, maker)


def _at_once(importing: Import, lease: Lease[Import], maker: RowWriter) -> None:
    """One transaction: a worker that is killed in it has made nothing, and the next makes the same."""
    groups = {
        group for _, _, cells in row_source.rows(importing) if (group := maker.rules.groups_of(cells)) is not None
    }
    for _ in _turns(lease):
        with transaction.atomic():
            if not locks.take_turn(importing.organisation_id):
                continue
            locks.hold_leaves(groups)  # all in one order, before anything else
            made = 0
            for batch in leases.paced(row_source.batches(row_source.rows(importing), importing.total)):
                made += _all_of(maker, batch)
                copy.check_references()
                _ask(importing)
                _in_between(importing, lease, batch[-1][1])
            lease.update(done=importing.total, made=made)
            copy.count_anew(*FILLED)
            _end(importing, lease, State.DONE)
            return


def _all_of(maker: RowWriter, batch: list[row_source.Row]) -> int:
    try:
        made, wrong = maker.make(batch, ())
    except IntegrityError:
        # Somebody registered one of them a moment ago: after the rollback the check can name it.
        raise Refused([]) from None
    if wrong:
        raise Refused(wrong)
    return made


def _in_between(importing: Import, lease: Lease[Import], rows: int) -> None:
    lease.tell(rows)
    live.announce([leases.topic(importing)])


def _by_batches(importing: Import, lease: Lease[Import], maker: RowWriter) -> None:
    """A transaction a batch: rows, credentials, events and the checkpoint together or not at all."""
    done = importing.done
    for batch in leases.paced(row_source.batches(islice(row_source.rows(importing), done, None), importing.total)):
        problems = Problem.objects.filter(importing=importing, row__range=(batch[0][0], batch[-1][0]))
        refused = set(problems.values_list("row", flat=True))
        _retried(importing, lease, maker, batch, refused)
        if not done:
            copy.count_anew(*FILLED)
        done = batch[-1][1]
        live.announce([leases.topic(importing)])
        lease.give_way()
    copy.count_anew(*FILLED)
    _end(importing, lease, State.DONE)


def _retried(
    importing: Import, lease: Lease[Import], maker: RowWriter, batch: list[row_source.Row], refused: set[int]
) -> None:
    races = 0
    for _ in _turns(lease):
        try:
            with transaction.atomic():
                if not locks.take_turn(importing.organisation_id):
                    continue
                _ask(importing)
                made, wrong = maker.make(batch, refused)
                checker.keep(importing, wrong)
                new = len({each.row for each in wrong})
                lease.update(done=batch[-1][1], made=F("made") + made, refused=F("refused") + new)
                return
        except IntegrityError:
            if (races := races + 1) == RACES:
                raise


def _turns(lease: Lease[Import]) -> Iterator[None]:
    """As long as another import writes to the organisation, and nobody asks to cancel."""
    yield
    while True:
        if lease.is_cancelled():
            raise leases.Lost
        time.sleep(TURN_SECONDS)
        yield


def _since_the_check(wrong: list[RowError]) -> str:
    if not wrong:
        return "One of its serials or certificates was registered meanwhile. Nothing was made; check it again."
    row, _, cause = wrong[0]
    rows = len({each.row for each in wrong})
    return f"Since the check {rows} of its rows can't be imported any more. Row {row}: {cause} Nothing was made."


def _end(importing: Import, lease: Lease[Import], state: str, cause: str = "", wrong: Sequence[RowError] = ()) -> None:
    """Raises Lost, with nothing changed, if another worker has it."""
    with transaction.atomic():
        lease.end(state=state, cause=cause[:500])
        checker.keep(importing, wrong)
        settle(importing)
        if state == State.DONE and importing.file_id:
            _remember(importing)


def _remember(importing: Import) -> None:
    """What its columns were, for the recipe's next file."""
    recipe = Recipe.objects.select_for_update(no_key=True).get(pk=importing.version.recipe_id)
    columns = recipe.columns | dict(zip(importing.header, importing.columns, strict=True))
    Recipe.objects.filter(pk=recipe.pk).update(columns=dict(list(columns.items())[-200:]))


def settle(importing: Import) -> None:
    """What follows from an end: the event, and the time for which results can be had."""
    importing.refresh_from_db(fields=["state", "made", "refused", "total"])
    data = {"import": str(importing.key)} | {each: getattr(importing, each) for each in ("state", "made", "refused")}
    events.record(Event.Kind.IMPORT_ENDED, organisation=importing.organisation_id, by=importing.by_id, **data)
    keys = Credential.objects.filter(device__source=importing, kind=Credential.Kind.ACCESS_KEY)
    if importing.delivery_id and not keys.exists():
        Delivery.objects.filter(pk=importing.delivery_id).delete()  # nothing to hand over
    elif importing.delivery:
        deliveries.extend(delivery=importing.delivery)
    if importing.file_id:
        hours = max(24 * settings.IMPORT_KEEP_DAYS, importing.organisation.result_hours)
        File.objects.filter(pk=importing.file_id).update(expires_at=Now() + timedelta(hours=hours))
    transaction.on_commit(lambda: live.announce([leases.topic(importing)]))
