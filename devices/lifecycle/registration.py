"""Registration: the registry row comes to exist, with an identity. It is not provisioning."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from devices.identity import serials
from devices.models import Device, DeviceModel, Event, RecipeVersion
from devices.tags import add_to_defaults
from lib import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models.expressions import CombinedExpression

    from tenants.models import User


class Taken(Exception):
    """The organisation has a device with this serial already."""


def register(
    *,
    version: RecipeVersion,
    by: User | None,
    serial: str = "",
    name: str = "",
    model: DeviceModel | None = None,
    tags: Mapping[str, str] | None = None,
) -> Device:
    """One device from a recipe, whose model and tags it gets beside its own; without a serial, one of Handover's.

    Raises Taken, even where another committed it this very moment, and ValidationError."""
    serial = serials.canonical(serial) or serials.generate()
    recipe = version.recipe
    with transaction.atomic():
        device = Device(
            organisation=recipe.organisation,
            serial=serial,
            version=version,
            name=names.one_line(name, "name") or serial,
            model=model or version.model,
            tags=add_to_defaults(version.default_tags, tags or {}),
            expires_at=expiry(version),
        )
        device.full_clean(exclude=["registered_at", "serial_key", "expires_at"])
        _save(device)
        device.refresh_from_db(fields=["expires_at"])
        Event.objects.create(organisation=recipe.organisation, device=device, by=by, kind=Event.Kind.REGISTERED)
    return device


def _save(device: Device) -> None:
    try:
        with transaction.atomic():
            device.save()
    except IntegrityError:
        key = serials.fold(device.serial)
        if Device.objects.filter(organisation=device.organisation, serial_key=key).exists():
            raise Taken from None
        raise


def expiry(version: RecipeVersion) -> CombinedExpression | None:
    """When a device made now expires unless it connects; None for recipes whose devices never do."""
    if not version.expires:
        return None
    return Now() + timedelta(hours=version.recipe.organisation.activation_hours)
