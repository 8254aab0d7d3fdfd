"""The gates for hooks: an admin of the whole organisation, else the uniform 404."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.models import Hook, HookCall, HookRun
from tenants.access import get_row, require_owner

if TYPE_CHECKING:
    from uuid import UUID

    from tenants.access import Viewer


def get_hook(user: Viewer, key: UUID) -> Hook:
    return get_row(Hook.objects.manageable_by(require_owner(user)).select_related("by"), key=key)


def get_hook_run(user: Viewer, key: UUID) -> HookRun:
    return get_row(HookRun.objects.manageable_by(require_owner(user)).select_related("device"), key=key)


def get_hook_call(user: Viewer, key: UUID, position: int) -> HookCall:
    """Return one hook's part in the run that has the key."""
    run = get_hook_run(user, key)
    return get_row(HookCall.objects.of(run).select_related("run__device"), position=position)
