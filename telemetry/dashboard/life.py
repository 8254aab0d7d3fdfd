"""A device's life in words: to its managers with details and groups, to others that something happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from devices import event_words
from devices.access import manages
from tenants.audit import actors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from devices.models import Device, Event
    from tenants.models import User


class Told(NamedTuple):
    at: datetime
    words: str
    details: str
    group: str
    who: str | None


def list_life(reader: User, device: Device, events: Sequence[Event]) -> list[Told]:
    """Return the events, which are all for this reader, in words."""
    known = actors.find_known(reader, (event.by_id for event in events))
    managed = manages(reader, device)
    return [
        Told(
            event.at,
            str(event.get_kind_display()),
            event_words.describe(event.kind, event.data) if managed else "",
            event.group.name if managed and event.group else "",
            actors.name_actor(event.by, known),
        )
        for event in events
    ]
