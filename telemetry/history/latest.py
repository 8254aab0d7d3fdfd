"""The latest values of a device, as the device itself may read them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetry.models import Latest

if TYPE_CHECKING:
    from devices.models import Device
    from devices.mqtt.messages import Value


def read_latest(device: Device) -> dict[str, tuple[Value, int]]:
    """Return what it reported last in its current assignment: attribute name -> value and milliseconds since the
    epoch."""
    data = Latest.objects.of(device).values_list("data", flat=True).first() or {}
    return {name: (value, at) for name, (value, at) in data.items()}
