"""The topics of a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devices.models import Device


def states(device: Device) -> str:
    return f"devices/{device.device_id}/state"


def commands(device: Device) -> str:
    return f"devices/{device.device_id}/command"
