"""The doors as a device knows them: what it sends, and what the answers mean. docs/protocol.md, "Doors"."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from .flash import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
TOKEN = re.compile("[0-9a-f]{40}")
SECRETS = ("token", "accessSecret", "password", "registrationToken", "access_token", "refresh_token", "device_code")
SHOWN = 6  # characters of a secret


@dataclass(frozen=True)
class Given:
    """Hold what its maker gave a gateway. The door of activation tells no device ID: an admin's page does."""

    serial: str
    token: str = field(default="", repr=False)
    device_id: str = ""
    access_key: str = ""
    access_secret: str = field(default="", repr=False)


class Asked(NamedTuple):
    """Hold what is sent: `shown` is the body with its secrets shortened; a `token` goes into the header, after its
    scheme."""

    path: str
    content_type: str
    body: str
    shown: str
    method: str = "POST"
    scheme: str = ""
    token: str = ""


class Shown(NamedTuple):
    """Hold what the gateway shows on its display: a code, and what the QR code beside it says."""

    code: str
    qr: str
    words: str


class Wait(NamedTuple):
    """Say that the gateway waits before it asks again."""

    seconds: float


class Answer(NamedTuple):
    status: int
    reason: str
    text: str
    retry_seconds: int = 0


class Unexpected(Exception):
    """Say what is wrong with an answer that lets in."""


class Denied(Exception):
    """Say that a door refused by this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


Step = Asked | Shown | Wait
Walk = Generator[Step, Answer | None, Kept]
"""What a gateway does one after the other; it is sent the answer to what it asked."""


class Door(NamedTuple):
    """Describe a kind of door; `refusals` are (status, the text that the answer has, what it means and what to do)."""

    words: str
    needs: tuple[str, ...]
    walk: Callable[[Given], Walk]
    show: Callable[[str], str]
    refusals: tuple[tuple[int, str, str], ...]
    asks: bool = True


def require(answer: Answer | None, *also: int) -> Answer:
    """Return an answer that lets in, or has one of the other statuses. Raises Denied."""
    assert answer is not None
    if answer.status not in (200, 204, *also):
        raise Denied(answer)
    return answer


def _ask_once(ask: Callable[[Given], Asked], read: Callable[[Given, str], Kept]) -> Callable[[Given], Walk]:
    def walk(given: Given) -> Walk:
        return read(given, require((yield ask(given))).text)

    return walk


def shorten(secret: str) -> str:
    """Return enough of a secret to tell it from another one."""
    shown = secret[:SHOWN] if len(secret) > 2 * SHOWN else ""
    return f"{shown}… ({len(secret)} characters)"


def find_meaning(door: Door, answer: Answer) -> str:
    """Return what a refusal means and what to do next."""
    for status, text, meaning in door.refusals:
        if answer.status == status and text in answer.text:
            return meaning
    if 300 <= answer.status < 400:
        return "The site moved elsewhere. Give the address that it has now with --site."
    return "That is no answer of a door. Check --site."


def describe_token(token: str) -> str:
    """Return what a signed token says of itself, which anybody can read; nothing if it is no such."""
    try:
        part = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        issuer, expires = claims.get("iss"), claims.get("exp")
        until = f"until {datetime.fromtimestamp(expires, UTC):%Y-%m-%d %H:%M} UTC" if expires else "without end"
    except (IndexError, ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        return ""
    return f"signed by {issuer!r}, {until}"


def _ask_in_json(path: str, sent: Mapping[str, str]) -> Asked:
    return Asked(path, JSON, json.dumps(sent), show_json(sent))


def show_json(values: Mapping[str, Any]) -> str:
    shown = {name: shorten(str(value)) if name in SECRETS else value for name, value in values.items()}
    return json.dumps(shown, ensure_ascii=False)


def show_json_text(text: str) -> str:
    values = read_object(text)
    return show_json(values) if values else text


def read_object(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def read_fields(text: str, *names: str) -> list[str]:
    """Return the texts of these names. Raises Unexpected."""
    values = read_object(text)
    if lacking := [name for name in names if not isinstance(values.get(name), str) or not values[name]]:
        raise Unexpected(f"it lacks {', '.join(lacking)}")
    return [values[name] for name in names]


def _ask_jwt(given: Given) -> Asked:
    return _ask_in_json("/api/register-device", {"token": given.token, "manufacturerId": given.serial})


def _read_jwt(given: Given, text: str) -> Kept:
    return Kept(given.serial, *read_fields(text, "deviceId", "accessKey", "accessSecret"))


def _ask_ztp(given: Given) -> Asked:
    return _ask_in_json("/ztp/cloudlocate/credentials", {"token": given.token, "hardwareId": given.serial})


def _read_ztp(given: Given, text: str) -> Kept:
    """Read the credential, and where the broker is: `hostname` and `port`."""
    host, device_id, user_name, password = read_fields(text, "hostname", "clientId", "username", "password")
    port = read_object(text).get("port")
    if not isinstance(port, int):
        raise Unexpected("it lacks port")
    at = f"[{host}]" if ":" in host else host
    return Kept(given.serial, device_id, user_name, password, f"mqtt{'s' if port == 8883 else ''}://{at}:{port}")


def _ask_activate(given: Given) -> Asked:
    body = f"id={quote(given.serial, safe='')}"
    return Asked("/provision/activate", FORM, body, body)


def _read_activate(given: Given, text: str) -> Kept:
    """Read the token: over MQTT it is the password, and the user name follows from it."""
    if not TOKEN.fullmatch(text):
        raise Unexpected("it is no token of 40 hexadecimal digits")
    user_name = hashlib.sha256(f"token:{text}".encode()).hexdigest()[:32]
    return Kept(given.serial, given.device_id, user_name, text)


CAME_BEFORE = (
    "This serial has a credential already. If it was this gateway, give the file that it kept with --flash; "
    "if not, an admin looks at the device's page"
)
ASK_ADMIN = "A stranger is not told more. An admin reads under Refused on the door's page which it was"
DOORS = {
    "jwt": Door(
        "a token that its maker signed",
        ("token",),
        _ask_once(_ask_jwt, _read_jwt),
        show_json_text,
        (
            (403, "Missing manufacturerId", "The serial is missing. Give it with --serial."),
            (403, "already registered", f"{CAME_BEFORE}, and gives it another credential."),
            (403, "Invalid registration token", f"{ASK_ADMIN}: the token, the serial or the door itself."),
        ),
    ),
    "ztp": Door(
        "the token that all devices of its profile share",
        ("token",),
        _ask_once(_ask_ztp, _read_ztp),
        show_json_text,
        (
            (403, "not whitelisted", "The door takes other serials. Check --serial against the door's page."),
            (403, "already registered", f"{CAME_BEFORE}. Where the door renews, ask again in 30 s."),
            (403, "No plan", f"{ASK_ADMIN}: the token, or the door itself. Check --token."),
            (400, "", "It could not read what was sent. Check --serial."),
        ),
    ),
    "activate": Door(
        "its identity, which an admin added",
        ("device_id",),
        _ask_once(_ask_activate, _read_activate),
        shorten,
        (
            (404, "", "The door does not know this serial. An admin adds the device first, of the door's recipe."),
            (
                409,
                "",
                "The device can't be activated now: it was before, is locked, or came too late, or the door is ended "
                "or full. The door's page says which; an admin can open the window again there.",
            ),
            (
                403,
                "",
                "No door of this organisation hears this gateway. Check --organisation, and the networks on the "
                "door's page.",
            ),
            (
                415,
                "",
                "Devices of this door choose a password, and report over HTTP. This gateway speaks MQTT: an admin "
                "lets the door give tokens.",
            ),
            (400, "", "It could not read what was sent. Check --serial."),
        ),
    ),
}
