"""The secrets that an action made, handed over once: judged when they are taken, by who takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from devices.bulk_actions.eligibility import CHANGE
from devices.credentials import deliveries
from devices.credentials import operations as credentials
from devices.models import Credential, Device, Touched
from lib import key_wrapping, streaming
from lib.csv_export import written
from tenants.grants import anew

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from devices.models import Action
    from devices.models.bulk_action import TouchedQuerySet
    from tenants.models import User

CHUNK = 2_000
COLUMNS = ("serial", "device_id", "access_key", "access_secret", "error")
REPLACED = "The credential of this action was replaced or revoked since"


class NothingLeft(Exception):
    """The file would be empty; the message says why, and what to do."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing is left to hand over: the devices left your groups, or these credentials were replaced or revoked "
            "since. Reissue the credentials of devices that you manage to get new ones."
        )


def left(action: Action, user: User) -> int:
    """How many of its devices left what the user manages; what was made for them is not handed over."""
    return _changed(action).exclude(device__in=Device.objects.manageable_by(user)).count()


def take(*, action: Action, by: User) -> bytes:
    """The delivery's key, exactly once. What was made for devices that left what `by` manages is revoked.

    Raises deliveries.Gone, sealing.Unsealable, NothingLeft.
    """
    if action.delivery is None:
        raise deliveries.Gone
    key = deliveries.take(delivery=action.delivery, by=by, what=f"action {action.key}")
    gone = _changed(action).exclude(device__in=Device.objects.manageable_by(by))
    for devices in _chunks(gone):
        _revoke(devices, key, by, action)
    if not any(True in _standing(devices, key).values() for devices in _chunks(_kept(action, by))):
        raise NothingLeft
    return key


async def lines(action: Action, key: bytes, user: User) -> AsyncIterator[bytes]:
    """The devices that `user` manages when their turn comes, and the secrets that still are theirs; else why not."""
    yield written([COLUMNS])
    last = 0
    while devices := await streaming.step(_following, action, user, last):
        yield written(await streaming.step(_rows, devices, key))
        last = devices[-1].pk


def _following(action: Action, user: User, last: int) -> list[Device]:
    return next(_chunks(_kept(action, anew(user)), last), [])


def _changed(action: Action) -> TouchedQuerySet:
    return Touched.objects.of(action).filter(verdict=CHANGE)


def _kept(action: Action, user: User) -> TouchedQuerySet:
    return _changed(action).filter(device__in=Device.objects.manageable_by(user))


def _chunks(touched: TouchedQuerySet, last: int = 0) -> Iterator[list[Device]]:
    rows = touched.select_related("device").order_by("device_id")
    while found := [each.device for each in rows.filter(device__gt=last)[:CHUNK]]:
        yield found
        last = found[-1].pk


def _rows(devices: list[Device], key: bytes) -> list[list[str]]:
    stand = _standing(devices, key)
    rows = []
    for device in devices:
        given = [*key_wrapping.access(key, device.pk), ""] if stand.get(device.pk) else ["", "", REPLACED]
        rows.append([device.serial, device.device_id, *given])
    return rows


def _standing(devices: list[Device], key: bytes) -> dict[int, bool]:
    return credentials.still_stand({device.pk: key_wrapping.access(key, device.pk) for device in devices})


def _revoke(devices: list[Device], key: bytes, by: User, action: Action) -> None:
    """Under the devices' lock, so that each event is told where its device is now."""
    keys = [device.pk for device in devices]
    with transaction.atomic():
        list(Device.objects.select_for_update(no_key=True).filter(pk__among=keys).order_by("pk").values_list("pk"))
        made = [key_wrapping.access(key, pk).key for pk in keys]
        standing = Credential.objects.filter(device__among=keys, access_key__in=made)
        credentials.revoke_many(standing, by, "never handed over", action=str(action.key))
