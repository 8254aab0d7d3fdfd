"""What the programs beside it share: ask a door, keep what it gave, send one report. Python 3.9 on, with paho-mqtt 2.

All is told by the environment: SITE, SERIAL, BROKER (mqtt://host:port, or mqtts), KEPT (a file), and TOKEN of a door.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
REFUSALS = 5  # of the broker, one after the other, before a door that renews is asked again: half a minute


class StayHere(urllib.request.HTTPRedirectHandler):
    """A token goes to the site that was named, and to no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


def setting(name: str) -> str:
    if not (value := os.environ.get(name, "").strip()):
        sys.exit(f"{name} is missing")
    return value


# What it keeps --------------------------------------------------------------------------------------


def read_kept() -> dict[str, str]:
    path = setting("KEPT")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        kept: dict[str, str] = json.load(file)
    return kept


def keep(kept: dict[str, str]) -> dict[str, str]:
    """Write it for this user alone; whenever the power fails, the former file or the new one is there as a whole."""
    path = setting("KEPT")
    made = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(made, "w", encoding="utf-8") as file:
        json.dump(kept, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)
    return kept


# The door -------------------------------------------------------------------------------------------


def ask(
    method: str, path: str, body: str, content_type: str, authorization: str = "", again: Collection[int] = ()
) -> tuple[int, str]:
    """Return status and text, once it is no answer of those upon which one asks again: `again`, 429 and 5xx."""
    wait = 5.0
    headers = {"Content-Type": content_type}
    if authorization:
        headers["Authorization"] = authorization
    while True:
        request = urllib.request.Request(setting("SITE") + path, body.encode(), headers, method=method)
        told = None
        try:
            with urllib.request.build_opener(StayHere).open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code not in again and error.code != 429 and error.code < 500:
                return error.code, text
            why, told = f"{error.code} {text}", error.headers.get("Retry-After")
        except OSError as error:
            why = str(error)
        seconds = float(told) if told and told.isdigit() else wait * random.uniform(0.8, 1.2)
        print(f"not now: {why}; asks again in {seconds:.0f} s", flush=True)
        time.sleep(seconds)
        wait = min(wait * 2, 60)


def refuse(status: int, text: str, meaning: str) -> NoReturn:
    """End. Whoever watches over this program starts it again, not before an hour went by."""
    sys.exit(f"refused: {status} {text.strip()}\n{meaning}")


def fetch_credential(registration_token: str) -> dict[str, str]:
    """Return what an approved device connects with, kept; {} if the token is void: then it has to be approved again."""
    body = json.dumps({"connectionStringType": "SharedAccessSignature"})
    status, text = ask(
        "PUT", "/devices/register", body, JSON, f"DeviceToken {registration_token}", again=(403, 409, 423)
    )
    if status == 401:
        return {}
    if status != 200:
        refuse(status, text, "An admin looks at the door's page, under Refused.")
    answer = json.loads(text)
    signature = answer["connectionString"].partition("SharedAccessSignature=")[2]
    device_id, access_key, access_secret = signature.split(".")
    credential = {"deviceId": device_id, "accessKey": access_key, "accessSecret": access_secret}
    broker = f"mqtts://{answer['iotHubHostName']}:8883"
    return keep({"registrationToken": registration_token, "broker": broker, **credential})


def report_approved(get_approved: Callable[[], str], data: dict[str, Any]) -> None:
    """Send one report, as a device that somebody approved: `get_approved` returns the registration token that it got
    then, kept, which does for the next credential until somebody revokes it."""

    def enter() -> dict[str, str]:
        while True:
            token = read_kept().get("registrationToken") or get_approved()
            if credential := fetch_credential(token):
                return credential
            keep({})

    kept = read_kept()
    report(kept if "accessKey" in kept else enter(), data, renew=enter)


# The report -----------------------------------------------------------------------------------------


def report(kept: dict[str, str], data: dict[str, Any], renew: Callable[[], dict[str, str]] | None = None) -> None:
    """Send one report, however long it takes. A door that renews is asked again if the broker refuses for long."""
    wait, refused = 1.0, 0
    while why := _send(kept, data):
        refused += why.startswith("refused")
        seconds = wait * random.uniform(0.8, 1.2)
        print(f"the broker: {why}; tries again in {seconds:.0f} s", flush=True)
        time.sleep(seconds)
        wait = min(wait * 2, 60)
        if renew and refused >= REFUSALS:
            kept, refused = renew(), 0
    print("reported", flush=True)


def _send(kept: dict[str, str], data: dict[str, Any]) -> str:
    """Return why it was not sent; "" if the broker acknowledged it."""
    broker = urlsplit(os.environ.get("BROKER") or kept.get("broker") or setting("BROKER"))
    client = Client(CallbackAPIVersion.VERSION2, kept["deviceId"], clean_session=False, reconnect_on_failure=False)
    client.username_pw_set(kept["accessKey"], kept["accessSecret"])
    if broker.scheme == "mqtts":
        client.tls_set()
    answered, codes = threading.Event(), list[Any]()

    def connected(_: Client, __: Any, ___: Any, code: Any, ____: Any) -> None:
        codes.append(code)
        answered.set()

    client.on_connect = connected
    client.on_disconnect = lambda *_: answered.set()
    try:
        client.connect(broker.hostname or "", broker.port or (8883 if broker.scheme == "mqtts" else 1883), keepalive=30)
        client.loop_start()
        answered.wait(30)
        if not codes or codes[0].is_failure:
            return f"refused: {codes[0]}" if codes else "no answer"
        sent = client.publish(f"devices/{kept['deviceId']}/state", json.dumps({"data": data}), qos=1)
        sent.wait_for_publish(30)
        return "" if sent.is_published() else "no acknowledgement"
    except (OSError, RuntimeError) as error:
        return str(error)
    finally:
        client.disconnect()
        client.loop_stop()
