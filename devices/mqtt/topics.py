"""Topic names: `devices/<device id>/state|command`, the same under the alias `losant/`, and one of the site's own."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Channel = Literal["state", "command"]

ROOTS = ("devices", "losant")
ALL_STATES = tuple(f"{root}/+/state" for root in ROOTS)

FENCE = "handover/fence"
"""The consumer's messages to itself; no device may use it."""

_TOPIC = re.compile(r"(?:devices|losant)/([0-9a-f]{24})/(state|command)", re.ASCII)


class Topic(NamedTuple):
    device_id: str
    channel: Channel


def parse_topic(topic: str) -> Topic | None:
    """Take a device's own topic apart; None for every other, wildcards included."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        return None
    return Topic(match[1], "state" if match[2] == "state" else "command")


def is_state(topic: str) -> bool:
    own = parse_topic(topic)
    return own is not None and own.channel == "state"


def build_topic(device_id: str, channel: Channel, root: str = "devices") -> str:
    return f"{root}/{device_id}/{channel}"


def list_patterns(topic: str) -> tuple[str, ...]:
    """Return what a message on this topic can be subscribed to by: itself, and the pattern of it for every device."""
    if topic == FENCE:
        return (topic,)
    root, _, channel = topic.split("/")
    return topic, f"{root}/+/{channel}"
