"""The door of approval as a device knows it: it shows a code, and asks until somebody approved it.

Two ways lead through it, the vendor's and that of a stock OAuth client: docs/protocol.md, "Doors".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from .doors import (
    ASK_ADMIN,
    FORM,
    JSON,
    SECRETS,
    Answer,
    Asked,
    Denied,
    Door,
    Shown,
    Unexpected,
    Wait,
    read_fields,
    read_object,
    require,
    shorten,
    show_json,
    show_json_text,
)
from .flash import Kept

if TYPE_CHECKING:
    from .doors import Given, Walk

EVERY = 5.0
LONGEST_WAIT = 60.0  # seconds between two questions
SHARED = "SharedAccessSignature"
CREDENTIAL = re.compile(rf"{SHARED}=([0-9a-f]{{24}})\.([^.;]+)\.([^.;]+)")
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
PENDING, SLOW_DOWN = "authorization_pending", "slow_down"


def walk_by_token(given: Given) -> Walk:
    """Come in as the vendor's SDK does."""
    started = require((yield _send("POST", "/provisioning-operations/init", given, {"deviceId": given.serial})))
    operation, code = read_fields(started.text, "provisioningOperationId", "verificationCode")
    yield Shown(code, code, "Somebody approves it: Register device, then “A new device shows a code? Approve it”.")
    asked = _send("PUT", "/provisioning-operations/complete", given, {"provisioningOperationId": operation})
    while (answer := require((yield asked), 202)).status == 202:
        yield Wait(EVERY)
    [token] = read_fields(answer.text, "registrationToken")
    return (yield from _register(given, token, "DeviceToken"))


def walk_by_grant(given: Given) -> Walk:
    """Come in as a stock OAuth 2.0 client does (RFC 8628)."""
    sent = {"client_id": given.token, "device_id": given.serial}
    started = require((yield _post_form("/oauth/device_authorization", sent)))
    names = "device_code", "user_code", "verification_uri", "verification_uri_complete"
    device_code, code, page, whole = read_fields(started.text, *names)
    yield Shown(code, whole, f"A phone's camera opens the page with the code filled in; it is {page}")
    sent = {"client_id": given.token, "device_code": device_code, "grant_type": DEVICE_CODE}
    interval = read_object(started.text).get("interval")
    every = float(interval) if isinstance(interval, int) and 0 < interval < LONGEST_WAIT else EVERY
    while True:
        yield Wait(every)
        answer = require((yield _post_form("/oauth/token", sent)), 400)
        if answer.status != 400:
            break
        error = read_object(answer.text).get("error")
        if error not in (PENDING, SLOW_DOWN):
            raise Denied(answer)
        every += EVERY if error == SLOW_DOWN and every < LONGEST_WAIT else 0
    [token] = read_fields(answer.text, "access_token")
    return (yield from _register(given, token, "Bearer"))


def _register(given: Given, token: str, scheme: str) -> Walk:
    """Return what the device connects with; the host alone is told, and TLS is meant."""
    body = json.dumps({"connectionStringType": SHARED})
    answer = require((yield Asked("/devices/register", JSON, body, body, "PUT", scheme, token)))
    text, host = read_fields(answer.text, "connectionString", "iotHubHostName")
    if (found := CREDENTIAL.search(text)) is None:
        raise Unexpected("its connectionString has no device ID, access key and access secret")
    at = f"[{host}]" if ":" in host else host
    return Kept(given.serial, found[1], found[2], found[3], f"mqtts://{at}:8883")


def _send(method: str, path: str, given: Given, sent: dict[str, str]) -> Asked:
    return Asked(path, JSON, json.dumps(sent), show_json(sent), method, "DeviceToken", given.token)


def _post_form(path: str, sent: dict[str, str]) -> Asked:
    shown = {name: shorten(value) if name in (*SECRETS, "client_id") else value for name, value in sent.items()}
    return Asked(path, FORM, urlencode(sent, quote_via=quote), "&".join(f"{name}={shown[name]}" for name in shown))


def _show(text: str) -> str:
    """Return an answer with its secrets shortened, also within the connection string."""
    values = read_object(text)
    told = values.get("connectionString")
    if isinstance(told, str):
        head, _, secret = told.partition(f"{SHARED}=")
        return show_json({**values, "connectionString": f"{head}{SHARED}={shorten(secret)}"})
    return show_json_text(text)


NOT_APPROVED = "Nobody approved it in its time, or somebody turned it away. Start it again to show another code."
DOORS = {
    "approve": Door(
        "a provisioning token, and waits for somebody who approves it",
        ("token",),
        walk_by_token,
        _show,
        (
            (401, "", f"{ASK_ADMIN}: the token, or the door itself. Check --token."),
            (400, "", "The serial can't be its ID, or the token is another device's. Check --serial and --token."),
            (410, "", NOT_APPROVED),
            (
                423,
                "",
                "The door is full or its time is over, or the device is locked. An admin looks at the door's page.",
            ),
            (403, "", "The door hears other networks alone. Check the networks on the door's page."),
            (404, "", "No door of approval is there. Check --site and --organisation."),
            (
                409,
                "",
                "The device is in the registry by another way. An admin looks at the door's page, under Refused.",
            ),
        ),
    ),
    "oauth": Door(
        "a provisioning token as a stock OAuth client, and waits for somebody who approves it",
        ("token",),
        walk_by_grant,
        _show,
        (
            (401, "", f"{ASK_ADMIN}: the token, or the door itself. Check --token."),
            (400, "access_denied", NOT_APPROVED),
            (400, "expired_token", NOT_APPROVED),
            (
                400,
                "unauthorized_client",
                "The door does not let it in now. An admin looks at the door's page, under Refused.",
            ),
            (400, "", "The serial can't be its ID, or the token is another device's. Check --serial and --token."),
            (423, "", "The device is locked. An admin looks at its page."),
        ),
    ),
}


def is_waiting(answer: Answer) -> bool:
    """Return whether the answer only says that nobody decided yet."""
    return answer.status == 202 or (
        answer.status == 400 and read_object(answer.text).get("error") in (PENDING, SLOW_DOWN)
    )
