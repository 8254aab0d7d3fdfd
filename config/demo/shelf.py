"""Devices on the shelf of the demo's maker, that have no credential yet: one for each kind of door, with what its maker
gave it and the command that brings it in."""

from __future__ import annotations

import json
import os
import shlex
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import transaction

from config.demo import owned
from config.demo.door_commands import DoorCommand, keep_commands
from devices.identity import serials
from devices.lifecycle import registration
from devices.models import Device
from lib.private_file import open_private
from lib.refusals import Refusal
from provisioning.doors import operations as doors
from provisioning.doors.activate.operations import LONGEST_HOURS, TOKEN
from provisioning.doors.approval import operations as approval
from provisioning.doors.jwt import issuing, keys, tokens
from provisioning.doors.jwt import operations as jwt_doors
from provisioning.doors.jwt.tokens import AtDoor
from provisioning.doors.kinds import get_kind
from provisioning.doors.profile import operations as profile
from provisioning.models import Door, DoorKey
from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from devices.models import Recipe
    from tenants.models import Organisation

PREFIX = "KANARRS"
ISSUER = "factory.kanarra.example"
TOKEN_LASTS = timedelta(days=365)


class Shelf(NamedTuple):
    """Describe a door of the demo and the device that waits for it. The simulated gateway calls the kind `option`."""

    kind: Door.Kind
    option: str
    words: str
    name: str
    settings: Mapping[str, object]
    number: int
    shows: bool = False  # on a panel, what it waits for

    @property
    def serial(self) -> str:
        payload = f"{PREFIX}{self.number:03}"
        return payload + serials.compute_check_characters(payload)


APPROVAL = "Approval in the field"
APPROVAL_SETTINGS = {"waits": 60, "token_days": 90, "credential_days": 30}
SHELVES = (
    Shelf(
        Door.Kind.JWT,
        "jwt",
        "a token that its maker signed",
        "Factory's signed tokens",
        {"issuer": ISSUER, "algorithms": ["ES256"], "audience": "", "expires": True, "once": False, "leeway": 30},
        1,
    ),
    Shelf(
        Door.Kind.PROFILE,
        "ztp",
        "a token shared by a profile",
        "Profile of retrofits",
        {"activates": True, "hardware_id": True, "renews": True, "tags": {}},
        2,
    ),
    Shelf(
        Door.Kind.ACTIVATE,
        "activate",
        "nothing but its identity",
        "Activation of what was added",
        {"hours": LONGEST_HOURS, "authentication": TOKEN, "vendor": "", "model": ""},
        3,
    ),
    Shelf(
        Door.Kind.APPROVAL,
        "approve",
        "a provisioning token; you approve it",
        APPROVAL,
        APPROVAL_SETTINGS,
        4,
        shows=True,
    ),
    Shelf(
        Door.Kind.APPROVAL,
        "oauth",
        "the same as an OAuth client, and a QR code",
        APPROVAL,
        APPROVAL_SETTINGS,
        5,
        shows=True,
    ),
)

PANELS = sum(shelf.shows for shelf in SHELVES) + 1
"""That and the one whose label has an owner token show what they wait for."""


def make_doors(organisation: Organisation, recipe: Recipe, *, by: User) -> None:
    """Make a door of each kind of which there is none: what a visitor changed or ended stays so."""
    owned.make_device(recipe, by=by)
    there = set(Door.objects.filter(organisation=organisation).values_list("kind", flat=True))
    for shelf in SHELVES:
        if shelf.kind not in there:
            there.add(shelf.kind)
            with suppress(Refusal), transaction.atomic():  # a visitor has that name, or retired the recipe
                _make_door(shelf, organisation, recipe, by)


def _make_door(shelf: Shelf, organisation: Organisation, recipe: Recipe, by: User) -> None:
    kind = get_kind(shelf.kind)
    fields = {"name": shelf.name, "recipe": recipe, "settings": dict(shelf.settings), "admits": kind.admits}
    fields |= {"group": None, "pattern": "", "networks": [], "cap": None, "expires_at": None}
    doors.create_door(organisation=organisation, kind=shelf.kind, fields=fields, by=by, prepare=kind.prepare)
    if shelf.kind == Door.Kind.ACTIVATE:
        registration.register_device(version=recipe.current, by=by, serial=shelf.serial, name="On the shelf")


def renew_files(folder: Path, slug: str, *, site: str, mqtt_url: str, panels: Iterable[int]) -> None:
    """Write for each device what its maker gave it, and for the doors' pages the commands, with PANELS ports for
    what they show. A token that still counts stays; where there is none, or none that counts, another is made."""
    commands: list[DoorCommand] = []
    ports = iter(panels)
    for shelf in SHELVES:
        panel = next(ports) if shelf.shows else 0
        file = folder / f"{shelf.option}.json"
        door = Door.objects.filter(organisation__slug=slug, kind=shelf.kind, name=shelf.name, ended_at=None).first()
        given = _give(shelf, door, file) if door else None
        if door is None or given is None:
            file.unlink(missing_ok=True)
            continue
        given |= {"site": site, "serial": shelf.serial}
        if shelf.kind != Door.Kind.PROFILE:  # whose answer says where the broker is
            given["mqtt_url"] = mqtt_url
        with open_private(file) as out:
            json.dump(given, out, indent=2)
        line = _write_command(shelf.option, file, panel)
        commands.append(DoorCommand(str(door.key), shelf.words, line, shelf.serial))
    file = folder / f"{owned.OPTION}.json"
    if given := owned.give(file, slug):  # it has no door
        with open_private(file) as out:
            json.dump({**given, "serial": owned.SERIAL, "mqtt_url": mqtt_url}, out, indent=2)
        commands.append(DoorCommand("", owned.WORDS, _write_command(owned.OPTION, file, next(ports))))
    else:
        file.unlink(missing_ok=True)
    keep_commands(folder, commands)


def _give(shelf: Shelf, door: Door, file: Path) -> dict[str, str] | None:
    """Return what the maker gives beside the serial; None where there can be no other."""
    if shelf.kind == Door.Kind.ACTIVATE:
        device = Device.objects.filter(organisation=door.organisation_id, serial=shelf.serial).first()
        return {"organisation": door.organisation.slug, "device_id": device.device_id} if device else None
    token = _read_token(file)
    if shelf.kind == Door.Kind.JWT:
        return {"token": token if _is_signed_for(door, token) else _sign(door)}
    if shelf.kind == Door.Kind.APPROVAL:
        counts = _is_token_of(door, lambda: approval.find_key(token, door.organisation))
        return {"token": token if counts else approval.make_token(door=door, by=_find_admin(door))[1]}
    counts = _is_token_of(door, lambda: profile.find_key(token, door.organisation))
    return {"token": token if counts else profile.make_token(door=door, by=_find_admin(door))[1]}


def _read_token(file: Path) -> str:
    try:
        return str(json.loads(file.read_text())["token"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def _is_signed_for(door: Door, token: str) -> bool:
    try:
        checked = tokens.check_token(tokens.read_token(token), jwt_doors.find_doors(ISSUER, door.organisation))
    except (Refusal, AtDoor):
        return False
    return checked.door == door and checked.key.ended_at is None


def _sign(door: Door) -> str:
    """Return a token for all devices of the factory; nobody keeps the key that signed it."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    issuing.add_signing_keys(door=door, given=keys.read_public_keys(public, "Demo's factory"), by=_find_admin(door))
    return jwt.encode({"iss": ISSUER, "exp": datetime.now(UTC) + TOKEN_LASTS}, key, "ES256")


def _is_token_of(door: Door, find: Callable[[], DoorKey]) -> bool:
    try:
        key = find()
    except Refusal:
        return False
    return key.door_id == door.pk and key.ended_at is None


def _find_admin(door: Door) -> User:
    return User.objects.filter(organisation=door.organisation).earliest("pk")


def _write_command(option: str, file: Path, panel: int) -> str:
    program = [_shorten(Path(sys.executable)), "-m", "firmware_sim", "--door", option, "--given", _shorten(file)]
    return shlex.join([*program, "--panel", str(panel)] if panel else program)


def _shorten(path: Path) -> str:
    """Return the path as it is called from Handover's folder, if it lies there."""
    base = Path(settings.BASE_DIR)
    return os.path.relpath(path, base) if path.is_relative_to(base) else str(path)
