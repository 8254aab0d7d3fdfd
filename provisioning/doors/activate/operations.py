"""The door of activation: a device that was added before says its identity within its window, and gets a credential.

The dialect is that of West Connectivity (Exosite Murano): docs/protocol.md, "Whitelist and activate".
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Q, Subquery, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Now

from devices import batches
from devices.connections import activation
from devices.credentials import operations as credentials
from devices.credentials.certificates import make_certified
from devices.credentials.tokens import make_token
from devices.identity import serials
from devices.models import Credential, Device, Event
from lib.prepared import prepared
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.client_certificates import is_signed_by, judge
from provisioning.doors.registration import (
    check_policy,
    counted_at,
    find_device,
    fits,
    has_pattern_of,
    register_by_door,
)
from provisioning.models import Door, DoorVendor, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import QuerySet

    from devices.models import EventQuerySet
    from provisioning.doors.client_certificates import Shown
    from tenants.models import Organisation

    Make = Callable[[Device], credentials.Issued]

HOURS, LONGEST_HOURS = 48, 24 * 365
TOKEN, PASSWORD, CERTIFICATE = "token", "password", "certificate"
MOST_DOORS = 20  # of an organisation, the newest of those
SHORTEST_PASSWORD = 20  # bytes


class Asked(NamedTuple):
    """Hold what a device says of itself. Old firmware says its vendor and model, too."""

    identity: str
    password: str | None = None
    vendor: str = ""
    model: str = ""
    certificate: Shown | None = None
    by_certificate_alone: bool = False  # it can be told no token


def activate(*, asked: Asked, address: str | None, organisation: Organisation | None) -> credentials.Issued:
    """Let the device in, or renew the credential of one that an admin opened again. Raises Refusal, counted at the
    door."""
    doors = find_doors(asked, organisation)
    device = find_device(doors[0], asked.identity)
    door = choose_door(doors, asked, device)
    with counted_at(door, identity=asked.identity):
        if not asked.identity:
            raise Refusal(refusals.DOOR_NO_IDENTITY)
        check_policy(door, asked.identity, address=address, makes=False)
        make = _choose_credential(door, asked)
        try:
            if device and _may_have_another(door, device) and (renewed := _renew(door, device, make)):
                return renewed
            return _register(door, asked.identity, device, address, make)
        except IntegrityError:
            if asked.certificate and Credential.objects.filter(access_key=asked.certificate.fingerprint).exists():
                raise Refusal(refusals.CERTIFICATE_USED) from None  # meanwhile, at another organisation's door
            raise


def find_doors(asked: Asked, organisation: Organisation | None) -> list[Door]:
    """Return the doors that the device may mean, at least one. Raises Refusal."""
    if organisation is not None:
        found = _select_doors(organisation.pk)
        # Newer firmware says something as its vendor and model, too; the host name counts.
        found = [door for door in found if asked.model and door.settings.get("model") == asked.model] or found
    else:
        mine = _select_vendors_doors(asked.vendor) if asked.vendor else []
        found = [door for door in mine if door.settings.get("model") in ("", None, asked.model)]
    if not found:
        raise Refusal(refusals.DOOR_UNKNOWN)
    return found


@prepared
def _select_doors(organisation: int) -> QuerySet[Door]:
    return _select_all_doors().filter(organisation=organisation)[:MOST_DOORS]


@prepared
def _select_vendors_doors(vendor: str) -> QuerySet[Door]:
    owner = DoorVendor.objects.filter(name=vendor).values("organisation")
    own = _select_all_doors().alias(vendor=Cast(KT("settings__vendor"), TextField())).filter(vendor=vendor)
    return own.filter(organisation__in=owner)[:MOST_DOORS]


def _select_all_doors() -> QuerySet[Door]:
    doors = Door.objects.filter(kind=Door.Kind.ACTIVATE).with_state().select_related("recipe__organisation")
    return doors.defer("recipe__organisation__logo")


def choose_door(doors: Sequence[Door], asked: Asked, device: Device | None) -> Door:
    """Return the door that would let the device in, or else the one of which it is told why not.

    A known device's is one of its recipe. Of several, one counts before the others that is open, for devices that were
    added or for those that nobody added, and asks for what the device shows; and of these, one for such identities.
    """
    mine = [door for door in doors if device is not None and door.recipe_id == device.version.recipe_id]
    other = Door.Admits.LISTED if device is None else Door.Admits.NEW

    def rank(door: Door) -> tuple[bool, ...]:
        is_admitted, is_enough = door.admits != other, _is_enough(door, asked)
        return door.state != State.OPEN, not (is_admitted and is_enough), not is_admitted, not is_enough

    best, is_for = sorted(mine or doors, key=rank), fits if device is None else has_pattern_of
    return next((door for door in best if is_for(door, asked.identity)), best[0])


def _is_enough(door: Door, asked: Asked) -> bool:
    """Decide whether the device shows what the door asks of it."""
    wanted = door.settings.get("authentication")
    if wanted == CERTIFICATE:
        return asked.certificate is not None
    return not asked.by_certificate_alone and (wanted == PASSWORD) is (asked.password is not None)


def _choose_credential(door: Door, asked: Asked) -> Make:
    """Return what makes the credential, as the door wants it. Raises Refusal."""
    password = asked.password
    if not _is_enough(door, asked):
        raise Refusal(refusals.DOOR_AUTHENTICATION, wanted=door.settings.get("authentication"))
    if asked.certificate and door.settings.get("authentication") == CERTIFICATE:
        return _take_certificate(door, asked.identity, asked.certificate)
    if password is None:
        return make_token
    if len(password.encode()) < SHORTEST_PASSWORD:
        raise Refusal(refusals.DOOR_PASSWORD_SHORT, least=SHORTEST_PASSWORD)
    return lambda device: credentials.Issued(secrets.token_hex(16), password)


def _take_certificate(door: Door, identity: str, shown: Shown) -> Make:
    """Return what makes the certificate the credential. Raises Refusal."""
    judge(shown)
    if serials.fold(shown.identity) != serials.fold(identity):
        raise Refusal(refusals.CERTIFICATE_OTHER)
    authorities = door.settings.get("authorities")
    if authorities and not is_signed_by(shown, authorities):
        raise Refusal(refusals.CERTIFICATE_AUTHORITY)
    used = Credential.objects.filter(access_key=shown.fingerprint)
    if used.exists():
        raise Refusal(refusals.DOOR_REGISTERED if used.live().exists() else refusals.CERTIFICATE_USED)
    return lambda device: make_certified(shown.certificate)


def _register(door: Door, identity: str, known: Device | None, address: str | None, make: Make) -> credentials.Issued:
    in_time = partial(_has_open_window, door)
    _, issued = register_by_door(
        door=door, identity=identity, known=known, address=address, make=make, activates=in_time
    )
    assert issued is not None
    return issued


def _has_open_window(door: Door, device: Device) -> bool:
    """Decide whether the device was added, or opened again by whichever way, within the door's hours."""
    within = _get_hours(door)
    return bool(_select_added(device.pk, within) or _select_openings(device.pk, within))


@prepared
def _select_added(device: int, within: timedelta) -> QuerySet[Device, int]:
    return Device.objects.filter(pk=device, registered_at__gt=Now() - within).values_list("pk", flat=True)


@prepared
def _select_openings(device: int, within: timedelta) -> QuerySet[Event, int]:
    """Select when it was opened again, by whichever way, since then."""
    return _list_openings(device).filter(at__gt=Now() - within).values_list("pk", flat=True)[:1]


def _may_have_another(door: Door, device: Device) -> bool:
    """Decide whether a device that came to a credential may have another one.

    An admin opened it again at a door of activation since it had its last one: somebody who gives more time to a device
    that waits with the factory's credential lets nobody else have one.
    """
    if device.version.recipe_id != door.recipe_id:
        return False
    return bool(_select_reopenings(device.pk, _get_hours(door)))


@prepared
def _select_reopenings(device: int, within: timedelta) -> QuerySet[Event, int]:
    """Select when it was opened again at a door since it had its last credential."""
    last = Credential.objects.filter(device=OuterRef("device")).order_by("-device_id", "-pk").values("created_at")[:1]
    opened = _list_openings(device).filter(at__gt=Now() - within, data__has_key="door")
    return opened.alias(last=Subquery(last)).filter(Q(at__gt=Subquery(last))).values_list("pk", flat=True)[:1]


@transaction.atomic
def _renew(door: Door, device: Device, make: Make) -> credentials.Issued | None:
    """Make a new credential, of which those of before work until it is used first; return None for a device that may
    not have another any more."""
    held = batches.hold([device.pk])
    if not Device.objects.filter(Device.may_connect(), pk=device.pk).exists():
        raise Refusal(refusals.DOOR_DEVICE_BARRED)
    if held[device.pk] != device.assignment_id or not _may_have_another(door, device):
        return None
    kinds = Credential.Kind.values
    rotated = credentials.rotate_credentials_of([device], by=None, make=make, instead_of=kinds, door=door.name)
    issued = rotated.get_issued(device)
    activation.activate_devices([device.pk])
    return issued


def _list_openings(device: int) -> EventQuerySet:
    return Event.objects.filter(device=device, kind=Event.Kind.OPENED_AGAIN)


def _get_hours(door: Door) -> timedelta:
    """Return for how long a device may be activated since it was added."""
    return timedelta(hours=door.settings.get("hours", HOURS))
