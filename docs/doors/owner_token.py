"""Owner token: it asks no door. The factory gave it DEVICE_ID, ACCESS_KEY and ACCESS_SECRET, once; its label has the
owner token, which the device itself need not know."""

from __future__ import annotations

import device

NAMES = {"deviceId": "DEVICE_ID", "accessKey": "ACCESS_KEY", "accessSecret": "ACCESS_SECRET"}


def take_from_factory() -> dict[str, str]:
    return device.keep({name: device.setting(given) for name, given in NAMES.items()})


device.report(device.read_kept() or take_from_factory(), {"rpm": 1800, "load": 120.5})
