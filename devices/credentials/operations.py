"""Making, checking and revoking what devices authenticate with.

Secrets are 256-bit random, so a single SHA-256 is enough at rest, and indexed look-up stays cheap.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Case, OuterRef, Q, Subquery, When
from django.db.models.functions import Least, Now

from devices import batches, events, refusals
from devices.events import Fact
from devices.models import Credential, Device, Event
from lib.db import bulk_sql, copy
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from devices.models import CredentialQuerySet
    from lib.key_wrapping import Access
    from tenants.models import User

log = logging.getLogger(__name__)

MAX_LIVE = 10
"""Credentials of a device that work at the same time."""
MAX_AN_HOUR = 30
"""Credentials made for a device within an hour."""
AT_ONCE = timedelta()
ROTATING = (Credential.Kind.ACCESS_KEY,)
"""What a rotation replaces."""

# Why it is revoked: what was issued within an assignment ends with it.
HANDED_OVER, ALL_REVOKED, ROTATED = "handed over", "all revoked", "rotated"


@dataclass(frozen=True, repr=False)
class Issued:
    """Hold what is shown exactly once; only the secret's hash stays. One `certified_until` is a certificate."""

    access_key: str
    access_secret: str
    certified_until: datetime | None = None
    ends_at: datetime | None = None  # by itself

    @property
    def row(self) -> tuple[str, str, bytes, Any]:
        """Return kind, access key, hash and end, as the database has them."""
        if self.certified_until is None:
            end = self.ends_at and connection.ops.adapt_datetimefield_value(self.ends_at)
            return Credential.Kind.ACCESS_KEY.value, self.access_key, hash_secret(self.access_secret), end
        until = connection.ops.adapt_datetimefield_value(self.certified_until)
        return Credential.Kind.CERTIFICATE.value, self.access_key, bytes.fromhex(self.access_key), until


class Outcome(NamedTuple):
    """Hold what was made for each device, or why nothing was; and by device's primary key the access keys that worked
    before: primary key -> access key."""

    issued: dict[Device, Issued]
    refused: dict[Device, Refusal]
    former: dict[int, dict[int, str]]

    def get_issued(self, device: Device) -> Issued:
        """Return what was made for the device. Raises Refusal."""
        if device in self.refused:
            raise self.refused[device]
        return self.issued[device]


def hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def make_random(_: Device, ends_at: datetime | None = None) -> Issued:
    return Issued(secrets.token_hex(16), secrets.token_urlsafe(32), ends_at=ends_at)


# Making and ending them ------------------------------------------------------------------------


def issue_credential(*, device: Device, by: User | None) -> Issued:
    """Make one more credential for the device, in the assignment that it was read with. Raises Refusal."""
    with transaction.atomic():
        issued = make_credentials([device]).get_issued(device)
        events.record(Event.Kind.CREDENTIAL_ISSUED, device=device, by=by, access_key=issued.access_key)
    return issued


def rotate_credentials(*, device: Device, by: User | None, ends: timedelta | None = None) -> Issued:
    """Do `rotate_credentials_of` one device. Raises Refusal."""
    return rotate_credentials_of([device], by=by, ends=ends).get_issued(device)


def rotate_credentials_of(
    devices: Collection[Device],
    *,
    by: User | None,
    ends: timedelta | None = None,
    make: Callable[[Device], Issued] = make_random,
    instead_of: Collection[str] = ROTATING,
    **facts: object,
) -> Outcome:
    """Make a new access key for each instead of its others, which end `ends` from now; `AT_ONCE` revokes them.

    With None they end when the device uses the new one first: it finishes the rotation by itself. Certificates stay,
    unless it is `instead_of` those, too. The facts go into the events.
    """
    with transaction.atomic():
        outcome = make_credentials(devices, instead=ends == AT_ONCE, make=make, instead_of=instead_of)
        told = (_tell_rotated(device, new, outcome.former[device.pk], facts) for device, new in outcome.issued.items())
        events.record_each(told, by=by)
        former = [pk for device in outcome.issued for pk in outcome.former[device.pk]]
        _retire(Credential.objects.filter(pk__among=former), ends, by, facts)
    return outcome


def revoke_credential(*, credential: Credential, by: User | None) -> bool:
    """Revoke the credential; return whether this call did."""
    return bool(revoke_credentials(Credential.objects.filter(pk=credential.pk), by, "revoked"))


def revoke_all_credentials(devices: Collection[Device], *, by: User | None, **facts: object) -> int:
    """Revoke all of the devices: nothing authenticates as them any more. Return how many this call revoked."""
    own = Credential.objects.filter(device__among=[device.pk for device in devices])
    return revoke_credentials(own, by, ALL_REVOKED, **facts)


def make_credentials(
    devices: Collection[Device],
    *,
    instead: bool = False,
    make: Callable[[Device], Issued] = make_random,
    instead_of: Collection[str] = ROTATING,
) -> Outcome:
    """Create one more access key for each, in the assignment that it was read with; the caller records it.

    Both in one transaction. Where it comes `instead` of all others they don't count.
    """
    # Held until the commit, so that two at once don't both find room for the last one.
    held = {device.pk for device in batches.hold_as_read(devices)}
    own = Credential.objects.filter(device__among=held)
    recent = Counter(own.filter(created_at__gt=Now() - timedelta(hours=1)).values_list("device_id", flat=True))
    outcome, standing = Outcome({}, {}, defaultdict(dict)), Counter[int]()
    columns = "device_id", "pk", "access_key", "kind"
    for device_pk, pk, access_key, kind in own.standing().order_by("access_key").values_list(*columns):
        standing[device_pk] += 1
        if kind in instead_of:
            outcome.former[device_pk][pk] = access_key
    for device in devices:
        if device.pk not in held:
            outcome.refused[device] = Refusal(refusals.DEVICE_HANDED_OVER)
        elif not instead and standing[device.pk] >= MAX_LIVE:
            outcome.refused[device] = Refusal(refusals.TOO_MANY_CREDENTIALS, most=MAX_LIVE)
        elif recent[device.pk] >= MAX_AN_HOUR:
            outcome.refused[device] = Refusal(refusals.CREDENTIALS_TOO_OFTEN, most=MAX_AN_HOUR)
        else:
            outcome.issued[device] = make(device)
    _write(outcome.issued)
    return outcome


def make_first(device: Device, make: Callable[[Device], Issued] = make_random) -> Issued:
    """Make the credential of a device that has none, which the caller's transaction made, or holds since it saw that.
    The caller records it."""
    issued = make(device)
    _write({device: issued})
    return issued


def _write(issued: Mapping[Device, Issued]) -> None:
    columns = ["device_id", "assignment_id", "kind", "access_key", "secret_hash", "expires_at"]
    copy.write(Credential, columns, ((device.pk, device.assignment_id, *new.row) for device, new in issued.items()))


def _tell_rotated(device: Device, new: Issued, former: Mapping[int, str], facts: Mapping[str, object]) -> Fact:
    keys = {"access_key": new.access_key, "instead_of": list(former.values())}
    return Fact.about(device, Event.Kind.CREDENTIAL_ROTATED, {**keys, **facts})


def _retire(former: CredentialQuerySet, ends: timedelta | None, by: User | None, facts: Mapping[str, object]) -> None:
    if ends == AT_ONCE:
        revoke_credentials(former, by, ROTATED, **facts)
    elif ends is None:
        # Ordered by the device too, else PostgreSQL may walk all credentials from the last one back.
        newest = Credential.objects.filter(device=OuterRef("device")).order_by("-device_id", "-pk").values("pk")[:1]
        former.update(superseded_by=Subquery(newest))
    else:
        end = Now() + ends
        # SQLite's and PostgreSQL's LEAST differ on null.
        former.update(expires_at=Case(When(expires_at=None, then=end), default=Least("expires_at", end)))


def end_issued_credentials(*, devices: Collection[int], by: User | None, **facts: object) -> int:
    """Revoke what the locked `devices` got in the assignments that they leave now; return how many that were.

    Called before they leave, so that the events are theirs who lose them. What the factory gave them stays.
    """
    issued = Credential.objects.standing().filter(device__among=devices, assignment__isnull=False)
    return revoke_credentials(issued, by, HANDED_OVER, **facts)


def revoke_credentials(credentials: CredentialQuerySet, by: User | None, reason: str, **facts: object) -> int:
    """Revoke those that are not yet, with an event each; return how many this call did."""
    facts["reason"] = reason
    with transaction.atomic(savepoint=False):
        ended = bulk_sql.update(credentials.filter(revoked_at=None), revoked_at=Now())
        if ended:
            fields = "device__organisation_id", "device_id", "device__assignment_id", "device__group_id", "access_key"
            rows = list(Credential.objects.filter(pk__among=ended).order_by("pk").values_list(*fields))
            told = (
                Fact(Event.Kind.CREDENTIAL_REVOKED, root, device, assignment, {**facts, "access_key": key}, group)
                for root, device, assignment, group, key in rows
            )
            events.record_each(told, by=by)
    return len(ended)


def check_current_credentials(made: Mapping[int, Access]) -> dict[int, bool]:
    """Return, by device, whether what was made for it still is its credential: not revoked, expired or being replaced.

    A device that never got it is left out.
    """
    alone = Q(superseded_by=None) | Q(superseded_by__revoked_at__isnull=False)
    open_end = Q(expires_at=None) | Q(expires_at__gt=Now())
    current = Case(When(alone & open_end & Q(revoked_at=None), then=True), default=False)
    rows = Credential.objects.filter(device__among=list(made)).annotate(is_current=current)
    facts = rows.values_list("device_id", "access_key", "secret_hash", "is_current")
    return {
        device: is_current and hmac.compare_digest(bytes(secret_hash), hash_secret(made[device].secret))
        for device, key, secret_hash, is_current in facts
        if key == made[device].key
    }


# Checking them ---------------------------------------------------------------------------------


def authenticate_device(*, access_key: str, access_secret: str) -> Device | None:
    """Return the device whose live credential this is; one indexed query."""
    credential = find_credential(access_key=access_key, access_secret=access_secret)
    return credential.device if credential else None


def find_credential(
    *, access_key: str, access_secret: str, among: CredentialQuerySet | None = None
) -> Credential | None:
    """Return the live access key (or one `among` others) that has this secret, with its device; one indexed query."""
    scope = Credential.objects.live() if among is None else among
    keys = scope.filter(kind=Credential.Kind.ACCESS_KEY, access_key=access_key)
    credential = find_usable(keys)
    return credential if matches_secret(credential, hash_secret(access_secret)) else None


def find_usable(credentials: CredentialQuerySet) -> Credential | None:
    """Return the credential among them, with its device and what is to be done when it is used."""
    return credentials.with_due().with_limited().select_related("device").first()


def find_credentials(access_keys: Iterable[str]) -> dict[str, Credential]:
    """Return the live ones among the access keys, certificates' too, with their devices, by key; one indexed query."""
    keys = Credential.objects.live().filter(access_key__in=access_keys)
    live = keys.with_due().with_limited().select_related("device")
    return {credential.access_key: credential for credential in live}


def matches_secret(credential: Credential | None, secret_hash: bytes) -> bool:
    """Decide whether this is the hash of the credential's secret, in a time that tells nothing."""
    return hmac.compare_digest(bytes(credential.secret_hash) if credential else bytes(32), secret_hash)
