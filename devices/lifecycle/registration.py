"""Registration: the registry row comes to exist, with an identity. It is not provisioning."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from devices import events
from devices.identity import serials
from devices.models import Device, DeviceModel, Event, RecipeVersion
from devices.recipes.organisation_format import format_of
from devices.tags import add_to_defaults
from lib import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models.expressions import CombinedExpression

    from tenants.models import User


ATTEMPTS = 50  # at a serial that is free: formats of a few digits fill up
NO_FREE_SERIAL = "No free serial was found: this recipe's format has too few. Give it a longer one."


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
    """Return a new device without a credential; see `make`."""
    with transaction.atomic():
        device = make(version=version, serial=serial, name=name, model=model, tags=tags)
        events.record(Event.Kind.REGISTERED, device=device, by=by)
    return device


def make(
    *,
    version: RecipeVersion,
    serial: str = "",
    name: str = "",
    model: DeviceModel | None = None,
    tags: Mapping[str, str] | None = None,
) -> Device:
    """Return a new device of a recipe, whose model and tags it gets beside its own.

    Its serial fits the recipe's format; without one it gets one that does, and that is free. Raises Taken, even where
    another committed it this very moment, and ValidationError. The caller records it, in the same transaction.
    """
    own = {
        "version": version,
        "organisation": version.recipe.organisation,
        "name": names.clean_name(name) if name.strip() else "",
        "model": model or version.model,
        "tags": add_to_defaults(version.default_tags, tags or {}),
    }
    fitting, serial = format_of(version), serial.strip()
    if serial or not fitting.can_generate:
        if problem := fitting.problem(serial):
            raise ValidationError({"serial": problem})
        return _make(own, serial)
    for _ in range(ATTEMPTS):
        with suppress(Taken):
            if (made := fitting.generate(secrets.token_bytes(32))).upper() not in serials.RESERVED:
                return _make(own, made)
    raise ValidationError({"serial": NO_FREE_SERIAL})


def _make(own: Mapping[str, Any], serial: str) -> Device:
    version, serial = own["version"], serials.canonical(serial)
    with transaction.atomic():
        device = Device(**own, serial=serial, expires_at=expiry(version))
        device.name = device.name or serial
        device.full_clean(exclude=["registered_at", "serial_key", "expires_at"])
        _save(device)
        device.refresh_from_db(fields=["expires_at"])
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
