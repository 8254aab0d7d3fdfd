"""The secrets that an action made, handed over once: judged when they are taken, by who takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from devices import batches, refusals
from devices.bulk_actions.eligibility import CHANGE
from devices.credentials import deliveries
from devices.credentials import operations as credentials
from devices.models import Credential, Device, Touched
from lib import key_wrapping, streaming
from lib.csv_export import encode_csv
from lib.refusals import Refusal
from tenants.grants import reload_user

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from devices.models import BulkAction
    from devices.models.bulk_action import TouchedQuerySet
    from tenants.models import User

CHUNK = 2_000
COLUMNS = ("serial", "device_id", "access_key", "access_secret", "error")
REPLACED = "The credential of this action was replaced or revoked since"


def count_departed(action: BulkAction, user: User) -> int:
    """Count its devices that left what the user manages; what was made for them is not handed over."""
    return _find_changed(action).exclude(device__in=Device.objects.manageable_by(user)).count()


def take_key(*, action: BulkAction, by: User) -> bytes:
    """Take the delivery's key, exactly once. What was made for devices that left what `by` manages is revoked.

    Raises Refusal where it was taken, is over, or would be empty.
    """
    if action.delivery is None:
        raise Refusal(refusals.RESULT_EXPIRED)
    key = deliveries.take_key(delivery=action.delivery, by=by, what=f"action {action.key}")
    gone = _find_changed(action).exclude(device__in=Device.objects.manageable_by(by))
    for devices in _read_chunks(gone):
        _revoke(devices, key, by, action)
    secrets = key_wrapping.Deriver(key)
    if not any(
        True in _check_standing(devices, secrets).values() for devices in _read_chunks(_find_managed(action, by))
    ):
        raise Refusal(refusals.RESULT_EMPTY)
    return key


async def stream_rows(action: BulkAction, key: bytes, user: User) -> AsyncIterator[bytes]:
    """Yield the devices that `user` manages when their turn comes, and secrets that still are theirs, or why not."""
    yield encode_csv([COLUMNS])
    last = 0
    while devices := await streaming.run_step(_read_chunk, action, user, last):
        yield encode_csv(await streaming.run_step(_build_rows, devices, key))
        last = devices[-1].pk


def _read_chunk(action: BulkAction, user: User, last: int) -> list[Device]:
    return next(_read_chunks(_find_managed(action, reload_user(user)), last), [])


def _find_changed(action: BulkAction) -> TouchedQuerySet:
    return Touched.objects.of(action).filter(verdict=CHANGE)


def _find_managed(action: BulkAction, user: User) -> TouchedQuerySet:
    return _find_changed(action).filter(device__in=Device.objects.manageable_by(user))


def _read_chunks(touched: TouchedQuerySet, last: int = 0) -> Iterator[list[Device]]:
    rows = touched.select_related("device").order_by("device_id")
    while devices := [row.device for row in rows.filter(device__gt=last)[:CHUNK]]:
        yield devices
        last = devices[-1].pk


def _build_rows(devices: list[Device], key: bytes) -> list[list[str]]:
    secrets = key_wrapping.Deriver(key)
    stand = _check_standing(devices, secrets)
    rows = []
    for device in devices:
        access = [*secrets.derive_access(device.pk), ""] if stand.get(device.pk) else ["", "", REPLACED]
        rows.append([device.serial, device.device_id, *access])
    return rows


def _check_standing(devices: list[Device], secrets: key_wrapping.Deriver) -> dict[int, bool]:
    return credentials.check_current_credentials({device.pk: secrets.derive_access(device.pk) for device in devices})


def _revoke(devices: list[Device], key: bytes, by: User, action: BulkAction) -> None:
    """Revoke what was made for the devices, under their lock, so that each event is told where its device is now."""
    keys = [device.pk for device in devices]
    with transaction.atomic():
        batches.hold(keys)
        secrets = key_wrapping.Deriver(key)
        made = [secrets.derive_access(pk).key for pk in keys]
        standing = Credential.objects.filter(device__among=keys, access_key__in=made)
        credentials.revoke_credentials(standing, by, "never handed over", action=str(action.key))
