"""One device added by hand: registered, with a credential, and in a group if one is named. All of it or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction

from devices import events
from devices.credentials import operations as credentials
from devices.lifecycle import assignments, registration
from devices.models import Event, RecipeVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.credentials.operations import Issued
    from devices.models import Device, DeviceModel
    from tenants.models import Group, User


class Added(NamedTuple):
    """`issued` is what only this answer can tell; None where the recipe makes no access key."""

    device: Device
    issued: Issued | None


def add(
    *,
    by: User,
    version: RecipeVersion,
    serial: str,
    name: str = "",
    group: Group | None = None,
    model: DeviceModel | None = None,
    tags: Mapping[str, str] | None = None,
) -> Added:
    """Raises registration.Taken, ValidationError, and assignments.Moved where the group is no longer a leaf.

    Of serials see registration.register."""
    with transaction.atomic():
        device = registration.make(version=version, serial=serial, name=name, model=model, tags=tags)
        keyed = version.credential_kind == RecipeVersion.CredentialKind.ACCESS_KEY
        issued = credentials.make(device) if keyed else None  # the factory's: before it is in a group
        made: dict[str, Any] = {"access_key": issued.access_key} if issued else {}
        events.record(Event.Kind.REGISTERED, device=device, by=by, **made)
        if group:
            assignments.assign(device=device, group=group, name=device.name, model=device.model, by=by)
        return Added(device, issued)
