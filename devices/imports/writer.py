"""A batch of rows made into devices, with their credentials, assignments and events."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from django.db import connection

from devices import events
from devices.events import Fact
from devices.identity import serials
from devices.imports import locks
from devices.imports.checker import find_taken
from devices.imports.gateways import GatewayRows, tie_rows
from devices.imports.people import NOT_THERE
from devices.imports.row_parser import ParsedRow, RowError, Rules
from devices.lifecycle import persons, registration
from devices.models import Assignment, Credential, Device, Event, PresenceSecret, RecipeVersion
from devices.models.device import new_device_id
from lib import key_wrapping
from lib.db import copy, search_index
from tenants.models import Group, Organisation, Presence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from devices.imports.row_source import Batch
    from devices.models import Import

_DEVICE = (
    *("id", "device_id", "organisation_id", "serial", "serial_key", "version_id", "name", "description", "model_id"),
    *("tags", "group_id", "assignment_id", "person_id", "expires_at", "source_id", "row"),
)
_CREDENTIAL = ["device_id", "kind", "access_key", "secret_hash", "expires_at"]
_CODE = ["device_id", "method", "digest"]
_ASSIGNMENT = ["id", "device_id", "group_id", "with_device", "person_id"]


class RowWriter:
    """Write the devices of one import; `key` is its delivery's. Every secret and serial comes from it by the row's
    number."""

    def __init__(self, importing: Import, key: bytes) -> None:
        self.importing, self._secrets = importing, key_wrapping.Deriver(key)
        self.rules = Rules(importing, trusted=True)
        self._organisation = importing.organisation_id
        self._gives_keys = importing.version.credential_kind == RecipeVersion.CredentialKind.ACCESS_KEY

    def make(self, batch: Batch, refused: Collection[int]) -> tuple[int, list[RowError]]:
        """Return how many were made, and why others of the batch were not, besides those refused before."""
        search_index.gather()
        wanted, wrong = self._read(batch, refused)
        if not all(parsed.key for parsed in wanted):
            self._add_serials(wanted, wrong, {row: count for row, count, _ in batch})
        wrong += find_taken(self.importing, self.rules, wanted)
        persons.hold_people({parsed.person for parsed in wanted if parsed.person is not None})
        wrong += self._find_homeless(wanted)
        wrong += self._find_outsiders(wanted)
        wanted = _leave_out(wanted, wrong)
        if "gateways" in self.rules.at:
            wrong += GatewayRows(self.importing, self.rules, holds=True).find_problems(wanted)
            wanted = _leave_out(wanted, wrong)
        self._write(wanted)
        tie_rows(wanted, self.importing)
        return len(wanted), wrong

    def _read(self, batch: Batch, refused: Collection[int]) -> tuple[list[ParsedRow], list[RowError]]:
        wanted: list[ParsedRow] = []
        wrong: list[RowError] = []
        is_plain = batch.is_plain
        for row, count, cells in batch:
            if row in refused:
                continue
            found = self.rules.read(row, count, cells, is_plain=is_plain)
            if isinstance(found, ParsedRow):
                wanted.append(found)
            else:
                wrong += found
        return wanted, wrong

    def _add_serials(self, wanted: list[ParsedRow], wrong: list[RowError], counts: dict[int, int]) -> None:
        """Give a serial, in place, to each that has none: one which neither the batch nor the registry has."""
        bare = [at for at, parsed in enumerate(wanted) if not parsed.key]
        used = {parsed.key for parsed in wanted if parsed.key} | serials.RESERVED.keys()
        for attempt in range(registration.ATTEMPTS):
            tried = {at: self._make_serial(wanted[at], counts, attempt) for at in bare}
            taken = used | locks.find_taken_serials(self._organisation, [parsed.key for parsed in tried.values()])
            bare = []
            for at, parsed in tried.items():
                if parsed.key in taken:
                    bare.append(at)
                else:
                    wanted[at] = parsed
                    taken.add(parsed.key)
                    used.add(parsed.key)
            if not bare:
                return
        wrong += [RowError(wanted[at].row, "", registration.NO_FREE_SERIAL) for at in bare]

    def _make_serial(self, wanted: ParsedRow, counts: dict[int, int], attempt: int) -> ParsedRow:
        label = f"serial-{attempt}" if attempt else "serial"
        made = serials.canonical(self.rules.format.generate(self._secrets.derive_bytes(label, wanted.row)))
        name = wanted.name or self.rules.make_name(counts[wanted.row], made)[:120]
        return wanted._replace(serial=made, key=serials.fold(made), name=name)

    def _find_homeless(self, wanted: Sequence[ParsedRow]) -> list[RowError]:
        groups = {parsed.group for parsed in wanted if parsed.group is not None}
        if not (gone := groups - locks.lock_leaves(groups)):
            return []
        cause = "The group was deleted, or got groups below it, since the check."
        return [
            RowError(parsed.row, self.rules.find_column("group"), cause) for parsed in wanted if parsed.group in gone
        ]

    def _find_outsiders(self, wanted: Sequence[ParsedRow]) -> list[RowError]:
        """Return the errors of those that would be a person's who may not have them any more."""
        given = [parsed for parsed in wanted if parsed.person is not None]
        if not given:
            return []
        people = {parsed.person for parsed in given if parsed.person is not None}
        paths = persons.find_reach(people, organisation=self._organisation)
        groups = dict(Group.objects.filter(pk__in={parsed.group for parsed in given}).values_list("pk", "path"))
        return [
            RowError(parsed.row, self.rules.find_column("person"), NOT_THERE)
            for parsed in given
            if not persons.reaches(paths.get(parsed.person or 0, ()), groups.get(parsed.group or 0, "-"))
        ]

    def _write(self, wanted: Sequence[ParsedRow]) -> None:
        keys = copy.take_keys(Device, len(wanted))
        placed = [(pk, parsed.group) for pk, parsed in zip(keys, wanted, strict=True) if parsed.group is not None]
        assigned = dict(zip((pk for pk, _ in placed), copy.take_keys(Assignment, len(placed)), strict=True))
        issued = [self._build_credential_row(pk, parsed) for pk, parsed in zip(keys, wanted, strict=True)]
        copy.write(Device, _DEVICE, self._build_device_rows(keys, wanted, assigned, self._find_expiry()))
        if placed:
            whose = {pk: parsed.person for pk, parsed in zip(keys, wanted, strict=True)}
            rows = ((assigned[pk], pk, group, True, whose[pk]) for pk, group in placed)
            copy.write(Assignment, _ASSIGNMENT, rows)
        copy.write(Credential, _CREDENTIAL, (credential for credential in issued if credential is not None))
        codes = [(pk, parsed.claim_digest) for pk, parsed in zip(keys, wanted, strict=True) if parsed.claim_digest]
        if codes:
            claim = Presence.CLAIM_CODE.value
            copy.write(PresenceSecret, _CODE, ((pk, claim, digest) for pk, digest in codes))
        told = self._build_events(keys, wanted, assigned, issued)
        events.record_each(told, by=self.importing.by_id)

    def _build_device_rows(
        self, keys: Sequence[int], wanted: Sequence[ParsedRow], assigned: dict[int, int], expires_at: Any
    ) -> Iterator[tuple[Any, ...]]:
        organisation, version, source = self._organisation, self.importing.version_id, self.importing.pk
        for pk, parsed in zip(keys, wanted, strict=True):
            row, serial, folded, name, description, model, tags, group, *_ = parsed
            device_id = new_device_id()
            yield (
                *(pk, device_id, organisation, serial, folded, version, name, description, model, tags, group),
                *(assigned.get(pk), parsed.person, expires_at, source, row),
            )

    def _find_expiry(self) -> Any:
        expression = registration.compute_expiry(self.importing.version)
        if expression is None:
            return None
        at = Organisation.objects.filter(pk=self._organisation).values_list(expression, flat=True).get()
        return connection.ops.adapt_datetimefield_value(at)

    def _build_credential_row(self, pk: int, wanted: ParsedRow) -> tuple[Any, ...] | None:
        if certificate := wanted.certificate:
            until = connection.ops.adapt_datetimefield_value(certificate.expires_at)
            digest = bytes.fromhex(certificate.fingerprint)
            return pk, Credential.Kind.CERTIFICATE.value, certificate.fingerprint, digest, until
        if not self._gives_keys:
            return None
        access_key, secret = self._secrets.derive_access(wanted.row)
        return pk, "access-key", access_key, hashlib.sha256(secret.encode()).digest(), None

    def _build_events(
        self,
        keys: Sequence[int],
        wanted: Sequence[ParsedRow],
        assigned: dict[int, int],
        issued: Sequence[tuple[Any, ...] | None],
    ) -> Iterator[Fact]:
        organisation, registered = self._organisation, Event.Kind.REGISTERED
        for pk, credential in zip(keys, issued, strict=True):
            data = {"access_key": credential[2]} if credential else {}
            yield Fact(registered, organisation, pk, None, data)
        if assigned:
            for pk, parsed in zip(keys, wanted, strict=True):
                if (assignment := assigned.get(pk)) is not None:
                    whose = {} if parsed.person is None else {"person": parsed.person}
                    yield Fact(Event.Kind.PROVISIONED, organisation, pk, assignment, whose, parsed.group)


def _leave_out(wanted: list[ParsedRow], wrong: Sequence[RowError]) -> list[ParsedRow]:
    if not wrong:
        return wanted
    out = {error.row for error in wrong}
    return [parsed for parsed in wanted if parsed.row not in out]
