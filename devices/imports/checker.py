"""The dry run: every row against every rule, every problem kept."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from devices.identity import serials
from devices.imports import corrections, locks, row_source, spreadsheets
from devices.imports.change_finder import ChangeFinder
from devices.imports.doubles import EMPTY_NAMES, DoubleCounter
from devices.imports.first_seen import FirstSeen
from devices.imports.gateways import GatewayRows, list_named
from devices.imports.odd_serials import OddSerials, can_differ
from devices.imports.outlook import Outlook
from devices.imports.problem_groups import ProblemGroups
from devices.imports.refusals import SERIALS_ROUNDED, TOO_FEW_SERIALS, TOO_MANY_ROWS
from devices.imports.row_parser import ParsedRow, RowError, Rules
from devices.jobs import leases
from devices.models import Change, Device, Import, Problem
from devices.recipes.organisation_format import format_of
from lib import live
from lib.parsing import remove_nul
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from devices.imports.placeholders import EmptyNames
    from devices.jobs.leases import Lease

State = Import.State
REGISTERED = "There is a device with this serial already."
RETIRED = "A retired device has this serial: bring it back, or give its serial free on its page."
LETTERS = 300  # of a cause
CHANCE = 3  # zeros in all: once in a thousand files it is so by itself


def check(importing: Import, lease: Lease[Import]) -> None:
    """Check every row from the beginning, whatever a killed worker left, and store every problem. Raises Lost,
    Refusal."""
    with transaction.atomic():
        Problem.objects.filter(importing=importing).delete()
        Change.objects.filter(importing=importing).delete()
        found = {"refused": 0, "serials_to_make": 0, "problem_groups": [], "changing": 0, "changed_fields": {}}
        found |= {"first_problems": [], "odd_serials": None, "double_columns": None, "outlook": None}
        lease.update(done=0, started_at=Now(), finished_at=None, **found)
    checked = CheckedChanges(importing) if importing.act == Import.Act.CHANGE else Checked(importing)
    for batch in row_source.batch_rows(
        row_source.read_rows(importing), importing.total
    ):  # unpaced: the database has little to do
        if batch[-1][1] > settings.IMPORT_MAX_ROWS:
            raise Refusal(TOO_MANY_ROWS, most=f"{settings.IMPORT_MAX_ROWS:,}")
        wrong = checked.find_problems(batch)
        checked.doubles.add(batch)
        checked.outlook.look_at(batch)
        checked.keep_first(batch, wrong)
        with transaction.atomic():
            store_problems(importing, wrong)
            checked.store_changes()
            fields = {"total": batch[-1][1]} if batch[-1][1] > importing.total else {}
            lease.update(done=batch[-1][1], refused=checked.refused, **fields)
        live.announce([leases.topic(importing)])
    if checked.bare * 4 > (fitting := format_of(importing.version)).capacity:
        raise Refusal(TOO_FEW_SERIALS, count=f"{checked.bare:,}", format=fitting.describe())
    if checked.rounded >= CHANCE:
        raise Refusal(SERIALS_ROUNDED, digits=spreadsheets.DIGITS)
    told = {"serials_to_make": checked.bare, "problem_groups": checked.groups.describe()}
    told |= {"changing": checked.changing, "changed_fields": dict(checked.changed_fields)}
    told |= {"first_problems": checked.first, "odd_serials": checked.odd.describe()}
    told |= {"outlook": checked.outlook.as_json()}
    empty = checked.empty_names.describe()
    told |= {"double_columns": checked.doubles.as_json() | ({EMPTY_NAMES: empty} if empty else {})}
    lease.end(state=State.CHECKED, total=checked.count, refused=checked.refused, **told)
    live.announce([leases.topic(importing)])


def store_problems(importing: Import, wrong: Iterable[RowError]) -> None:
    problems = (
        Problem(importing=importing, row=error.row, column=error.column, cause=_shorten(error.cause)) for error in wrong
    )
    Problem.objects.bulk_create(problems, batch_size=500)


def _shorten(cause: str) -> str:
    if len(cause) <= LETTERS:
        return cause
    begin = cause[: LETTERS - 2]
    return f"{begin.rpartition(' ')[0] or begin} …"


class Checked:
    def __init__(self, importing: Import) -> None:
        self.refused = self.count = 0
        self.rounded = 0  # digits that all serials have as zeros where a spreadsheet rounds; -1 if one has others
        self.bare = 0  # devices that get a serial here
        self.groups = ProblemGroups()
        self.odd = OddSerials()
        self.changing, self.changed_fields = 0, Counter[str]()
        self.first: list[tuple[int, list[str]]] = []  # rows with problems, as they stand in the file
        self.doubles = DoubleCounter(importing)
        self._rules = Rules(importing)
        self.outlook = Outlook(importing, self._rules)
        self._can_differ = can_differ(self._rules.format)
        self._importing = importing
        self._serials = FirstSeen(importing.total)
        self._certificates = FirstSeen()
        self._claim_codes = FirstSeen()
        at = self._rules.at.get("gateways")
        named = None if at is None else list_named(importing, at)
        self._gateways = None if named is None else GatewayRows(importing, self._rules, named)

    def find_problems(self, batch: row_source.Batch) -> list[RowError]:
        wrong: list[RowError] = []
        wanted: list[ParsedRow] = []
        is_plain = batch.is_plain
        for row, count, cells in batch:
            found = self._rules.read(row, count, cells, is_plain=is_plain)
            if isinstance(found, ParsedRow):
                wanted.append(found)
                wrong += self._find_repeats(found)
            else:
                wrong += found
                if bare := self._rules.read_serial_alone(row, cells):
                    wrong += self._find_repeats(bare)
        for parsed in wanted if self.rounded >= 0 else ():
            if len(parsed.serial) > spreadsheets.DIGITS and self.rounded >= 0:
                zeros = spreadsheets.count_rounded(parsed.serial)
                self.rounded = zeros if zeros < 0 else self.rounded + zeros
        wrong += find_taken(self._importing, self._rules, wanted)
        self.count = batch[-1][1]
        refused = {error.row for error in wrong}
        if self._gateways:
            wrong += self._gateways.find_problems([parsed for parsed in wanted if parsed.row not in refused])
            refused = {error.row for error in wrong}
        self.refused += len(refused)
        if self._rules.makes_serials:
            self.bare += sum(not parsed.key and parsed.row not in refused for parsed in wanted)
        if self._can_differ:
            self.odd.add((parsed.row, parsed.serial) for parsed in wanted if parsed.key and parsed.row not in refused)
        self.outlook.add([parsed for parsed in wanted if parsed.row not in refused] if refused else wanted)
        self.groups.add(wrong)
        return sorted(wrong)

    @property
    def empty_names(self) -> EmptyNames:
        return self._rules.empty_names

    def keep_first(self, batch: Sequence[row_source.Row], wrong: Sequence[RowError]) -> None:
        """Keep the first rows with problems, to be corrected on the page."""
        if wrong and len(self.first) < corrections.OFFERED:
            bad = {error.row for error in wrong}
            rows = ((row, cells) for row, _, cells in batch if row in bad and isinstance(cells, list))
            shown = [
                (row, [remove_nul(str(cell)) for cell in cells]) for row, cells in rows if corrections.is_offered(cells)
            ]
            self.first += shown[: corrections.OFFERED - len(self.first)]

    def store_changes(self) -> None:
        """Store what the last rows would change: new devices change nothing."""

    def _find_repeats(self, wanted: ParsedRow) -> Sequence[RowError]:
        errors: list[RowError] = []
        key = wanted.key
        if ":" in key or "." in key:
            key = serials.join_writings(key)
        first = self._serials.find_first(key, wanted.row) if key else wanted.row
        if first != wanted.row:
            cause = f"“{wanted.serial}”: The same serial as in row {first}; look-alikes such as O and 0 count as one."
            errors.append(RowError(wanted.row, self._rules.find_column("serial"), cause))
        elif not wanted.certificate and not wanted.claim_digest:  # as most
            return ()
        if wanted.certificate:
            first = self._certificates.find_first(wanted.certificate.fingerprint, wanted.row)
            if first != wanted.row:
                cause = f"The same certificate as in row {first}. Each device needs its own."
                errors.append(RowError(wanted.row, self._rules.find_column("certificate"), cause))
        if wanted.claim_digest:
            first = self._claim_codes.find_first(wanted.claim_digest.hex(), wanted.row)
            if first != wanted.row:
                cause = f"The same claim code as in row {first}. Each device needs its own."
                errors.append(RowError(wanted.row, self._rules.find_column("claim_code"), cause))
        return errors


class CheckedChanges(Checked):
    """Check rows that change devices which are there, as far as whoever asked manages them."""

    def __init__(self, importing: Import) -> None:
        super().__init__(importing)
        self._finder = ChangeFinder(importing)
        self._found: list[Change] = []

    def find_problems(self, batch: row_source.Batch) -> list[RowError]:
        self._found, wrong = self._finder.find(batch)
        self.count = batch[-1][1]
        self.refused += len({error.row for error in wrong})
        self.changing += len(self._found)
        for change in self._found:
            self.changed_fields.update(field for field, value in change.after.items() if value != change.before[field])
        self.groups.add(wrong)
        return sorted(wrong)

    def store_changes(self) -> None:
        Change.objects.bulk_create(self._found, batch_size=500)


def find_taken(importing: Import, rules: Rules, wanted: Sequence[ParsedRow]) -> list[RowError]:
    """Return the errors of those whose serial or certificate another device has."""
    organisation = importing.organisation_id
    keys = [parsed.key for parsed in wanted if parsed.key]
    addresses = [key for key in keys if len(key) in serials.ADDRESS_LENGTHS]
    others = serials.list_writings(addresses)
    taken = locks.find_taken_serials(organisation, [*keys, *chain.from_iterable(others.values())])
    fingerprints = [parsed.certificate.fingerprint for parsed in wanted if parsed.certificate]
    certificates = locks.find_taken_credentials(fingerprints)
    if not taken and not certificates:
        return []
    errors, retired, named = [], _find_retired(organisation, taken), _find_named(importing, taken)
    for parsed in wanted:
        if parsed.key in taken or not taken.isdisjoint(others.get(parsed.key, ())):
            written = (parsed.key, *others.get(parsed.key, ()))
            words = REGISTERED if retired.isdisjoint(written) else RETIRED
            there = next((named[each] for each in written if each in named), "")
            cause = f"“{parsed.serial}”: {words}{_explain_writing(parsed.serial, there)}"
            errors.append(RowError(parsed.row, rules.find_column("serial"), cause))
        if parsed.certificate and parsed.certificate.fingerprint in certificates:
            cause = "Another device has this certificate already. Each device needs its own."
            errors.append(RowError(parsed.row, rules.find_column("certificate"), cause))
    return errors


def _find_named(importing: Import, keys: Collection[str]) -> dict[str, str]:
    """Return the serials of devices that whoever asked for the import sees, by their folded ones."""
    if importing.by is None or not keys:
        return {}
    seen = Device.objects.visible_to(importing.by).filter(organisation=importing.organisation_id)
    return dict(seen.filter(serial_key__in=keys).values_list("serial_key", "serial"))


def _explain_writing(serial: str, there: str) -> str:
    """Say how the device that is there writes its serial, where that is in another way."""
    serial = serials.canonical(serial)
    why = serials.explain_equality(serial, there or serial)
    return f" It is written “{there}” there: {why}." if why else ""


def _find_retired(organisation: int, keys: Collection[str]) -> set[str]:
    """Return those of the folded serials that are a retired device's."""
    held = Device.objects.filter(organisation=organisation, serial_key__in=keys, retired_at__isnull=False)
    return set(held.values_list("serial_key", flat=True)) if keys else set()
