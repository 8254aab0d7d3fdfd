"""The tree's operations. A leaf that holds devices never becomes a parent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction

from tenants.models import Change, Group, Organisation

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.models import User


def create_organisation(*, name: str, slug: str, **settings: object) -> Organisation:
    with transaction.atomic():
        root = Group.objects.add_root({"name": name})
        return Organisation.objects.create(root=root, slug=slug, **settings)


def create(*, parent: Group, name: str, by: User | None = None) -> Group:
    """Add a child below `parent`; refuses a parent that holds devices."""
    with transaction.atomic():
        locked = _lock(parent)
        _refuse_holder(locked)
        group: Group = Group.objects.add_child(locked, {"name": name})
        _record(group, by, f"Group {name} made in {locked}")
        return group


def rename(*, group: Group, name: str, by: User | None = None) -> None:
    with transaction.atomic():
        locked = _lock(group)
        if Group.objects.filter(pk=locked.pk).exclude(name=name).update(name=name):
            _record(locked, by, f"{locked} renamed to {name}")


def move(*, group: Group, to: Group, by: User | None = None) -> None:
    """Hang `group` below `to`, with all that is below it; never across organisations."""
    with transaction.atomic():
        # In one order, so that two opposite moves wait for each other instead of both giving up.
        rows = Group.objects.select_for_update().filter(pk__in=[group.pk, to.pk]).order_by("pk")
        locked = {row.pk: row for row in rows}
        moving, target = locked[group.pk], locked[to.pk]
        if moving.is_root() or moving.root_path != target.root_path:
            raise ValidationError("A group stays in its organisation.")
        if target.path.startswith(moving.path):
            raise ValidationError("A group can't move below itself.")
        _refuse_holder(target)
        Group.objects.move(moving, target, "last-child")
        _record(Group.objects.get(pk=moving.pk), by, f"{moving} moved into {target}")


def delete(*, group: Group, by: User | None = None) -> None:
    """Remove an empty leaf that nobody is a member of."""
    with transaction.atomic():
        locked = _lock(group)
        if locked.is_root() or locked.numchild or _holds_devices(locked):
            raise ValidationError("Only an empty group can be deleted.")
        if locked.memberships.exists():
            raise ValidationError("People are still members of this group.")
        _record(locked, by, f"Group {locked} deleted")
        locked.delete()


def _lock(group: Group) -> Group:
    locked: Group = Group.objects.select_for_update().get(pk=group.pk)
    return locked


def _holds_devices(group: Group) -> bool:
    held: Callable[[], bool] = group.devices.exists
    return held()


def _refuse_holder(group: Group) -> None:
    if _holds_devices(group):
        raise ValidationError(f"{group} holds devices; only a group without devices can have groups below it.")


def _record(group: Group, by: User | None, what: str) -> None:
    organisation = Organisation.objects.filter(root__path=group.root_path).first()
    if organisation is not None:
        Change.objects.create(
            organisation=organisation, path=group.path, by=by, what=what[:300], data={"group": group.pk}
        )
