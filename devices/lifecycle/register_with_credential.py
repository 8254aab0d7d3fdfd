"""One device added by hand, with a credential, and in a group if one is named. All of it or nothing."""

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
    """Hold a new device, and as `issued` what only this answer can tell; None where the recipe makes no access key."""

    device: Device
    issued: Issued | None


def add_device(
    *,
    by: User,
    version: RecipeVersion,
    serial: str,
    name: str = "",
    group: Group | None = None,
    model: DeviceModel | None = None,
    tags: Mapping[str, str] | None = None,
) -> Added:
    """Add a device with its credential, and assign it to the group if there is one.

    Raises ValidationError, and Refusal: the serial is taken, the group is no longer a leaf. Of serials see
    registration.register_device.
    """
    with transaction.atomic():
        device = registration.make_device(version=version, serial=serial, name=name, model=model, tags=tags, by=by)
        keyed = version.credential_kind == RecipeVersion.CredentialKind.ACCESS_KEY
        issued = credentials.make_first(device) if keyed else None  # the factory's: before it is in a group
        made: dict[str, Any] = {"access_key": issued.access_key} if issued else {}
        events.record(Event.Kind.REGISTERED, device=device, by=by, **made)
        if group:
            placing: dict[str, Any] = {"name": device.name, "model": device.model, "with_device": True}
            assignments.assign(device=device, group=group, by=by, **placing)
        return Added(device, issued)
