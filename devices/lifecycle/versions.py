"""Devices made before get their recipe's last version: what it declares is read from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from devices.lifecycle import edits

if TYPE_CHECKING:
    from collections.abc import Collection

    from devices.models import Device, RecipeVersion
    from tenants.models import User


def update_device(*, device: Device, by: User) -> bool:
    """Give the device the last version of its recipe; return whether it had another one."""
    return bool(give_version([device], version=device.version.recipe.current, by=by))


def give_version(devices: Collection[Device], *, version: RecipeVersion, by: User | None, **facts: object) -> list[int]:
    """Give the devices a version of their recipe; return the primary keys of those that had another one.

    Which attributes they report is as it says from then on; model, tags and credentials stay as they are.
    """
    others, to = ~Q(version=version.pk), {"version": version.pk}
    return edits.change_devices(devices, to=to, by=by, only_if=others, version=version.number, **facts)
