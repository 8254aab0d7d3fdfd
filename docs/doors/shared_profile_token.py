"""Door: shared token of a profile. TOKEN is the profile's, a UUID; drop it once the credential is kept."""

from __future__ import annotations

import json

import device


def ask_for_credential() -> dict[str, str]:
    """Also for the next one, should the broker refuse this one for long: the door renews."""
    body = json.dumps({"token": device.setting("TOKEN"), "hardwareId": device.setting("SERIAL")})
    status, text = device.ask("POST", "/ztp/cloudlocate/credentials", body, device.JSON)
    if status != 200:
        device.refuse(status, text, "An admin looks at the door's page: its serials, its token, and what it refused.")
    answer = json.loads(text)
    scheme = "mqtts" if answer["port"] == 8883 else "mqtt"
    return device.keep(
        {
            "deviceId": answer["clientId"],
            "accessKey": answer["username"],
            "accessSecret": answer["password"],
            "broker": f"{scheme}://{answer['hostname']}:{answer['port']}",
        }
    )


device.report(device.read_kept() or ask_for_credential(), {"rpm": 1800, "load": 120.5}, renew=ask_for_credential)
