"""The gates for doors: an admin of the whole organisation, else the uniform 404."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.models import Door, DoorContent, DoorKey
from tenants.access import get_row, require_owner

if TYPE_CHECKING:
    from uuid import UUID

    from tenants.access import Viewer


def get_door(user: Viewer, key: UUID, *, kind: str = "") -> Door:
    """Return the door; of another kind than the one that is asked for there is none."""
    doors = Door.objects.manageable_by(require_owner(user)).with_state()
    related = doors.select_related("recipe", "group", "by", "organisation__root")
    return get_row(related, key=key, **({"kind": kind} if kind else {}))


def get_door_key(user: Viewer, door: UUID, pk: int) -> DoorKey:
    return get_row(DoorKey.objects.of(get_door(user, door)).select_related("door"), pk=pk)


def get_content(user: Viewer, door: UUID, pk: int) -> DoorContent:
    contents = DoorContent.objects.of(get_door(user, door, kind=Door.Kind.ACTIVATE))
    return get_row(contents.select_related("door"), pk=pk)
