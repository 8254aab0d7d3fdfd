"""Actions as tests run them: previewed, started and gone through, as the pages do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devices.bulk_actions import eligibility, runner
from devices.bulk_actions.eligibility import Params
from devices.models import BulkAction, Device

if TYPE_CHECKING:
    from devices.models import DeviceQuerySet
    from tenants.models import User


def started(kind: str, by: User, devices: DeviceQuerySet | None = None, **params: Any) -> BulkAction:
    """Of all that the user manages, unless told otherwise."""
    chosen = Device.objects.manageable_by(by) if devices is None else devices
    given = Params(**params)
    digest = eligibility.preview(chosen, kind, given).digest
    return runner.start(kind=kind, params=given, devices=chosen, selection={}, previewed=digest, by=by)


def ran(action: BulkAction) -> BulkAction:
    runner.run(action=action)
    action.refresh_from_db()
    return action


def act(kind: str, by: User, devices: DeviceQuerySet | None = None, **params: Any) -> BulkAction:
    return ran(started(kind, by, devices, **params))


def undone(action: BulkAction, by: User) -> BulkAction:
    return ran(runner.undo(action=action, by=by))
