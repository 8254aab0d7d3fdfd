"""Door: provisioning token and approval. TOKEN is the provisioning token; somebody approves the code that is shown."""

from __future__ import annotations

import json
import time

import device

CANCELLED = "/problems/deviceProvisioning/provisioningOperationCancelled"
AGAIN = (403, 409, 423)  # an admin may mend it


def ask(method: str, path: str, sent: dict[str, str]) -> tuple[int, str]:
    authorization = f"DeviceToken {device.setting('TOKEN')}"
    return device.ask(method, f"/provisioning-operations{path}", json.dumps(sent), device.JSON, authorization, AGAIN)


def get_approved() -> str:
    """Return the registration token, kept. Each round shows a code of its own."""
    while True:
        status, text = ask("POST", "/init", {"deviceId": device.setting("SERIAL")})
        if status != 200:
            device.refuse(status, text, "An admin looks at the door's page, under Refused.")
        started = json.loads(text)
        print(f"code {started['verificationCode']} until {started['expirationTime']}", flush=True)
        status = 202
        while status == 202:
            time.sleep(5)
            status, text = ask("PUT", "/complete", {"provisioningOperationId": started["provisioningOperationId"]})
        if status == 200:
            return device.keep({"registrationToken": json.loads(text)["registrationToken"]})["registrationToken"]
        if status != 410 or json.loads(text).get("type") == CANCELLED:
            device.refuse(status, text, "Somebody turned it away, or the token works no more.")


device.report_approved(get_approved, {"rpm": 1800, "load": 120.5})
