"""Registration: the registry row comes to exist, with an identity. It is not provisioning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from devices import serials
from devices.models import Device, Event, RecipeVersion

if TYPE_CHECKING:
    from tenants.models import User


def register(*, version: RecipeVersion, by: User | None, serial: str = "", name: str = "") -> Device:
    """One device from a recipe; without a serial it gets one of Handover's own."""
    serial = serials.canonical(serial) or serials.generate()
    recipe = version.recipe
    with transaction.atomic():
        device = Device(
            organisation=recipe.organisation,
            serial=serial,
            version=version,
            name=name or serial,
            model=recipe.model,
            tags=dict(recipe.default_tags),
        )
        device.full_clean(exclude=["registered_at", "serial_key"])
        device.save()
        Event.objects.create(organisation=recipe.organisation, device=device, by=by, kind=Event.Kind.REGISTERED)
    return device
