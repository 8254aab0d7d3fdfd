"""Which rows a reader is shown, and by which index they are found.

Whoever manages a group reads what is said of it by its id, which is never given out twice: of its devices' assignments,
of devices that left it, and of itself. An admin of the whole organisation reads everything in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import F, Q, Value

from devices.identity import serials
from devices.models import Device, Event
from lib.merged_paging import Compared, Source
from provisioning.journal import kinds
from tenants.models import AuditEntry, Group, User

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.db.models import QuerySet

    from tenants.models import GroupQuerySet

DEVICES, PEOPLE = 0, 1  # ranks
SPLIT = 5  # kinds that are looked for one by one
WHO = ("by", "by__name", "by__email", "group")
OF_EVENT = (
    *WHO,
    *("kind", "data", "device", "assignment", "group__name", "group__path"),
    *("former_group", "former_group__name", "former_group__path"),
)
OF_ENTRY = (*WHO, "kind", "what", "group_name")


class Filters(NamedTuple):
    """Narrow the journal. `kind`: of `kinds.CODES`; `until` is no more in it."""

    kind: str = ""
    words: str = ""
    person: str = ""
    group: Group | None = None
    device: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def chosen(self) -> kinds.Kinds:
        found = kinds.choose(self.kind)
        return kinds.narrow(found, self.words) if self.words else found

    @property
    def period(self) -> Q:
        return (Q(at__gte=self.since) if self.since else Q()) & (Q(at__lt=self.until) if self.until else Q())


def list_sources(reader: User, filters: Filters) -> list[Source]:
    """Return what the reader may read of what the filters find."""
    groups = _list_groups(reader, filters.group)
    people = User.objects.known_to(reader).called(filters.person) if filters.person else None
    return [
        *_list_event_sources(reader, filters, groups, people),
        *([] if filters.device else _list_entry_sources(reader, filters, groups, people)),
    ]


def _list_groups(reader: User, below: Group | None) -> GroupQuerySet | None:
    """Return the groups whose history is asked for; None for all of the organisation's, and what is of no group."""
    if below is None and reader.owns_organisation:
        return None
    managed: GroupQuerySet = Group.objects.manageable_by(reader)
    return managed if below is None else managed.filter(path__startswith=below.path)


def _list_event_sources(
    reader: User, filters: Filters, groups: GroupQuerySet | None, people: QuerySet[User] | None
) -> list[Source]:
    if not filters.chosen.events:
        return []
    rows = Event.objects.filter(filters.period)
    if filters.device:
        rows = rows.filter(device__in=_find_devices(reader, filters.device))
    if groups is not None:
        return _list_of_groups(reader, filters, rows if people is None else rows.filter(by__in=people), groups)
    own = rows.filter(organisation=reader.organisation_id)
    if people is None:
        return [Source(DEVICES, part, OF_EVENT) for part in _split_by_kind(own, filters)]
    if filters.device:
        return [Source(DEVICES, _filter_kinds(own, filters).filter(by__in=people), OF_EVENT)]
    # Else the index of the organisation's times serves as well as that of the person's, and is read to its end.
    same = Compared("=", F("organisation_id") + 0, Value(reader.organisation_id))
    return [Source(DEVICES, _filter_kinds(rows.filter(same), filters), OF_EVENT, ("by", people))]


def _list_of_groups(reader: User, filters: Filters, rows: QuerySet[Event], groups: GroupQuerySet) -> list[Source]:
    """Return sources of what happened in the groups, of what left them, and of what the reader did that is of none."""
    inside = groups.values("pk")
    left = _filter_kinds(rows, filters).filter(former_group__isnull=False).exclude(group__in=inside)
    if filters.device:
        here = _filter_kinds(rows, filters).filter(group__in=inside)
        return [Source(DEVICES, part, OF_EVENT) for part in (here, left.filter(former_group__in=inside))]
    sources = [
        *_list_inside(reader, filters, rows, groups),
        Source(DEVICES, left, OF_EVENT, ("former_group", groups)),
    ]
    if filters.group is None:
        own = _filter_kinds(rows, filters).filter(organisation=reader.organisation_id, by=reader)
        sources.append(Source(DEVICES, own.filter(device=None, group=None), OF_EVENT))
    return sources


def _list_inside(reader: User, filters: Filters, rows: QuerySet[Event], groups: GroupQuerySet) -> Iterator[Source]:
    """Yield sources of what happened in the groups: of each kind, where a few are asked for, whose newest in the whole
    organisation an index leads to. That of a group passes over all else that happened there."""
    kept = _filter_kinds(rows, filters)
    if filters.person or not _has_few_kinds(filters):
        yield Source(DEVICES, kept, OF_EVENT, ("group", groups))
        return
    own = rows.filter(organisation=reader.organisation_id)
    for kind in filters.chosen.events:
        yield Source(DEVICES, kept.filter(kind=kind), OF_EVENT, ("group", groups), own.filter(kind=kind))


def _has_few_kinds(filters: Filters) -> bool:
    return bool(filters.kind or filters.words) and len(filters.chosen.events) <= SPLIT


def _split_by_kind(rows: QuerySet[Event], filters: Filters) -> list[QuerySet[Event]]:
    """Return the rows of each kind, where a few are asked for: an index leads to the newest of one kind."""
    if filters.device or not _has_few_kinds(filters):
        return [_filter_kinds(rows, filters)]
    return [rows.filter(kind=kind) for kind in filters.chosen.events]


def _filter_kinds(rows: QuerySet[Event], filters: Filters) -> QuerySet[Event]:
    """Leave out that devices connected, unless that or one device is asked for: there is much of it."""
    chosen = filters.chosen.events
    if filters.kind or filters.words:
        rows = rows.filter(kind__in=chosen)
    elif filters.device:
        return rows
    # Said even where it follows from the kinds: the indexes are of connections, and of all else.
    return rows if set(chosen) <= set(kinds.CONNECTIONS) else rows.exclude(kind__in=kinds.CONNECTIONS)


def _find_devices(reader: User, serial: str) -> list[int]:
    """Return the keys of the organisation's device that has the serial, and of those retired or removed that had it.
    What is shown of them is another question."""
    former, own = serials.canonical(serial), {"organisation": reader.organisation_id}
    had = Q(retired_at__isnull=False, former_serial=former)
    found = Device.objects.filter(Q(serial_key=serials.fold(serial)) | had, **own)
    removed = Event.objects.filter(kind=Event.Kind.DEVICE_REMOVED, data__serial=former, device__isnull=False, **own)
    return [*found.values_list("pk", flat=True), *removed.values_list("device_id", flat=True)]


def _list_entry_sources(
    reader: User, filters: Filters, groups: GroupQuerySet | None, people: QuerySet[User] | None
) -> list[Source]:
    chosen = filters.chosen.entries
    if not chosen:
        return []
    rows: QuerySet[Any] = AuditEntry.objects.filter(filters.period)
    rows = rows.filter(kind__in=chosen) if filters.kind else rows
    rows = rows.filter(what__icontains=filters.words) if filters.words else rows
    if groups is not None:
        if people is not None or not (filters.kind or filters.words):
            rows = rows.filter(by__in=people) if people is not None else rows
            return [Source(PEOPLE, rows, OF_ENTRY, ("group", groups))]
        parts = [rows.filter(kind=kind) for kind in chosen] if filters.kind else [rows]
        own = {"organisation": reader.organisation_id}
        return [Source(PEOPLE, part, OF_ENTRY, ("group", groups), part.filter(**own)) for part in parts]
    rows = rows.filter(organisation=reader.organisation_id)
    return [Source(PEOPLE, rows, OF_ENTRY, ("by", people) if people is not None else None)]
