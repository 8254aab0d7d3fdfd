"""A worker's side: goes on with an import from wherever it is, and ends it."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from devices import bulk, deliveries, live, sealing
from devices.imports import checking, lease, source
from devices.imports.making import Maker
from devices.imports.progress import tell, topic
from devices.imports.reading import Unreadable
from devices.models import Credential, Delivery, Event, File, Import, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.imports.lease import Lease
    from devices.imports.rows import Wrong

log = logging.getLogger(__name__)

State = Import.State
RACES = 5  # in which a serial was registered between our look and our write
TURN_SECONDS = 0.5
NO_KEY = (
    "The key of its secrets is gone: it waited too long, or the site's SECRET_KEY changed. Nothing more was made; "
    "import the rest again."
)


class Refused(Exception):
    """Rows that the check had let pass, in an import that is all or nothing."""

    def __init__(self, wrong: list[Wrong]) -> None:
        super().__init__(len(wrong))
        self.wrong = wrong


def work(pk: int) -> None:
    """Idempotent: whoever calls it when there is nothing to do, or while another works on it, does nothing."""
    if (held := lease.claim(pk)) is None:
        return
    related = "version__recipe__organisation__root", "file", "delivery__organisation", "organisation"
    importing = Import.objects.select_related(*related).get(pk=pk)
    with held, suppress(lease.Lost):
        try:
            _go_on(importing, held)
        except (lease.Lost, OperationalError, InterfaceError):
            # Another's now, or the database is away: then another goes on when the lease is over.
            if not held.is_cancelled():
                raise
            _end(importing, held, State.CANCELLED)
        except Refused as refused:
            _end(importing, held, State.FAILED, _since_the_check(refused.wrong), refused.wrong)
        except Exception as error:
            _end(importing, held, State.FAILED, _why(importing, error))


def _why(importing: Import, error: Exception) -> str:
    if isinstance(error, Unreadable):
        return error.cause
    if isinstance(error, deliveries.Gone | sealing.Unsealable):
        return NO_KEY
    log.exception("import %s failed", importing.key)
    return "Something unexpected happened here; it is in the site's log."


def _go_on(importing: Import, held: Lease) -> None:
    if importing.state == State.CHECKING:
        checking.check(importing, held)
        return
    if importing.delivery is None:
        raise deliveries.Gone
    deliveries.extend(delivery=importing.delivery)
    maker = Maker(importing, deliveries.key_of(importing.delivery))
    held.update(state=State.RUNNING, started_at=Coalesce("started_at", Now()))
    if importing.all_or_nothing:
        _at_once(importing, held, maker)
    else:
        _by_batches(importing, held, maker)


def _at_once(importing: Import, held: Lease, maker: Maker) -> None:
    """One transaction: a worker that is killed in it has made nothing, and the next makes the same."""
    groups = {group for _, _, cells in source.rows(importing) if (group := maker.rules.groups_of(cells)) is not None}
    for _ in _turns(held):
        with transaction.atomic():
            if not bulk.take_turn(importing.organisation_id):
                continue
            bulk.hold_leaves(groups)  # all in one order, before anything else
            made = 0
            for batch in source.batches(source.rows(importing), importing.total):
                made += _all_of(maker, batch)
                _in_between(importing, held, batch[-1][1])
            held.update(done=importing.total, made=made)
            _end(importing, held, State.DONE)
            return


def _all_of(maker: Maker, batch: list[source.Row]) -> int:
    try:
        made, wrong = maker.make(batch, ())
    except IntegrityError:
        # Somebody registered one of them a moment ago: after the rollback the check can name it.
        raise Refused([]) from None
    if wrong:
        raise Refused(wrong)
    return made


def _in_between(importing: Import, held: Lease, rows: int) -> None:
    if held.is_cancelled():
        raise lease.Lost
    tell(held, rows)
    live.announce([topic(importing)])


def _by_batches(importing: Import, held: Lease, maker: Maker) -> None:
    """A transaction a batch: rows, credentials, events and the checkpoint together or not at all."""
    done = importing.done
    for batch in source.batches(islice(source.rows(importing), done, None), importing.total):
        problems = Problem.objects.filter(importing=importing, row__range=(batch[0][0], batch[-1][0]))
        refused = set(problems.values_list("row", flat=True))
        _retried(importing, held, maker, batch, refused)
        live.announce([topic(importing)])
    _end(importing, held, State.DONE)


def _retried(importing: Import, held: Lease, maker: Maker, batch: list[source.Row], refused: set[int]) -> None:
    races = 0
    for _ in _turns(held):
        try:
            with transaction.atomic():
                if not bulk.take_turn(importing.organisation_id):
                    continue
                made, wrong = maker.make(batch, refused)
                checking.keep(importing, wrong)
                new = len({each.row for each in wrong})
                held.update(done=batch[-1][1], made=F("made") + made, refused=F("refused") + new)
                return
        except IntegrityError:
            if (races := races + 1) == RACES:
                raise


def _turns(held: Lease) -> Iterator[None]:
    """As long as another import writes to the organisation, and nobody asks to cancel."""
    yield
    while True:
        if held.is_cancelled():
            raise lease.Lost
        time.sleep(TURN_SECONDS)
        yield


def _since_the_check(wrong: list[Wrong]) -> str:
    if not wrong:
        return "One of its serials or certificates was registered meanwhile. Nothing was made; check it again."
    row, _, cause = wrong[0]
    rows = len({each.row for each in wrong})
    return f"Since the check {rows} of its rows can't be imported any more. Row {row}: {cause} Nothing was made."


def _end(importing: Import, held: Lease, state: State, cause: str = "", wrong: list[Wrong] | None = None) -> None:
    """Raises Lost, with nothing changed, if another worker has it."""
    with transaction.atomic():
        if not held.end(state=state, cause=cause[:500], finished_at=Now()):
            raise lease.Lost
        checking.keep(importing, wrong or ())
        settle(importing)


def settle(importing: Import) -> None:
    """What follows from an end: the event, and the time for which results can be had."""
    importing.refresh_from_db(fields=["state", "made", "refused", "total"])
    data = {"import": str(importing.key)} | {each: getattr(importing, each) for each in ("state", "made", "refused")}
    Event.objects.create(
        organisation_id=importing.organisation_id, by_id=importing.by_id, kind=Event.Kind.IMPORT_ENDED, data=data
    )
    keys = Credential.objects.filter(device__source=importing, kind=Credential.Kind.ACCESS_KEY)
    if importing.delivery_id and not keys.exists():
        Delivery.objects.filter(pk=importing.delivery_id).delete()  # nothing to hand over
    elif importing.delivery:
        deliveries.extend(delivery=importing.delivery)
    if importing.file_id:
        hours = max(24 * settings.IMPORT_KEEP_DAYS, importing.organisation.result_hours)
        File.objects.filter(pk=importing.file_id).update(expires_at=Now() + timedelta(hours=hours))
    transaction.on_commit(lambda: live.announce([topic(importing)]))
