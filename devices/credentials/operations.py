"""Making, checking and revoking what devices authenticate with.

Secrets are 256-bit random, so a single SHA-256 is enough at rest, and indexed look-up stays cheap.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import Error, transaction
from django.db.models import Case, Exists, OuterRef, Q, When
from django.db.models.functions import Least, Now

from devices import events
from devices.connections import activation
from devices.events import Fact
from devices.models import Credential, CredentialUse, Device, Event

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from devices.models import CredentialQuerySet
    from lib.key_wrapping import Access
    from tenants.models import User

log = logging.getLogger(__name__)

MAX_LIVE = 10
"""Credentials of a device that work at the same time."""
MAX_AN_HOUR = 30
"""Credentials made for a device within an hour."""
NOTED_EVERY = timedelta(minutes=1)
"""How exact the time of a credential's last use is."""
AT_ONCE = timedelta()

# Why it is revoked: what was issued within an assignment ends with it.
HANDED_OVER, ALL_REVOKED, ROTATED = "handed over", "all revoked", "rotated"


class Refused(Exception):
    """Why the device gets no further credential; the message says what to do."""


class TooMany(Refused):
    """The device has enough of them."""


class Moved(Refused):
    """The device is no longer where whoever asks saw it."""


@dataclass(frozen=True, repr=False)
class Issued:
    """Shown exactly once; only the hash stays."""

    access_key: str
    access_secret: str


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


# Making and ending them ------------------------------------------------------------------------


def issue(*, device: Device, by: User | None) -> Issued:
    """One more credential for the device, in the assignment that it was read with. Raises `Refused`."""
    with transaction.atomic():
        issued = make(device)
        events.record(Event.Kind.CREDENTIAL_ISSUED, device=device, by=by, access_key=issued.access_key)
    return issued


def rotate(*, device: Device, by: User | None, ends: timedelta | None = None) -> Issued:
    """A new access key instead of the device's others, which end `ends` from now; `AT_ONCE` revokes them.

    With None they end when the device uses the new one first: it finishes the rotation by itself. Raises `Refused`.
    """
    with transaction.atomic():
        issued = make(device, instead=ends == AT_ONCE)
        former = Credential.objects.of(device).standing().filter(kind=Credential.Kind.ACCESS_KEY)
        former = former.exclude(access_key=issued.access_key)
        events.record(
            Event.Kind.CREDENTIAL_ROTATED,
            device=device,
            by=by,
            access_key=issued.access_key,
            instead_of=sorted(former.values_list("access_key", flat=True)),
        )
        _retire(device, former, Credential.objects.get(access_key=issued.access_key), ends, by)
    return issued


def revoke(*, credential: Credential, by: User | None) -> bool:
    """Whether this call revoked it."""
    return bool(_revoke(Credential.objects.filter(pk=credential.pk), by, "revoked"))


def revoke_all(*, device: Device, by: User) -> int:
    """How many this call revoked: nothing authenticates as this device any more."""
    return _revoke(Credential.objects.of(device), by, ALL_REVOKED)


def make(device: Device, *, instead: bool = False) -> Issued:
    """Return one more credential, in the assignment that the device was read with; the caller records it, in the same
    transaction. Where it comes `instead` of all others they don't count. Raises `Refused`."""
    # Held until the commit, so that two at once don't both find room for the last one.
    held = Device.objects.select_for_update(no_key=True).only("pk", "assignment_id").get(pk=device.pk)
    if held.assignment_id != device.assignment_id:
        raise Moved("The device was handed over meanwhile, and nothing was done. Read it again.")
    own = Credential.objects.of(device)
    if not instead and own.standing().count() >= MAX_LIVE:
        raise TooMany(f"This device has {MAX_LIVE} working credentials already. Revoke one that it does not need.")
    if own.filter(created_at__gt=Now() - timedelta(hours=1)).count() >= MAX_AN_HOUR:
        raise TooMany(f"This device got {MAX_AN_HOUR} credentials within an hour. Try again later.")
    issued = Issued(secrets.token_hex(16), secrets.token_urlsafe(32))
    Credential.objects.create(
        device=device,
        access_key=issued.access_key,
        secret_hash=digest(issued.access_secret),
        assignment_id=held.assignment_id,
    )
    return issued


def _retire(
    device: Device, former: CredentialQuerySet, new: Credential, ends: timedelta | None, by: User | None
) -> None:
    if ends == AT_ONCE:
        _revoke(former, by, ROTATED)
    elif ends is None:
        former.update(superseded_by=new)
    else:
        end = Now() + ends
        # SQLite's and PostgreSQL's LEAST differ on null.
        former.update(expires_at=Case(When(expires_at=None, then=end), default=Least("expires_at", end)))


def _revoke(credentials: CredentialQuerySet, by: User | None, reason: str) -> int:
    """One conditional UPDATE and one event for each that this call revoked; others are left as they are."""
    with transaction.atomic():
        revoked = 0
        for credential in credentials.filter(revoked_at=None).select_related("device").order_by("pk"):
            if Credential.objects.filter(pk=credential.pk, revoked_at=None).update(revoked_at=Now()) == 1:
                events.record(
                    Event.Kind.CREDENTIAL_REVOKED,
                    device=credential.device,
                    by=by,
                    access_key=credential.access_key,
                    reason=reason,
                )
                revoked += 1
    return revoked


def end_issued(*, devices: Collection[int], by: User | None, **facts: object) -> int:
    """Revoke what the locked `devices` got in the assignments that they leave now; how many that were.

    Called before they leave, so that the events are theirs who lose them. What the factory gave them stays.
    """
    issued = Credential.objects.standing().filter(device__among=devices, assignment__isnull=False)
    return revoke_many(issued, by, HANDED_OVER, **facts)


def revoke_many(credentials: CredentialQuerySet, by: User | None, reason: str, **facts: object) -> int:
    """Of devices that are locked: two statements and an event for each, however many; how many that were."""
    fields = "device__organisation_id", "device_id", "device__assignment_id", "access_key", "pk"
    ending = list(credentials.filter(revoked_at=None).order_by("pk").values_list(*fields))
    if not ending:
        return 0
    Credential.objects.filter(pk__among=[pk for *_, pk in ending], revoked_at=None).update(revoked_at=Now())
    told = (
        Fact(Event.Kind.CREDENTIAL_REVOKED, root, device, assignment, {"access_key": key, "reason": reason, **facts})
        for root, device, assignment, key, _ in ending
    )
    events.record_each(told, by=by)
    return len(ending)


def still_stand(made: Mapping[int, Access]) -> dict[int, bool]:
    """Device -> whether what was made for it is its credential still, neither revoked, expired nor being replaced.

    A device that never got it is left out.
    """
    alone = Q(superseded_by=None) | Q(superseded_by__revoked_at__isnull=False)
    open_end = Q(expires_at=None) | Q(expires_at__gt=Now())
    current = Case(When(alone & open_end & Q(revoked_at=None), then=True), default=False)
    rows = Credential.objects.filter(device__among=list(made)).annotate(is_current=current)
    found = rows.values_list("device_id", "access_key", "secret_hash", "is_current")
    return {
        device: is_current and hmac.compare_digest(bytes(secret_hash), digest(made[device].secret))
        for device, key, secret_hash, is_current in found
        if key == made[device].key
    }


# Checking them ---------------------------------------------------------------------------------


def authenticate(*, access_key: str, access_secret: str) -> Device | None:
    """The device whose live credential this is; one indexed query."""
    credential = find(access_key=access_key, access_secret=access_secret)
    return credential.device if credential else None


def find(*, access_key: str, access_secret: str, among: CredentialQuerySet | None = None) -> Credential | None:
    """The live access key (or one `among` others) whose secret this is, with its device; one indexed query."""
    scope = Credential.objects.live() if among is None else among
    keys = scope.filter(kind=Credential.Kind.ACCESS_KEY, access_key=access_key)
    credential = _with_due(keys).with_limited().select_related("device").first()
    return credential if opens(credential, digest(access_secret)) else None


def find_many(access_keys: Iterable[str]) -> dict[str, Credential]:
    """The live ones among the access keys, with their devices, by key; one indexed query. See `opens`."""
    keys = Credential.objects.live().filter(kind=Credential.Kind.ACCESS_KEY, access_key__in=access_keys)
    found = _with_due(keys).with_limited().select_related("device")
    return {credential.access_key: credential for credential in found}


def opens(credential: Credential | None, secret_hash: bytes) -> bool:
    """Whether this is the hash of the credential's secret, in a time that tells nothing."""
    return hmac.compare_digest(bytes(credential.secret_hash) if credential else bytes(32), secret_hash)


def _with_due(credentials: CredentialQuerySet) -> CredentialQuerySet:
    """Annotates what is to be done when it is used now: whether to note that, and whether others end by it."""
    noted = Q(use__last_at__gt=Now() - NOTED_EVERY)
    former = Credential.objects.filter(superseded_by=OuterRef("pk"), revoked_at=None)
    due: dict[str, Any] = {"unnoted": Case(When(noted, then=False), default=True), "has_former": Exists(former)}
    return credentials.annotate(**due)


def is_due(credential: Credential) -> bool:
    """Whether `used` has anything to do for this credential, as `find` found it."""
    return credential.unnoted or credential.has_former or credential.device.activated_at is None


def used(credential: Credential) -> None:
    """A device connected with it, as `find` found it: note that, activate the device, end what it supersedes.

    Again and again changes nothing. It never refuses: what can't be written now (the database may be read-only) is
    due at the next connect.
    """
    try:
        if credential.unnoted:
            _note(credential)
        if credential.device.activated_at is None:
            activation.activate([credential.device_id])
        if credential.has_former:
            _revoke(Credential.objects.filter(superseded_by=credential), None, "its successor was used")
    except Error as error:
        log.warning("the use of a credential of device %s is not noted: %s", credential.device.device_id, error)


def _note(credential: Credential) -> None:
    own = CredentialUse.objects.filter(pk=credential.pk)
    if not own.filter(last_at__lte=Now() - NOTED_EVERY).update(last_at=Now()):
        CredentialUse.objects.bulk_create([CredentialUse(credential=credential)], ignore_conflicts=True)
