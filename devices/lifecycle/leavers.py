"""Who loses a role loses the devices that were theirs by it: they go back to the group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.lifecycle import assignments, persons
from devices.models import Device

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tenants.models import Group, User

LOST = "their role in the group ended"


def return_out_of_reach(*, by: User | None, user: User | None = None, path: str = "") -> None:
    """Return what the user has no right to any more, and what lies below this path and is somebody's who has none.
    Called in the transaction of what took the right away (tenants.people.reach)."""
    theirs = Device.objects.filter(person__isnull=False)
    theirs = theirs.filter(person=user.pk) if user else theirs.filter(group__path__startswith=path)
    devices = list(theirs.select_related("group").order_by("pk"))
    paths = persons.find_paths({device.person_id for device in devices if device.person_id})
    lost = [
        device
        for device in devices
        if device.group and not persons.reaches(paths.get(device.person_id or 0, ()), device.group.path)
    ]
    assignments.return_to_groups(lost, by=by, reason=LOST)


def count_after_move(group: Group, to: Group) -> int:
    """Return how many devices in the group or below it would be returned, were it moved below another one."""
    rows = Device.objects.filter(person__isnull=False, group__path__startswith=group.path)
    found = list(rows.values_list("person_id", "group__path"))
    paths = persons.find_paths({person for person, _ in found if person})
    return sum(
        not any(to.path.startswith(top) or (top.startswith(group.path) and at and at.startswith(top)) for top in tops)
        for tops, at in ((paths.get(person or 0, ()), at) for person, at in found)
    )


def count_after_loss(user: User, cases: Sequence[Collection[str]]) -> list[int]:
    """Return for each case how many devices of the user would be returned, had they no role in the groups of these
    paths; in two queries."""
    own = [path for path in Device.objects.filter(person=user.pk).values_list("group__path", flat=True) if path]
    paths = persons.find_paths([user.pk]).get(user.pk, [])
    kept = [[path for path in paths if path not in lost] for lost in cases]
    return [sum(not persons.reaches(tops, path) for path in own) for tops in kept]
