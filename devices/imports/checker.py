"""The dry run: every row against every rule, every problem kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from devices.imports import locks, row_source
from devices.imports.csv_reader import Unreadable
from devices.imports.first_seen import FirstSeen
from devices.imports.row_parser import ParsedRow, RowError, Rules
from devices.jobs import leases
from devices.models import Import, Problem
from lib import live

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devices.jobs.leases import Lease

State = Import.State


def check(importing: Import, lease: Lease[Import]) -> None:
    """From the beginning, whatever a killed worker left. Raises Lost, Unreadable."""
    with transaction.atomic():
        Problem.objects.filter(importing=importing).delete()
        lease.update(done=0, refused=0, started_at=Now(), finished_at=None)
    checked = Checked(importing)
    for batch in row_source.batches(
        row_source.rows(importing), importing.total
    ):  # unpaced: the database has little to do
        if batch[-1][1] > settings.IMPORT_MAX_ROWS:
            raise Unreadable(f"More than {settings.IMPORT_MAX_ROWS:,} rows. Split the file.")
        wrong = checked.problems(batch)
        with transaction.atomic():
            keep(importing, wrong)
            fields = {"total": batch[-1][1]} if batch[-1][1] > importing.total else {}
            lease.update(done=batch[-1][1], refused=checked.refused, **fields)
        live.announce([leases.topic(importing)])
    lease.end(state=State.CHECKED, total=checked.count, refused=checked.refused)
    live.announce([leases.topic(importing)])


def keep(importing: Import, wrong: Iterable[RowError]) -> None:
    found = (Problem(importing=importing, row=each.row, column=each.column, cause=each.cause[:300]) for each in wrong)
    Problem.objects.bulk_create(found, batch_size=500)


class Checked:
    def __init__(self, importing: Import) -> None:
        self.refused = self.count = 0
        self._rules = Rules(importing)
        self._organisation = importing.organisation_id
        self._serials = FirstSeen(importing.total)
        self._certificates = FirstSeen()

    def problems(self, batch: Sequence[row_source.Row]) -> list[RowError]:
        wrong: list[RowError] = []
        wanted: list[ParsedRow] = []
        for row, count, cells in batch:
            found = self._rules.read(row, count, cells)
            if isinstance(found, ParsedRow):
                wanted.append(found)
            else:
                wrong += found
        for each in wanted:
            wrong += self._twice(each)
        wrong += already(self._organisation, self._rules, wanted)
        self.count = batch[-1][1]
        self.refused += len({each.row for each in wrong})
        return sorted(wrong)

    def _twice(self, wanted: ParsedRow) -> list[RowError]:
        found = []
        if wanted.key and (first := self._serials.of(wanted.key, wanted.row)) != wanted.row:
            cause = f"“{wanted.serial}”: The same serial as in row {first}; look-alikes such as O and 0 count as one."
            found.append(RowError(wanted.row, self._rules.column("serial"), cause))
        if wanted.certificate:
            first = self._certificates.of(wanted.certificate.fingerprint, wanted.row)
            if first != wanted.row:
                cause = f"The same certificate as in row {first}. Each device needs its own."
                found.append(RowError(wanted.row, self._rules.column("certificate"), cause))
        return found


def already(organisation: int, rules: Rules, wanted: Sequence[ParsedRow]) -> list[RowError]:
    """Those whose serial or certificate another device has."""
    serials = locks.taken_serials(organisation, [each.key for each in wanted if each.key])
    fingerprints = [each.certificate.fingerprint for each in wanted if each.certificate]
    certificates = locks.taken_credentials(fingerprints)
    if not serials and not certificates:
        return []
    found = []
    for each in wanted:
        if each.key in serials:
            cause = f"“{each.serial}”: A device with this serial is registered already."
            found.append(RowError(each.row, rules.column("serial"), cause))
        if each.certificate and each.certificate.fingerprint in certificates:
            cause = "Another device has this certificate already. Each device needs its own."
            found.append(RowError(each.row, rules.column("certificate"), cause))
    return found
