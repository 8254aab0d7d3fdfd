"""What an admin sees of a device's credentials: never a secret, and nothing of a former tenant's doings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F, Q

from devices.models import Credential, Event
from tenants.audit import actors

if TYPE_CHECKING:
    from datetime import datetime

    from devices.models import Device
    from tenants.models import User

SHOWN = 50
MADE = (Event.Kind.REGISTERED, Event.Kind.CREDENTIAL_ISSUED, Event.Kind.CREDENTIAL_ROTATED)


@dataclass(frozen=True)
class Entry:
    credential: Credential
    by: str  # who had it made; empty if that is not known, or was before the device came to its group
    created_at: datetime | None  # None: before the device came to its group
    used_at: datetime | None
    standing: bool
    factory: bool  # of a device in a group: issued before it came there, so that others may know the secret

    @property
    def successor(self) -> str:
        """Return the access key whose first use ends this one; empty if there is none."""
        new = self.credential.superseded_by
        return new.access_key if self.standing and new and new.revoked_at is None else ""


def list_entries(device: Device, reader: User) -> list[Entry]:
    """Return those that work first, then the ended ones of the current assignment; newest first, in four queries."""
    standing = set(Credential.objects.of(device).standing().values_list("pk", flat=True))
    since = device.assignment.opened_at if device.assignment else None
    own = Credential.objects.of(device).select_related("superseded_by", "use", "device")
    if since:
        own = own.filter(Q(pk__in=standing) | Q(revoked_at__gte=since) | Q(revoked_at=None, expires_at__gte=since))
    rows = list(own.order_by(F("revoked_at").desc(nulls_first=True), "-pk")[:SHOWN])
    makers = _find_makers(device, [row.access_key for row in rows], reader)
    return [_build_entry(row, makers.get(row.access_key, ""), since, standing=row.pk in standing) for row in rows]


def _build_entry(row: Credential, by: str, since: datetime | None, *, standing: bool) -> Entry:
    used_at = row.use.last_at if hasattr(row, "use") else None

    def hide_earlier(at: datetime | None) -> datetime | None:
        return None if at and since and at < since else at

    factory = since is not None and row.assignment_id != row.device.assignment_id
    return Entry(row, by, hide_earlier(row.created_at), hide_earlier(used_at), standing, factory)


def _find_makers(device: Device, keys: list[str], reader: User) -> dict[str, str]:
    rows = Event.objects.of(device).filter(kind__in=MADE, data__access_key__in=keys, by__isnull=False)
    events = list(rows.select_related("by"))
    known = actors.find_known(reader, (event.by_id for event in events))
    return {event.data["access_key"]: actors.name_actor(event.by, known) or "" for event in events}
