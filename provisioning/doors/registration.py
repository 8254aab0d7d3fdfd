"""A device registers itself by a door: the one operation in which every kind of door ends."""

from __future__ import annotations

import hashlib
import ipaddress
from contextlib import contextmanager
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now

from devices import batches, events
from devices.connections import activation
from devices.credentials import operations as credentials
from devices.events import Fact
from devices.identity import serials
from devices.lifecycle import assignments, registration
from devices.models import Credential, Device, Event
from devices.recipes.organisation_format import format_of
from devices.refusals import GROUP_TAKES_NO_DEVICES, SERIAL_TAKEN
from lib.db import rows
from lib.prepared import Update, prepared, prepared_update
from lib.refusals import Refusal
from provisioning.doors import own_ids, refusals
from provisioning.doors.refused_attempts import note_refusal
from provisioning.models import Door, DoorKey, DoorRegistration, State, UsedToken, is_open, read_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from django.db.models import QuerySet

    from devices.credentials.operations import Issued
    from devices.models import RecipeVersion
    from lib.refusals import Kind
    from tenants.models import User

LONGEST = 120
"""Characters of an identity."""
OVERDUE = timedelta(days=1)
"""Beyond a token's end, in which a door's leeway (600 s at most) may still have it count."""
CLOSED = {
    State.ENDED: refusals.DOOR_ENDED,
    State.EXPIRED: refusals.DOOR_EXPIRED,
    State.FULL: refusals.DOOR_FULL,
}
KEY_CLOSED = {
    State.ENDED: refusals.DOOR_KEY_ENDED,
    State.EXPIRED: refusals.DOOR_KEY_EXPIRED,
    State.FULL: refusals.DOOR_KEY_FULL,
}


class Once(NamedTuple):
    """Hold what names a token that may be used once, and until when the token itself counts; None: it has no end."""

    name: str
    expires_at: datetime | None


class Registered(NamedTuple):
    """Hold a device that a door let in, and as `issued` what only this answer can tell; None where nothing is yet."""

    device: Device
    issued: Issued | None


@contextmanager
def counted_at(door: Door, *, identity: str = "") -> Iterator[None]:
    """Count what is refused within at the door, and at the device that claims the identity, if it is known there."""
    try:
        yield
    except Refusal as refusal:
        note_refusal(refusal, door=door, identity=identity, device=find_device(door, identity))
        raise


def register_by_door(
    *,
    door: Door,
    identity: str,
    key: DoorKey | None = None,
    address: str | None = None,
    once: Once | None = None,
    name: str = "",
    tags: Mapping[str, str] | None = None,
    make: Callable[[Device], Issued] | None = credentials.make_random,
    goes_by_id: bool = False,
    activates: Callable[[Device], bool] | None = None,
    known: Device | None = None,
    group: int | None = None,
    by: User | None = None,
) -> Registered:
    """Let a device in whose caller was authenticated: as a new device of the door's recipe or, where the door admits
    them, as one that was added before, which the caller may have found (`known`). It gets the credential that `make`
    makes; None makes none yet.

    All of it is one transaction: of many calls for one identity, or for the last place of a door, one succeeds. `once`
    is a token that may be used once. A device that `goes_by_id` keeps its identity as it is written, beside a serial
    (provisioning.doors.own_ids). At a door that `activates` it counts as connected, unless that says that its time is
    over. Somebody who let it in (`by`) may have chosen its `group`; else the door's counts. Raises Refusal; the caller
    does it in `counted_at`.
    """
    check_policy(door, identity, key=key, address=address)
    group = group or door.group_id
    with transaction.atomic():
        if known:
            _take_over(door, known, group)
            device, is_new = known, False
        elif goes_by_id:
            device, is_new = _find_or_make_own(door, identity, name, tags, group)
        else:
            device, is_new = _find_or_make(door, identity, name, tags, group)
        _write_lineage(door, key, device, is_new)
        if once:
            _use_token(door, once)
        issued = credentials.make_first(device, make) if make else None
        if activates and not activates(device):
            raise Refusal(refusals.DOOR_WINDOW_OVER)
        told = [*_tell_made(door, device, issued, is_new)]
        if group is not None and device.group_id is None:
            events.record_each(told, by=by)
            told = []
            place(device, group, by)
        if activates:
            told += activation.activate_held(device)
        events.record_each(told, by=by)
        _take_place(door, key)  # last: until the commit everybody else at this door waits
    return Registered(device, issued)


def check_policy(
    door: Door, identity: str = "", *, key: DoorKey | None = None, address: str | None = None, makes: bool = True
) -> None:
    """Raise Refusal where the door is shut for this caller, as it was read for this call (`with_state`). Without an
    identity only the rest is asked; a full door is open to who `makes` no device more."""
    _refuse_closed(read_state(door), CLOSED, makes=makes)
    if key is not None:
        _refuse_closed(read_state(key), KEY_CLOSED, makes=makes)
    check_address(door, address)
    if not identity:
        return
    if len(identity) > LONGEST:
        raise Refusal(refusals.DOOR_IDENTITY_UNFIT)
    _require_pattern(door, identity)
    if key is not None and key.identity and key.identity != identity:
        raise Refusal(refusals.DOOR_IDENTITY_OTHER)


def _require_pattern(door: Door, identity: str) -> None:
    pattern = door.pattern.upper().replace("[", "[[]")  # it has no other sign than * and ?
    if pattern and not fnmatchcase(identity.upper(), pattern):
        raise Refusal(refusals.DOOR_IDENTITY_OTHER)


def check_address(door: Door, address: str | None) -> None:
    """Raise Refusal for an address outside of the door's networks."""
    if door.networks and not is_within(address, door.networks):
        raise Refusal(refusals.DOOR_ADDRESS)


def is_within(address: str | None, networks: list[str]) -> bool:
    try:
        here = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    here = getattr(here, "ipv4_mapped", None) or here
    return any(here in ipaddress.ip_network(network) for network in networks)


def has_pattern_of(door: Door, identity: str) -> bool:
    """Decide whether the identity is one of those that the door is for."""
    try:
        _require_pattern(door, identity)
    except Refusal:
        return False
    return True


def fits(door: Door, identity: str) -> bool:
    """Decide whether the identity may be one of a new device of this door's."""
    if not has_pattern_of(door, identity):
        return False
    try:
        _read_serial(identity, door.recipe.current)
    except Refusal:
        return False
    return True


def find_device(door: Door, identity: str) -> Device | None:
    """Return the device of the door's organisation that has the identity as its serial."""
    key = serials.fold(identity) if 0 < len(identity) <= LONGEST else ""
    keys = [key, *serials.write_otherwise(key)] if key else []
    found = _select_devices(door.organisation_id, tuple(keys)) if keys else []
    return found[0] if found else None


@prepared
def _select_devices(organisation: int, keys: tuple[str, ...]) -> QuerySet[Device]:
    own = Device.objects.filter(organisation=organisation, serial_key__in=keys)
    return own.select_related("version").order_by("name", "pk")[:1]


def _refuse_closed(state: State, kinds: Mapping[State, Kind], *, makes: bool) -> None:
    if (kind := kinds.get(state)) is not None and (makes or state != State.FULL):
        raise Refusal(kind)


def _find_or_make(
    door: Door, identity: str, name: str, tags: Mapping[str, str] | None, group: int | None
) -> tuple[Device, bool]:
    """Return the device, and whether it is new."""
    version = door.recipe.current
    serial = _read_serial(identity, version)
    if door.admits == Door.Admits.NEW:  # who is there is refused in any case: mostly nobody is
        try:
            return _make(door, version, serial, name, tags), True
        except Refusal:
            if (device := find_device(door, serial)) is not None:
                _take_over(door, device, None)
            raise
    if (device := find_device(door, serial)) is not None:
        _take_over(door, device, group)
        return device, False
    return _make(door, version, serial, name, tags), True


def _find_or_make_own(
    door: Door, own_id: str, name: str, tags: Mapping[str, str] | None, group: int | None
) -> tuple[Device, bool]:
    """Return the device that goes by the ID from now on, and whether it is new. A serial that folds as the ID does is
    another device's, unless it waits for this door."""
    listed = own_ids.find_listed(door, own_id) if door.admits != Door.Admits.NEW else None
    if listed is not None and (door.admits == Door.Admits.LISTED or _waits(listed)):
        _take_over(door, listed, group)
        own_ids.write_own_id(listed, own_id)
        return listed, False
    version, name = door.recipe.current, name or own_id
    if own_ids.is_serial(version, own_id):
        try:
            return _make(door, version, own_id, name, tags, own_id), True
        except Refusal as refusal:
            if refusal.kind is not refusals.DOOR_REGISTERED:
                raise
    return _make(door, version, own_ids.write_serial(door, version), name, tags, own_id), True


def _waits(device: Device) -> bool:
    return device.activated_at is None and not Credential.objects.of(device).standing().exists()


def _make(
    door: Door, version: RecipeVersion, serial: str, name: str, tags: Mapping[str, str] | None, own_id: str = ""
) -> Device:
    if door.admits == Door.Admits.LISTED:
        raise Refusal(refusals.DOOR_NOT_LISTED)
    try:
        return registration.make_device(
            version=version, serial=serial, name=name, tags=tags, was_current=True, own_id=own_id
        )
    except ValidationError:
        raise Refusal(refusals.DOOR_IDENTITY_UNFIT) from None
    except Refusal as refusal:
        raise Refusal(refusals.DOOR_REGISTERED) if refusal.kind is SERIAL_TAKEN else refusal from None


def _read_serial(identity: str, version: RecipeVersion) -> str:
    """Return the serial that the identity is. Raises Refusal."""
    try:
        serial = registration.read_serial(identity.strip(), format_of(version))
    except ValidationError:
        serial = ""
    if not serials.canonical(serial):
        raise Refusal(refusals.DOOR_IDENTITY_UNFIT)
    return serial


def _take_over(door: Door, device: Device, group: int | None) -> None:
    """Hold a device that was added before, and the group into which it comes. Raises Refusal unless it waits for this
    door: it has no credential yet."""
    lock_place(device, group)
    held = batches.hold([device.pk])
    # After that: what a statement asks beside the row that it locks stays as it was before it waited.
    found = _select_standing(device.pk)
    if not found:
        raise Refusal(refusals.DOOR_DEVICE_BARRED)
    if held[device.pk] != device.assignment_id or any(found[0]):
        raise Refusal(refusals.DOOR_REGISTERED)
    if door.admits == Door.Admits.NEW or device.version.recipe_id != door.recipe_id:
        raise Refusal(refusals.DOOR_NOT_LISTED if door.admits == Door.Admits.LISTED else refusals.DOOR_REGISTERED)


@prepared
def _select_standing(device: int) -> QuerySet[Device, tuple[datetime | None, bool]]:
    """Select when a device that may connect did so first, and whether it has a credential."""
    has_one = Exists(Credential.objects.standing().filter(device=OuterRef("pk")))
    return Device.objects.filter(Device.may_connect(), pk=device).values_list("activated_at", has_one)


def _write_lineage(door: Door, key: DoorKey | None, device: Device, is_new: bool) -> None:
    """Raise Refusal where the device has one."""
    if not rows.insert(DoorRegistration(door=door, key=key, device=device, is_new=is_new)):
        raise Refusal(refusals.DOOR_REGISTERED)


def clear_used_tokens() -> int:
    """Delete what is known of used tokens that are refused for their age by now; return how many."""
    return UsedToken.objects.filter(expires_at__lt=Now() - OVERDUE).delete()[0]


def _use_token(door: Door, once: Once) -> None:
    digest = hashlib.sha256(once.name.encode(errors="surrogatepass")).digest()
    if not rows.insert(UsedToken(door=door, digest=digest, expires_at=once.expires_at)):
        raise Refusal(refusals.DOOR_TOKEN_USED)


def _tell_made(door: Door, device: Device, issued: Issued | None, is_new: bool) -> Iterator[Fact]:
    """Tell the one fact: that it was added, or that one that was there got its credential."""
    made: dict[str, Any] = {"access_key": issued.access_key} if issued else {}
    if is_new or made:
        kind = Event.Kind.REGISTERED if is_new else Event.Kind.CREDENTIAL_ISSUED
        yield Fact.about(device, kind, {**made, "door": door.name})


def lock_place(device: Device, group: int | None) -> None:
    """Lock the group into which `place` puts the device; called before the device is held, as everybody does."""
    if group is not None and device.group_id is None:
        assignments.lock_leaves([group])


def place(device: Device, group: int | None, by: User | None = None) -> None:
    """Put a device that is in no group into this one; its credential, as the factory's, stays when it leaves. Raises
    Refusal."""
    if group is None or device.group_id is not None:
        return
    if not assignments.lock_leaves([group]):
        raise Refusal(GROUP_TAKES_NO_DEVICES)
    assignments.assign_devices([device], group=group, by=by)
    device.refresh_from_db()


def _take_place(door: Door, key: DoorKey | None) -> None:
    """Count the device at the door, and at the key, by one conditional UPDATE each. Raises Refusal."""
    if _count(Door, door.pk) != 1:
        # It may have been opened again meanwhile; then it was full.
        raise Refusal(CLOSED.get(read_state(door, again=True), refusals.DOOR_FULL))
    if key is not None and _count(DoorKey, key.pk) != 1:
        raise Refusal(KEY_CLOSED.get(read_state(key, again=True), refusals.DOOR_KEY_FULL))


@prepared_update
def _count(of: type[Door | DoorKey], pk: int) -> Update:
    return Update(of.objects.filter(is_open(), pk=pk), {"made": F("made") + 1, "last_used_at": Now()})
