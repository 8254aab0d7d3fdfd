"""The gates of registration: what a technician may open a window on, and the windows that are theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.identity import serials
from devices.models import Device
from provisioning.models import Window
from tenants.access import found

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from django.db.models import QuerySet

    from tenants.access import Viewer
    from tenants.models import ApiToken


def find_registrable(user: Viewer, candidates: Sequence[str]) -> Device | None:
    """The first of these serials that the user may register; to everybody else it does not exist."""
    return _first(Device.objects.registrable_by(user).select_related("organisation"), candidates)


def find_visible(user: Viewer, candidates: Sequence[str]) -> Device | None:
    return _first(Device.objects.visible_to(user).select_related("group"), candidates)


def get_window(user: Viewer, key: UUID, token: ApiToken | None = None) -> Window:
    scope = Window.objects.visible_to(user, token).with_state()
    return found(scope.select_related("device__organisation", "device__group", "device__model"), key=key)


def _first(scope: QuerySet[Device], candidates: Sequence[str]) -> Device | None:
    by_key = {device.serial_key: device for device in scope.filter(serial_key__in=map(serials.fold, candidates))}
    return next((by_key[key] for key in map(serials.fold, candidates) if key in by_key), None)
