"""A device's commands, as far as a person sees it: those of its current assignment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import OuterRef, Subquery

from devices.commands import operations
from devices.models import Command
from devices.models.command import State
from lib.prepared import Limit, prepared
from tenants.access import get_row
from tenants.audit import actors
from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from django.db.models import QuerySet

    from devices.models import CommandQuerySet, Device
    from devices.recipes.command_lines import Declared
    from tenants.access import Viewer

RECENT = 5
LOOKS = {
    State.QUEUED: ("clock", "busy"),
    State.SENT: ("send", "busy"),
    State.DELIVERED: ("check-lg", "busy"),
    State.DONE: ("check-circle-fill", "good"),
    State.REFUSED: ("x-circle", "bad"),
    State.EXPIRED: ("hourglass-split", "quiet"),
}


class Shown(NamedTuple):
    """Show one command."""

    command: Command
    state: str
    words: str
    icon: str
    tone: str
    payload: str
    result: str
    who: str | None


def list_commands(device: Device) -> CommandQuerySet:
    return Command.objects.of(device).with_state().select_related("by")


def get_command(device: Device, key: UUID) -> Command:
    return get_row(list_commands(device), key=key)


def find_recent(device: Device) -> tuple[list[Command], int]:
    """Return those that changed last, and the mark by which a page knows that there is something new."""
    rows = _select_recent(device.pk, Limit(RECENT))
    here = [row for row in rows if row.assignment_id == device.assignment_id]
    return sorted(here, key=lambda row: -row.pk), compute_mark(rows[0].changed_at if rows else None)


@prepared
def _select_recent(device: int, size: Limit) -> QuerySet[Command]:
    mine = Command.objects.filter(device=device, window="").with_state().select_related("by")
    return mine.order_by("-changed_at")[:size]


def describe(reader: Viewer, rows: Sequence[Command]) -> list[Shown]:
    known = actors.find_known(reader, (row.by_id for row in rows)) if isinstance(reader, User) else frozenset[int]()
    return [_describe(row, known) for row in rows]


def _describe(row: Command, known: frozenset[int]) -> Shown:
    icon, tone = LOOKS[State(row.stage)]
    words = str(State(row.stage).label)
    if row.stage == State.SENT and row.ended_at:
        icon, tone = "check-circle-fill", "good"
    if row.stage == State.EXPIRED:
        words = "Sent, and no answer came" if row.sent_at else "Expired before the device could be told"
    payload, result = _say(row.payload), _say(row.result)
    return Shown(row, row.stage, words, icon, tone, payload, result, actors.name_actor(row.by, known))


def _say(value: object) -> str:
    """Return JSON in words."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(
            f"{key}: {_say(each) if isinstance(each, dict | list) else each}" for key, each in value.items()
        )
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)


def list_offered(user: Viewer, device: Device) -> list[Declared]:
    """Return what a page offers the user to send."""
    return [] if device.retired_at or not user.is_authenticated else operations.list_offered(device, user)


def select_last_change() -> Subquery:
    """Return when a command of the device changed last, as a column of devices."""
    mine = Command.objects.filter(device=OuterRef("pk"), window="").order_by("-changed_at")
    return Subquery(mine.values("changed_at")[:1])


def compute_mark(changed_at: datetime | str | None) -> int:
    """Return what differs as soon as a command changed: milliseconds; SQLite gives the time as text, in UTC."""
    if isinstance(changed_at, str):
        changed_at = datetime.fromisoformat(changed_at).replace(tzinfo=UTC)
    return round(changed_at.timestamp() * 1000) if changed_at else 0
