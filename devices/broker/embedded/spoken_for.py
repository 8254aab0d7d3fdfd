"""What ties mean to connections of the embedded broker: for whom a gateway speaks, and what ends with that."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from devices.broker import authorization
from devices.models import ConnectedStretch

if TYPE_CHECKING:
    from asyncio import Queue
    from collections.abc import Mapping

    from amqtt.session import Session

    from devices.broker.authorization import Identity
    from devices.broker.embedded.connection import Connection

    Ties = Mapping[int, frozenset[str]]

log = logging.getLogger(__name__)


def connect(username: str, password: str, client_id: str) -> Identity | None:
    """Return whose connection this is, as `authorization.connect` does, and for whom it speaks."""
    identity = authorization.connect(username, password, client_id)
    if identity is None or identity.device is None:
        return identity
    return _give(identity, authorization.find_spoken_for([identity.device.pk]))


def _give(identity: Identity, ties: Ties) -> Identity:
    return replace(identity, speaks_for=ties.get(identity.device.pk, frozenset()) if identity.device else frozenset())


async def follow(connection: Connection, ties: Ties) -> None:
    """Let it speak for whom it may now; one that speaks no longer for somebody is ended, and may come back."""
    former = connection.identity.speaks_for
    connection.identity = _give(connection.identity, ties)
    if gone := former - connection.identity.speaks_for:
        log.warning("%r disconnected: it speaks no longer for %d devices", connection.session.client_id, len(gone))
        await connection.end(ConnectedStretch.Reason.UNTIED)


def list_lost(identity: Identity, subscriptions: Mapping[str, list[Any]], session: Session) -> list[str]:
    """Return the session's subscriptions that its client may have no longer."""
    return [
        topic
        for topic, subscribed in subscriptions.items()
        if any(each is session for each, _ in subscribed) and not _may_hear(identity, topic)
    ]


def drop_waiting(identity: Identity, session: Session) -> None:
    """Drop of what waits in a session what its client may hear no longer."""
    waiting: Queue[Any] = session.retained_messages
    for message in [waiting.get_nowait() for _ in range(waiting.qsize())]:
        if _may_hear(identity, message.topic):
            waiting.put_nowait(message)
    for packet_id, message in list(session.inflight_out.items()):
        if not _may_hear(identity, message.topic):
            del session.inflight_out[packet_id]


def _may_hear(identity: Identity, topic: str) -> bool:
    return authorization.may_use_topic(identity, "subscribe", topic)
