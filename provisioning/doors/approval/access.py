"""The gate for devices that wait: whoever may register devices in the organisation, else the uniform 404."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.models import Device
from provisioning.doors.approval import codes
from provisioning.models import ProvisioningOperation
from tenants.access import get_row

if TYPE_CHECKING:
    from uuid import UUID

    from provisioning.models import ProvisioningOperationQuerySet
    from tenants.access import Viewer


def get_operation(user: Viewer, key: UUID) -> ProvisioningOperation:
    related = "door__recipe", "door__group", "token", "organisation", "device"
    return get_row(ProvisioningOperation.objects.visible_to(user).with_state().select_related(*related), key=key)


def list_waiting(user: Viewer) -> ProvisioningOperationQuerySet:
    """Return those that wait for somebody, the last first."""
    rows = ProvisioningOperation.objects.visible_to(user).pending().with_state()
    return rows.select_related("door").order_by("-pk")


def find_by_code(user: Viewer, text: str) -> ProvisioningOperation | None:
    """Return the one that waits and shows this code."""
    code = codes.read_code(text)
    return list_waiting(user).filter(code=code).first() if code else None


def find_seen(user: Viewer, operation: ProvisioningOperation, own_id: str) -> Device | None:
    """Return the device that goes by the ID already, as far as the user sees it."""
    rows = Device.objects.visible_to(user).filter(organisation=operation.organisation_id, own_id=own_id)
    return rows.select_related("group").first() if own_id else None
