"""Door: device authorization grant (RFC 8628). TOKEN is the provisioning token, which is the client_id."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

import device

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def ask(path: str, sent: dict[str, str]) -> tuple[int, str]:
    return device.ask(
        "POST", path, urlencode({"client_id": device.setting("TOKEN"), **sent}), device.FORM, again=(423,)
    )


def get_approved() -> str:
    """Return the registration token, kept. Each round shows a code of its own."""
    while True:
        status, text = ask("/oauth/device_authorization", {"device_id": device.setting("SERIAL")})
        if status != 200:
            device.refuse(status, text, "An admin looks at the door's page, under Refused.")
        started = json.loads(text)
        print(f"code {started['user_code']} at {started['verification_uri']}", flush=True)
        print(f"QR code {started['verification_uri_complete']}", flush=True)
        interval, error = started["interval"], "authorization_pending"
        while error in ("authorization_pending", "slow_down"):
            interval += 5 if error == "slow_down" else 0
            time.sleep(interval)
            status, text = ask("/oauth/token", {"grant_type": GRANT, "device_code": started["device_code"]})
            if status == 200:
                return device.keep({"registrationToken": json.loads(text)["access_token"]})["registrationToken"]
            error = json.loads(text).get("error")
        if error != "expired_token":
            device.refuse(status, text, "Somebody turned it away, or the token works no more.")


device.report_approved(get_approved, {"rpm": 1800, "load": 120.5})
