"""The parts into which the reports of all devices are divided, where several consumers share them.

A part is a session at the broker, and a device is always in the same one. How many there are is fixed, so that another
number of consumers moves parts about, and no device from one part into another. How a broker divides is its own
matter: docs/decisions/0054-several-consumers.md.
"""

from __future__ import annotations

import zlib

from django.conf import settings

from devices.mqtt import topics

PARTS = 12
"""Divisible by 2, 3, 4 and 6: so many consumers have as many parts each."""
GROUP = "handover"
SHARED = f"$share/{GROUP}/"


class Lost(Exception):
    """Say that a part is another consumer's by now."""


def is_divided() -> bool:
    """Return whether there are several parts: with one consumer, or a broker that can't divide, all is one."""
    return bool(settings.CONSUMERS > 1 and settings.BROKER_DIVIDES)


def count_parts() -> int:
    return PARTS if is_divided() else 1


def name_session(client_id: str, part: int, count: int) -> str:
    """Return the client id of one of so many parts, of a site's with this one."""
    return client_id if count == 1 else f"{client_id}-{part}"


def list_sessions(count: int) -> list[str]:
    return [name_session(settings.MQTT_CLIENT_ID, part, count) for part in range(count)]


def list_filters() -> tuple[str, ...]:
    """Return what a part's session subscribes to; RabbitMQ routes the reports of its devices there by itself."""
    if not is_divided():
        return (*topics.ALL_STATES, topics.FENCE)
    if settings.BROKER_DIVIDES == "exchange":
        return (topics.FENCE,)
    return (*(SHARED + each for each in topics.ALL_STATES), topics.FENCE)


def find_part(device_id: str, count: int) -> int:
    """Return in which of so many parts a device is, where it is us who divide (the demo's broker)."""
    return zlib.crc32(device_id.encode()) % count
