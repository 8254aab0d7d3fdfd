"""The device of an open window shows which one it is: among twelve grey boxes the technician sees the right one.

It belongs to no assignment: neither the tenant that has the device still nor the next one is told of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.commands import operations as commands
from devices.models import Device
from devices.recipes import command_lines
from lib.refusals import Refusal
from provisioning import refusals
from provisioning.models import Window

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from tenants.models import User


def can_identify(device: Device) -> bool:
    """Return whether its recipe knows the command; its version is loaded."""
    return command_lines.find_declared(device.version, command_lines.IDENTIFY) is not None


def identify(*, window: Window, by: User) -> None:
    """Have the device show it, for a few seconds. Raises Refusal once the window is over, or its technician may no
    longer register the device; or where the device can't."""
    registrable = Device.objects.registrable_by(by).filter(pk=window.device_id)
    if not Window.objects.open().filter(pk=window.pk, technician=by).exists() or not registrable.exists():
        raise Refusal(refusals.WINDOW_ENDED)
    if not can_identify(window.device):
        raise Refusal(refusals.CANNOT_IDENTIFY)
    commands.identify(device=window.device, by=by, window=str(window.key), until=window.deadline)


def end(windows: Iterable[UUID]) -> None:
    """Let nothing more be told to the devices of windows that are over."""
    if keys := [str(key) for key in windows]:
        commands.end_windows(keys)
