"""Adding a device: the registry row comes to exist, with an identity. It is not provisioning."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now

from devices import events
from devices.identity import label_text, serials
from devices.models import Device, DeviceModel, Event, RecipeVersion
from devices.recipes import operations as recipes
from devices.recipes.organisation_format import format_of
from devices.refusals import SERIAL_TAKEN
from devices.tags import add_to_defaults
from lib import names
from lib.db import rows
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models.expressions import CombinedExpression

    from devices.identity.formats import Format
    from tenants.models import User


ATTEMPTS = 50  # at a serial that is free: formats of a few digits fill up
NO_FREE_SERIAL = "No free serial was found: this recipe's format has too few. Give it a longer one."


def register_device(
    *,
    version: RecipeVersion,
    by: User | None,
    serial: str = "",
    name: str = "",
    model: DeviceModel | None = None,
    tags: Mapping[str, str] | None = None,
) -> Device:
    """Return a new device without a credential; see `make_device`."""
    with transaction.atomic():
        device = make_device(version=version, serial=serial, name=name, model=model, tags=tags, by=by)
        events.record(Event.Kind.REGISTERED, device=device, by=by)
    return device


def make_device(
    *,
    version: RecipeVersion,
    serial: str = "",
    name: str = "",
    model: DeviceModel | None = None,
    tags: Mapping[str, str] | None = None,
    was_current: bool = False,
    own_id: str = "",
    by: User | None = None,
) -> Device:
    """Return a new device of a recipe, whose model and tags it gets beside its own.

    Its serial fits the recipe's format; without one it gets one that does, and that is free. Raises Refusal where
    it is taken, even where another committed it this very moment, and where the recipe is retired or has a later
    version, unless the caller read it only just as the one that `was_current`; ValidationError. The caller records it,
    in the same transaction. One that goes by its `own_id` is refused likewise where another does. `by`: to whom the
    refusal names the device that has the serial, if they see it.
    """
    if was_current:
        recipes.require_not_retired(version.recipe)
    else:
        recipes.require_offered(version)
    own = {
        "version": version,
        "organisation": version.recipe.organisation,
        "name": names.clean_name(name) if name.strip() else "",
        "model": model or version.model,
        "tags": add_to_defaults(version.default_tags, tags or {}),
        "own_id": own_id,
    }
    fitting = format_of(version)
    serial = read_serial(serial.strip(), fitting)
    if serial or not fitting.can_generate:
        if problem := fitting.problem(serial):
            raise ValidationError({"serial": problem})
        if (device := _make(own, serial)) is None:
            raise Refusal(SERIAL_TAKEN, field="serial", serial=_name_taken(version, serials.canonical(serial), by))
        return device
    for _ in range(ATTEMPTS):
        made = fitting.generate(secrets.token_bytes(32))
        if made.upper() not in serials.RESERVED and (device := _make(own, made)):
            return device
    raise ValidationError({"serial": NO_FREE_SERIAL})


def _name_taken(version: RecipeVersion, serial: str, by: User | None) -> str:
    """Return the serial of the device that has it, and why the two are one; of a device that `by` doesn't see, what was
    asked for."""
    key = serials.fold(serial)
    keys = [key, *serials.write_otherwise(key)]
    visible = Device.objects.visible_to(by) if by else Device.objects.none()
    held = visible.filter(organisation=version.recipe.organisation_id, serial_key__in=keys)
    there = held.values_list("serial", flat=True).first() or serial
    why = serials.explain_equality(serial, there)
    return serials.format_in_fours(there) + (f" ({why})" if why else "")


def read_serial(text: str, fitting: Format) -> str:
    """Return the serial that was typed, or that stands in a label's whole text. Raises ValidationError of `serial`."""
    try:
        return label_text.read_serial(text, fitting, origins=settings.SITE_URLS)
    except ValueError as error:
        raise ValidationError({"serial": str(error)}) from None


def _make(own: Mapping[str, Any], serial: str) -> Device | None:
    """Return the new device, or None where its organisation has one with this serial."""
    version, serial = own["version"], serials.canonical(serial)
    device = Device(**own, serial=serial, expires_at=compute_expiry(version))
    device.name = device.name or serial
    # What may be there once the database keeps so, without being asked.
    excluded = ["registered_at", "serial_key", "expires_at", "organisation", "version", "model"]
    device.full_clean(exclude=excluded, validate_unique=False, validate_constraints=False)
    device.serial_key = serials.fold(serial)
    if _is_there_otherwise(device) or not rows.insert(device):
        return None
    if version.expires:
        device.refresh_from_db(fields=["expires_at"])
    return device


def _is_there_otherwise(device: Device) -> bool:
    """Return whether its serial is an address that another device has in another writing. What keeps the same text
    apart keeps no two of them apart: of two added in the same moment both stay."""
    others = serials.write_otherwise(serials.fold(device.serial))
    return bool(others) and Device.objects.filter(organisation=device.organisation, serial_key__in=others).exists()


def compute_expiry(version: RecipeVersion) -> CombinedExpression | None:
    """Return when a device made now expires unless it connects; None for recipes whose devices never do."""
    if not version.expires:
        return None
    return Now() + timedelta(hours=version.recipe.organisation.activation_hours)
