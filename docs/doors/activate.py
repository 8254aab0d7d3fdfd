"""Door: whitelist and activate, with a token. Reports over HTTP, so it has to know no device ID and no broker.

ORGANISATION is the organisation's name in addresses.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

import device

MEANINGS = {
    404: "Nobody added this serial, or it does not fit the door. An admin adds the device.",
    409: "Too late, activated already, locked, or the door is ended or full. An admin opens the window again.",
    403: "No door of this organisation hears this network. An admin looks at the door's page.",
    415: "The door wants a password or a certificate.",
}
BELOW = f"/o/{device.setting('ORGANISATION')}"


def activate() -> dict[str, str]:
    body = f"id={quote(device.setting('SERIAL'), safe='')}"
    status, text = device.ask("POST", f"{BELOW}/provision/activate", body, device.FORM)
    if status != 200:
        device.refuse(status, text, MEANINGS.get(status, "An admin looks at the door's page."))
    return device.keep({"token": text})


kept = device.read_kept() or activate()
report = urlencode({"rpm": "1800", "load": "120.5"})
status, text = device.ask(
    "POST", f"{BELOW}/onep:v1/stack/alias", report, device.FORM, authorization=f"Token {kept['token']}"
)
if status != 204:
    device.refuse(status, text, "The token is nobody's, or the device is locked or retired: see the device's page.")
print("reported", flush=True)
