"""The journal as a file: some thousand rows at a time, each time of what its reader may read then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib import merged_paging, streaming
from lib.csv_export import encode_csv
from provisioning.journal import kinds
from provisioning.journal.entries import build_entries
from provisioning.journal.sources import Filters, list_sources
from tenants.grants import reload_user
from tenants.models import Group, Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lib.merged_paging import Key
    from lib.zones import PersonClock
    from tenants.models import User

CHUNK = 2_000
COLUMNS = ("Time (UTC)", "Kind", "What", "Details", "Serial", "Group", "Who")


async def stream_lines(reader: User, filters: Filters) -> AsyncIterator[bytes]:
    """Yield what the filters find as CSV, newest first; no connection is held in between."""
    clock = await streaming.run_step(reader.find_clock)
    local = [f"Time ({clock.zone})"] if clock.has_zone else []
    yield encode_csv([[COLUMNS[0], *local, *COLUMNS[1:]]])
    last: Key | None = None
    while True:
        lines, last = await streaming.run_step(_read_chunk, reader, filters, last, clock)
        if not lines:
            return
        yield encode_csv(lines)


def _read_chunk(
    reader: User, filters: Filters, after: Key | None, clock: PersonClock
) -> tuple[list[list[str]], Key | None]:
    now = reload_user(reader)
    if not now.reach(Role.ADMIN):
        return [], None
    if filters.group is not None:
        group = Group.objects.manageable_by(now).filter(pk=filters.group.pk).first()
        if group is None:
            return [], None
        filters = filters._replace(group=group)
    page = merged_paging.find_page(list_sources(now, filters), CHUNK, after=after)
    entries = build_entries(now, page.rows)
    lines = [
        [
            f"{entry.at:%Y-%m-%dT%H:%M:%SZ}",
            *([clock.write_cell(entry.at)] if clock.has_zone else []),
            kinds.OF_CATEGORY[entry.kind],
            entry.words,
            entry.details,
            entry.device,
            entry.group,
            entry.who or "",
        ]
        for entry in entries
    ]
    return lines, page.rows[-1].key if page.rows else None
