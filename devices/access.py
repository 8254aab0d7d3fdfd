"""The gates for devices, by serial, and for what was made of them: from what the user may see, else the uniform 404."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404

from devices.identity import serials
from devices.models import Attention, BulkAction, Device, Import, LabelPrintJob
from devices.models.attention import with_attention
from devices.models.refused_attempt import with_last_attempt
from lib.log import note
from lib.prepared import prepared
from tenants.access import get_row, require_admin
from tenants.models import Role, User

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from django.db.models import QuerySet

    from tenants.access import Viewer


SHOWN = ("group", "person", "model", "version__recipe", "assignment")


def get_device(user: Viewer, serial: str, *, role: Role = Role.VIEWER, related: Collection[str] = SHOWN) -> Device:
    """Return it with its status, and what is `related` to it: who shows less of it often loads less."""
    try:
        (device,) = _select_device(user, role, serials.fold(serial), frozenset(related))
    except ValueError:  # none, or a text that the database refuses
        raise Http404 from None
    note(device_id=device.device_id)
    return share_organisation(user, device)


@prepared
def _select_device(user: Viewer, role: Role, key: str, related: frozenset[str]) -> QuerySet[Device]:
    scope = with_attention(with_last_attempt(Device.objects.visible_to(user, role).with_status()))
    loaded = scope.select_related(*sorted(related)) if related else scope  # without a name Django would load everything
    return loaded.filter(serial_key=key)


def share_organisation(user: Viewer, device: Device) -> Device:
    """Let the device have the organisation that was loaded with the user: a row less to read and to build."""
    if isinstance(user, User) and user.organisation and user.organisation_id == device.organisation_id:
        device.organisation = user.organisation
    return device


def get_attention(user: Viewer, serial: str, pk: int) -> tuple[Device, Attention]:
    """Return what is, or was, to be looked at of a device of which the user is a technician, in its assignment."""
    device = get_device(user, serial, role=Role.TECHNICIAN)
    return device, get_row(Attention.objects.of(device), pk=pk)


def get_import(user: Viewer, key: UUID) -> Import:
    related = ("version__recipe__organisation", "group", "by", "file", "delivery")
    return get_row(Import.objects.manageable_by(user).select_related(*related), key=key)


def get_sheet(user: Viewer, key: UUID) -> LabelPrintJob:
    """Return what this admin asked for themselves."""
    return get_row(LabelPrintJob.objects.of(require_admin(user)).select_related("file"), key=key)


def manages(user: Viewer, device: Device) -> bool:
    """Return whether the user is an admin of it; its group is loaded."""
    if not isinstance(user, User) or user.organisation_id != device.organisation_id:
        return False
    return user.owns_organisation or (device.group is not None and user.may(Role.ADMIN, device.group.path))


def sees(user: User, device: Device) -> bool:
    """Return whether the user is among those who see it, without asking; its group is loaded."""
    return sees_at(user, device.organisation_id, device.group.path if device.group else None, device.person_id)


def sees_at(user: User, organisation: int, path: str | None, person: int | None) -> bool:
    """Return whether the user is among those who see a device of that organisation, group and person: what
    `DeviceQuerySet.visible_to` asks the database."""
    if path is None:
        return user.owns_organisation and user.organisation_id == organisation
    return user.may(Role.VIEWER if person in (None, user.pk) else Role.ADMIN, path)


def get_action(user: Viewer, key: UUID) -> BulkAction:
    related = BulkAction.objects.manageable_by(user).select_related("by", "undo_of", "delivery")
    return get_row(related, key=key)
