"""Who may connect to the broker, and who may publish or subscribe what. Every broker's question ends here."""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING, Literal

from django.conf import settings
from django.db.models.functions import Now

from devices import credentials
from devices.models import Credential, Device
from devices.mqtt import client, topics

if TYPE_CHECKING:
    from collections.abc import Iterable

Action = Literal["publish", "subscribe", "receive"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A device, or the site's own account, which has none."""

    username: str
    device: Device | None = None
    credential: Credential | None = None  # only of a connect
    limited: bool = False  # it sent too much, and is to say nothing for a time


def connect(username: str, password: str, client_id: str) -> Identity | None:
    """Whose connection this is, in one indexed query; None refuses. A device's client id is its device ID."""
    if _is_service(username, password):
        return Identity(username)
    if "\0" in username:
        return None
    credential = credentials.find(access_key=username, access_secret=password)
    if credential is None or credential.device.device_id != client_id:
        return None
    return Identity(username, credential.device, credential, credential.limited)


def admit(username: str, password: str, client_id: str) -> Identity | None:
    """`connect`, and what follows from it: the first with a credential, and then one a minute, is noted."""
    identity = connect(username, password, client_id)
    note(identity)
    return identity


def note(identity: Identity | None) -> None:
    """Never refuses a device, but may wait for the database's writers (SQLite)."""
    if identity and identity.credential:
        credentials.used(identity.credential)


def identify(username: str) -> Identity | None:
    """Of a connection that was let in before; None once its credential or its device may connect no longer."""
    own = client.address(settings.MQTT_URL).username
    if own and compare_digest(username.encode(), own.encode()):
        return Identity(username)
    live = Credential.objects.live().filter(access_key=username.replace("\0", ""))
    credential = live.with_limited().select_related("device").first()
    return Identity(username, credential.device, limited=credential.limited) if credential else None


def may(identity: Identity, action: Action, topic: str, *, retain: bool = False) -> bool:
    """Devices: state out, command in, their own, as exact topics. The site: the other way round, of all; fences."""
    if retain or identity.limited:
        return False
    if identity.device is None:
        return _service_may(action, topic)
    channel: topics.Channel = "state" if action == "publish" else "command"
    return topics.parse(topic) == (identity.device.device_id, channel)


def live(access_keys: Iterable[str]) -> set[str]:
    """Those of the keys with which a device may connect now, and is not shut out for sending too much."""
    keys = Credential.objects.live().filter(access_key__in=access_keys)
    keys = keys.exclude(device__connection__limited_until__gt=Now())
    return set(keys.values_list("access_key", flat=True))


def _is_service(username: str, password: str) -> bool:
    own = client.address(settings.MQTT_URL)
    same_name = compare_digest(username.encode(), own.username.encode())
    same_password = compare_digest(password.encode(), own.password.encode())
    return bool(own.username and own.password) and same_name and same_password


def _service_may(action: Action, topic: str) -> bool:
    if topic == topics.FENCE:
        return True
    if action == "subscribe":
        return topic in topics.ALL_STATES
    own = topics.parse(topic)
    return own is not None and own.channel == ("command" if action == "publish" else "state")
