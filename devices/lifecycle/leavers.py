"""Who loses a role loses the devices that were theirs by it: they go back to the group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.lifecycle import assignments, persons
from devices.models import Device

if TYPE_CHECKING:
    from tenants.models import User

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
