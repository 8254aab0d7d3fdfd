"""The gates for devices, by serial, and for what was made of them: from what the user may see, else the uniform 404."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.identity import serials
from devices.models import Action, Device, Import, Sheet
from tenants.access import found, require_admin
from tenants.models import Role, User

if TYPE_CHECKING:
    from uuid import UUID

    from tenants.access import Viewer


def get_device(user: Viewer, serial: str, *, role: Role = Role.VIEWER) -> Device:
    scope = Device.objects.visible_to(user, role).with_status()
    related = scope.select_related("organisation", "group", "model", "version", "assignment")
    return found(related, serial_key=serials.fold(serial))


def get_import(user: Viewer, key: UUID) -> Import:
    related = ("version__recipe__organisation", "group", "by", "file", "delivery")
    return found(Import.objects.manageable_by(user).select_related(*related), key=key)


def get_sheet(user: Viewer, key: UUID) -> Sheet:
    """What this admin asked for themselves."""
    return found(Sheet.objects.of(require_admin(user)).select_related("file"), key=key)


def manages(user: Viewer, device: Device) -> bool:
    """Whether the user is an admin of it; its group is loaded."""
    if not isinstance(user, User) or user.organisation_id != device.organisation_id:
        return False
    return user.owns_organisation or (device.group is not None and user.may(Role.ADMIN, device.group.path))


def get_action(user: Viewer, key: UUID) -> Action:
    related = Action.objects.manageable_by(user).select_related("by", "undo_of", "delivery")
    return found(related, key=key)
