"""Topic names: `devices/<device id>/state|command`, and the same under the alias `losant/`."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Channel = Literal["state", "command"]

ROOTS = ("devices", "losant")
ALL_STATES = tuple(f"{root}/+/state" for root in ROOTS)

_TOPIC = re.compile(r"(?:devices|losant)/([0-9a-f]{24})/(state|command)", re.ASCII)


class Topic(NamedTuple):
    device_id: str
    channel: Channel


def parse(topic: str) -> Topic | None:
    """A device's own topic taken apart; None for every other, wildcards included."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        return None
    return Topic(match[1], "state" if match[2] == "state" else "command")


def build(device_id: str, channel: Channel, root: str = "devices") -> str:
    return f"{root}/{device_id}/{channel}"


def of_all(topic: str) -> str:
    """The pattern of this topic for every device."""
    root, _, channel = topic.split("/")
    return f"{root}/+/{channel}"
