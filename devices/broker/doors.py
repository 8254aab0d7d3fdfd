"""One kind of question of one kind of broker: how it is read, what it asks, in which words it is answered."""

from __future__ import annotations

from base64 import b64decode
from hmac import compare_digest
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.broker.authorization import Question

    Facts = dict[str, str]


class Answer(NamedTuple):
    status: int
    content_type: str
    body: bytes


class Door(NamedTuple):
    """Describe one kind of question: its name and its three steps. `ask` gives None for what nobody may."""

    name: str
    read: Callable[[bytes], Facts]
    ask: Callable[[Facts], Question | None]
    answer: Callable[[bool], Answer]


def is_broker(authorization: str) -> bool:
    """Decide whether this header has the secret: the password of the URLs that the broker was given."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        secret = b64decode(encoded, validate=True).partition(b":")[2]
    except ValueError:
        return False
    expected = settings.BROKER_AUTH_SECRET.encode()
    return scheme == "Basic" and bool(expected) and compare_digest(secret, expected)
