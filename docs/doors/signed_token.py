"""Door: signed token. TOKEN is what the factory signed."""

from __future__ import annotations

import json

import device


def register() -> dict[str, str]:
    body = json.dumps({"token": device.setting("TOKEN"), "manufacturerId": device.setting("SERIAL")})
    status, text = device.ask("POST", "/api/register-device", body, device.JSON)
    if status != 200:
        device.refuse(status, text, "An admin looks at the door's page, under Refused, which it was.")
    return device.keep(json.loads(text))


device.report(device.read_kept() or register(), {"rpm": 1800, "load": 120.5})
