"""With what devices may connect now, as brokers ask it for many at once; and noting that they did."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import Error
from django.db.models import Q
from django.db.models.functions import Now

from devices.connections import activation
from devices.credentials.operations import revoke_credentials
from devices.models import Connection, Credential, CredentialUse, Device, Tie

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from django.db.models import QuerySet

log = logging.getLogger(__name__)


class Use(NamedTuple):
    """Hold what is to be done when a credential is used: primary keys, and what of it is due."""

    credential: int
    device: int
    unnoted: bool = True
    is_first: bool = False  # of the device, which is activated by it
    has_former: bool = False  # others end by it


class Standing(NamedTuple):
    """Hold of a credential with which a device may connect now what brokers ask. `secret_hash` is None of what has no
    secret for brokers; `certified` of a certificate; `lasts` if nothing but what `find_ended_devices` tells ends it."""

    access_key: str
    secret_hash: bytes | None
    certified: bool
    device_id: str
    limited: bool
    lasts: bool
    use: Use


def find_standing(access_keys: Iterable[str]) -> list[Standing]:
    """Return what stands of the access keys; one indexed query."""
    live = Credential.objects.live().filter(access_key__in=access_keys).with_due().with_limited()
    own = "access_key", "kind", "secret_hash", "pk", "unnoted", "has_former", "limited"
    rows = live.values_list(*own, "device_id", "device__device_id", "device__activated_at")
    return [
        Standing(
            key,
            bytes(secret_hash) if kind == Credential.Kind.ACCESS_KEY else None,
            kind == Credential.Kind.CERTIFICATE,
            device_id,
            limited,
            activated is not None and not limited,
            Use(pk, device, unnoted, activated is None, has_former),
        )
        for key, kind, secret_hash, pk, unnoted, has_former, limited, device, device_id, activated in rows
    ]


def find_ended_devices(since: datetime, now: datetime, *, most: int) -> set[str] | None:
    """Return the device IDs of which something ended after `since` that let them do something at a broker.

    A credential, by its own end too, their leave to connect, to send as much as they did, or to speak for another one.
    None for `most` or more.
    """
    ended = Q(revoked_at__gt=since) | Q(expires_at__gt=since, expires_at__lte=now)
    rows: list[QuerySet[Any, str]] = [
        Credential.objects.filter(ended).values_list("device__device_id", flat=True),
        Device.objects.filter(locked_at__gt=since).values_list("device_id", flat=True),
        Connection.objects.filter(limited_until__gt=Now()).values_list("device__device_id", flat=True),
        Tie.objects.filter(ended_at__gt=since).values_list("gateway__device_id", flat=True),
    ]
    found = [device_id for each in rows for device_id in each[:most]]
    return set(found) if len(found) < most else None


def is_use_due(credential: Credential) -> bool:
    """Decide whether `note_use` has anything to do for this credential, as `find_credential` found it."""
    return credential.unnoted or credential.has_former or credential.device.activated_at is None


def note_use(credential: Credential) -> None:
    """Note that a device connected with it, as `find_credential` found it: activate it, and end what is superseded.

    Again and again changes nothing. It never refuses: what can't be written now (the database may be read-only) is
    due at the next connect.
    """
    has_former, is_first = credential.has_former, credential.device.activated_at is None
    note_uses([Use(credential.pk, credential.device_id, credential.unnoted, is_first, has_former)])


def note_uses(used: Collection[Use]) -> bool:
    """Do what `note_use` does for many, in as many statements as for one; return whether it could."""
    unnoted = sorted({use.credential for use in used if use.unnoted})  # in an order, for others note the same
    noted = [CredentialUse(credential_id=credential, last_at=Now()) for credential in unnoted]
    try:
        CredentialUse.objects.bulk_create(
            noted, update_conflicts=True, update_fields=["last_at"], unique_fields=["credential"]
        )
        activation.activate_devices([use.device for use in used if use.is_first])
        if successors := [use.credential for use in used if use.has_former]:
            former = Credential.objects.filter(superseded_by__in=successors)
            revoke_credentials(former, None, "its successor was used")
    except Error as error:
        log.warning("the use of %d credentials is not noted: %s", len(used), error)
        return False
    return True
