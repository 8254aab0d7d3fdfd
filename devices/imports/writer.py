"""A batch of rows made into devices, with their credentials, assignments and events."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from django.db import connection

from devices import events
from devices.events import Fact
from devices.identity import serials
from devices.imports import locks
from devices.imports.checker import already
from devices.imports.row_parser import ParsedRow, RowError, Rules
from devices.lifecycle import registration
from devices.models import Assignment, Credential, Device, Event, RecipeVersion
from devices.models.device import new_device_id
from lib import key_wrapping
from lib.db import copy
from tenants.models import Organisation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from devices.imports.row_source import Row
    from devices.models import Import

_DEVICE = (
    *("id", "device_id", "organisation_id", "serial", "serial_key", "version_id", "name", "description", "model_id"),
    *("tags", "group_id", "assignment_id", "expires_at", "source_id", "row"),
)
_CREDENTIAL = ["device_id", "kind", "access_key", "secret_hash", "expires_at"]
_ASSIGNMENT = ["id", "device_id", "group_id"]


class RowWriter:
    """Of one import; `key` is its delivery's. Every secret and serial comes from it by the row's number."""

    def __init__(self, importing: Import, key: bytes) -> None:
        self.importing, self._key = importing, key
        self.rules = Rules(importing, trusted=True)
        self._organisation = importing.organisation_id
        self._kind = importing.version.credential_kind

    def make(self, batch: Sequence[Row], refused: Collection[int]) -> tuple[int, list[RowError]]:
        """How many were made, and why others of the batch were not, besides those refused before."""
        wanted, wrong = self._read(batch, refused)
        if not all(each.key for each in wanted):
            self._add_serials(wanted, wrong, {row: count for row, count, _ in batch})
        wrong += already(self._organisation, self.rules, wanted)
        wrong += self._homeless(wanted)
        if wrong:
            out = {each.row for each in wrong}
            wanted = [each for each in wanted if each.row not in out]
        self._write(wanted)
        return len(wanted), wrong

    def _read(self, batch: Sequence[Row], refused: Collection[int]) -> tuple[list[ParsedRow], list[RowError]]:
        wanted: list[ParsedRow] = []
        wrong: list[RowError] = []
        for row, count, cells in batch:
            if row in refused:
                continue
            found = self.rules.read(row, count, cells)
            if isinstance(found, ParsedRow):
                wanted.append(found)
            else:
                wrong += found
        return wanted, wrong

    def _add_serials(self, wanted: list[ParsedRow], wrong: list[RowError], counts: dict[int, int]) -> None:
        """In place: a serial for each that has none, which neither the batch nor the registry has."""
        bare = [at for at, each in enumerate(wanted) if not each.key]
        used = {each.key for each in wanted if each.key} | serials.RESERVED.keys()
        for attempt in range(registration.ATTEMPTS):
            tried = {at: self._serial(wanted[at], counts, attempt) for at in bare}
            taken = used | locks.taken_serials(self._organisation, [each.key for each in tried.values()])
            bare = []
            for at, each in tried.items():
                if each.key in taken:
                    bare.append(at)
                else:
                    wanted[at] = each
                    taken.add(each.key)
                    used.add(each.key)
            if not bare:
                return
        wrong += [RowError(wanted[at].row, "", registration.NO_FREE_SERIAL) for at in bare]

    def _serial(self, wanted: ParsedRow, counts: dict[int, int], attempt: int) -> ParsedRow:
        label = f"serial-{attempt}" if attempt else "serial"
        made = serials.canonical(self.rules.format.generate(key_wrapping.derive(self._key, label, wanted.row)))
        name = wanted.name or self.rules.name(counts[wanted.row], made)[:120]
        return wanted._replace(serial=made, key=serials.fold(made), name=name)

    def _homeless(self, wanted: Sequence[ParsedRow]) -> list[RowError]:
        groups = {each.group for each in wanted if each.group is not None}
        if not (gone := groups - locks.hold_leaves(groups)):
            return []
        cause = "The group was deleted, or got groups below it, since the check."
        return [RowError(each.row, self.rules.column("group"), cause) for each in wanted if each.group in gone]

    def _write(self, wanted: Sequence[ParsedRow]) -> None:
        keys = copy.take_keys(Device, len(wanted))
        placed = [(pk, each.group) for pk, each in zip(keys, wanted, strict=True) if each.group is not None]
        assigned = dict(zip((pk for pk, _ in placed), copy.take_keys(Assignment, len(placed)), strict=True))
        issued = [self._credential(pk, each) for pk, each in zip(keys, wanted, strict=True)]
        copy.write(Device, _DEVICE, self._devices(keys, wanted, assigned, self._expiry()))
        if placed:
            copy.write(Assignment, _ASSIGNMENT, ((assigned[pk], pk, group) for pk, group in placed))
        copy.write(Credential, _CREDENTIAL, (each for each in issued if each is not None))
        events.record_each(self._events(keys, assigned, issued), by=self.importing.by_id)

    def _devices(
        self, keys: Sequence[int], wanted: Sequence[ParsedRow], assigned: dict[int, int], expires_at: Any
    ) -> Iterator[tuple[Any, ...]]:
        organisation, version, source = self._organisation, self.importing.version_id, self.importing.pk
        for pk, (row, serial, folded, name, description, model, tags, group, _) in zip(keys, wanted, strict=True):
            device_id = new_device_id()
            yield (
                *(pk, device_id, organisation, serial, folded, version, name, description, model, tags, group),
                *(assigned.get(pk), expires_at, source, row),
            )

    def _expiry(self) -> Any:
        expression = registration.expiry(self.importing.version)
        if expression is None:
            return None
        at = Organisation.objects.filter(pk=self._organisation).values_list(expression, flat=True).get()
        return connection.ops.adapt_datetimefield_value(at)

    def _credential(self, pk: int, wanted: ParsedRow) -> tuple[Any, ...] | None:
        if certificate := wanted.certificate:
            until = connection.ops.adapt_datetimefield_value(certificate.expires_at)
            digest = bytes.fromhex(certificate.fingerprint)
            return pk, Credential.Kind.CERTIFICATE.value, certificate.fingerprint, digest, until
        if self._kind != RecipeVersion.CredentialKind.ACCESS_KEY:
            return None
        access_key, secret = key_wrapping.access(self._key, wanted.row)
        return pk, "access-key", access_key, hashlib.sha256(secret.encode()).digest(), None

    def _events(
        self, keys: Sequence[int], assigned: dict[int, int], issued: Sequence[tuple[Any, ...] | None]
    ) -> Iterator[Fact]:
        for pk, each in zip(keys, issued, strict=True):
            yield Fact(Event.Kind.REGISTERED, self._organisation, pk, None, {"access_key": each[2]} if each else {})
            if (assignment := assigned.get(pk)) is not None:
                yield Fact(Event.Kind.PROVISIONED, self._organisation, pk, assignment)
