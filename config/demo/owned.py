"""A device on the shelf of the demo's maker whose label has an owner token, by a recipe that asks for that."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction

from devices.credentials import operations as credentials
from devices.credentials import presence_secrets
from devices.identity import serials
from devices.lifecycle import registration
from devices.models import Device, Recipe
from devices.recipes import operations as recipes
from devices.recipes.operations import Contents
from lib.refusals import Refusal
from tenants.models import Presence, User

if TYPE_CHECKING:
    from pathlib import Path

NAME, OPTION = "Retrofit with owner token", "owner-token"
WORDS = "a claim code (owner token) in its label's QR code; scan it"
PAYLOAD = "KANARRS006"
SERIAL = PAYLOAD + serials.compute_check_characters(PAYLOAD)


def make_device(recipe: Recipe, *, by: User) -> None:
    """Make the recipe like another one, and its device, unless there is one of this name: a visitor's counts."""
    organisation = recipe.organisation
    if Recipe.objects.filter(organisation=organisation, name=NAME).exists():
        return
    contents = replace(Contents.of(recipe.current), presence=Presence.CLAIM_CODE.value)
    with suppress(Refusal, ValidationError), transaction.atomic():
        own = recipes.create(organisation=organisation, name=NAME, contents=contents, by=by)
        registration.register_device(version=own.current, by=by, serial=SERIAL, name="With an owner token")


def give(file: Path, slug: str) -> dict[str, str] | None:
    """Return what its maker gives it; None without a device. What the file has stays while it works."""
    device = Device.objects.filter(organisation__slug=slug, serial=SERIAL, retired_at=None).first()
    return (_read(file, device) or _make(device)) if device else None


def _read(file: Path, device: Device) -> dict[str, str] | None:
    try:
        given: dict[str, str] = json.loads(file.read_text())
        found = credentials.find_credential(access_key=given["access_key"], access_secret=given["access_secret"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return given if found and found.device_id == device.pk and given.get("token") else None


def _make(device: Device) -> dict[str, str]:
    admin = User.objects.filter(organisation=device.organisation_id).earliest("pk")
    made = presence_secrets.make_presence_secret(device=device, method=Presence.CLAIM_CODE.value, by=admin)
    issued = credentials.issue_credential(device=device, by=admin)
    keys = {"access_key": issued.access_key, "access_secret": issued.access_secret}
    return {"device_id": device.device_id, "token": made.secret, **keys}
