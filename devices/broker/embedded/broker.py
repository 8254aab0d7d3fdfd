"""The demo's broker: amqtt's listener, packets, sessions and subscriptions, for a few hundred devices.

The life of a connection is not amqtt's (0.12), because that one lets a stranger end or delete another's session
before it asks who they are, forgets a QoS 1 message that is not acknowledged within 5 s or when its receiver goes,
hands what it kept for an absent session over as retained, takes packets of 256 MB, and never misses a client that
fell silent. Here a connection is one task, from its first packet to its last, and nothing runs beside it. What waits
is in memory alone, so a device has its acknowledgement only when the consumer has given its own.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.mqtt.connack import CONNECTION_ACCEPTED, NOT_AUTHORIZED, SERVER_UNAVAILABLE, ConnackPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session
from django.db import Error, close_old_connections
from django.utils import timezone

from devices.broker import authorization, refused_connects
from devices.broker.embedded import greeting, spoken_for
from devices.broker.embedded.comings import Comings
from devices.broker.embedded.connection import CLOSE_SECONDS, ENDED, Connection, Outgoing, Refused
from devices.broker.interpreter.callers import Caller
from devices.broker.interpreter.relay import Line, Relay, find_interpreter
from devices.connections import timeline
from devices.connections.presence import PresenceTracker
from devices.models import ConnectedStretch
from devices.mqtt import parts, topics
from devices.mqtt.limits import Debts
from lib import live
from lib.rarely import Rarely

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amqtt.adapters import ReaderAdapter, WriterAdapter

    from devices.broker.authorization import Identity
    from devices.broker.interpreter.callers import Doors

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

KEPT_STATES, KEPT_COMMANDS = 50_000, 100  # messages for a client that is away
CONNECT_SECONDS = 10
REFUSED_SUBSCRIPTION = 0x80
WATCH_SECONDS = 1.0
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104


class EmbeddedBroker(Broker):  # type: ignore[misc]
    def __init__(self, host: str, port: int, doors: Doors) -> None:
        listener = ListenerConfig(bind=f"{host}:{port}")
        super().__init__(BrokerConfig(listeners={"default": listener}, plugins={}))
        self.debts = Debts()
        self._relay = Relay("127.0.0.1" if host in EVERYWHERE else host, port, doors)
        self._told = Rarely()
        self._connections: dict[str | None, Connection] = {}
        self._consumers: set[str | None] = set()
        self._comings = Comings()
        self._tracker: PresenceTracker | None = None
        self._watcher: asyncio.Task[None] | None = None
        # A thread of its own: on SQLite it may wait for a long writer, and nobody's admission waits with it.
        self._notes = ThreadPoolExecutor(1, "notes")

    async def start(self) -> None:
        await super().start()
        await run_in_thread(timeline.end_unseen)  # all that were connected were here
        self._tracker = await run_in_thread(PresenceTracker, timezone.now())
        self._watcher = asyncio.create_task(self._watch(self._tracker))

    async def shutdown(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        await super().shutdown()
        await asyncio.to_thread(self._notes.shutdown)
        if self._tracker is not None:
            await run_in_thread(_track_presence, self._tracker, self._comings, [])

    async def _start_listeners(self) -> None:
        self._expect_consumer()
        await super()._start_listeners()

    def _expect_consumer(self) -> None:
        """Keep the consumer's messages from the first moment on, before it ever connects."""
        for client_id in parts.list_sessions(parts.count_parts()):
            session = Session()
            session.client_id, session.clean_session = client_id, False
            session.transitions.disconnect()
            self._sessions[client_id] = (session, None)
            for topic in parts.list_filters():
                self._subscriptions.setdefault(topic, []).append((session, 1))
            self._consumers.add(client_id)

    # Coming and going ---------------------------------------------------------------------------

    async def _client_connected(self, listener_name: str, reader: ReaderAdapter, writer: WriterAdapter) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                refusal, reader = await greeting.read_greeting(reader)
                connect, again = None, reader
                if refusal in (b"", greeting.NOT_SPOKEN_NEXT):
                    connect, again = await greeting.read_connect(reader)
                found = find_interpreter(connect) if connect else None
                if refusal and found is None:
                    log.info("refused a client of another version of MQTT")
                    await _refuse(writer, refusal)
                    return
                if found is None:
                    reader = again
                    _, session = await BrokerProtocolHandler.init_from_connect(reader, writer, self.plugins_manager)
                    code, identity = await self._admit(session)
        except Exception as error:
            log.debug("no client: %r", error)  # a health probe, say
            await _refuse(writer)
            return
        if found is not None:  # speaking its vendor's MQTT: it comes once more, by an interpreter
            device = Line(reader.read, writer.write, writer.drain, writer.close)
            await self._relay.serve(device, found, Caller((writer.get_peer_info() or ("", 0))[0]))
            return
        if identity is None:
            client_id = (session.client_id or "")[:40]
            if times := self._told.count(("connect", client_id)):
                log.warning("refused %r (code %d, refusal %d)", client_id, code, times)
            await _refuse(writer, ConnackPacket.build(0, code).to_bytes())
            return
        await self._host(Connection(self, identity, session, reader, writer))

    async def _admit(self, session: Session) -> tuple[int, Identity | None]:
        username, password, session.password = session.username or "", session.password or "", None
        try:
            identity = await run_in_thread(spoken_for.connect, username, password, session.client_id or "")
        except Error as error:
            log.warning("nobody can be let in: %s", error)
            return SERVER_UNAVAILABLE, None
        if identity is None:
            refused_connects.note_refusal(username, password, session.client_id or "")
        if identity is None or not _may_leave_will(session, identity):
            return NOT_AUTHORIZED, None
        if identity.limited:
            return SERVER_UNAVAILABLE, None
        self._notes.submit(_with_fresh_connections(authorization.note_connect), identity)
        return CONNECTION_ACCEPTED, identity

    async def _host(self, connection: Connection) -> None:
        client_id = connection.session.client_id
        while taken_over := self._connections.get(client_id):
            await taken_over.end(ConnectedStretch.Reason.TAKEN_OVER)
        self._connections[client_id] = connection
        self._comings.note(connection.identity)
        abrupt = True
        error: BaseException | None = None
        try:
            known = await self._resume(connection)
            connection.write(ConnackPacket.build(int(known), CONNECTION_ACCEPTED))
            await connection.serve()
            abrupt = False
        except Refused as refusal:
            error = refusal
            if times := self._told.count(("ended", client_id)):
                log.warning("%r disconnected: %s (for the %d. time)", client_id, refusal, times)
        except (*ENDED, asyncio.CancelledError) as ended:
            error = ended
            log.debug("%r ended: %r", client_id, error)
        except Exception as failure:
            error = failure
            log.exception("%r disconnected", client_id)
        finally:
            self._comings.note(connection.identity, connection.tell_why(error))
            await self._leave(connection, abrupt=abrupt)

    async def _resume(self, connection: Connection) -> bool:
        """Give the connection the session that was kept for its client id; return whether there was one."""
        new = connection.session
        if new.clean_session:
            await self._delete_session(new.client_id or "")
        old = self._sessions.get(new.client_id or "", (None, None))[0]
        if old is not None:
            if connection.identity.device:  # the site's own may hear what it ever subscribed to
                for topic in spoken_for.list_lost(connection.identity, self._subscriptions, old):
                    self._del_subscription(topic, old)
                spoken_for.drop_waiting(connection.identity, old)
            for name in ("will_flag", "will_topic", "will_message", "will_qos", "keep_alive"):
                setattr(old, name, getattr(new, name))
            connection.session = old
        connection.session.transitions.connect()
        self._sessions[new.client_id or ""] = (connection.session, connection)
        return old is not None

    async def _leave(self, connection: Connection, *, abrupt: bool) -> None:
        session = connection.session
        try:
            if abrupt and session.will_flag:
                self.deliver(session.will_topic or "", bytes(session.will_message or b""), session.will_qos or 0)
            session.transitions.disconnect()
            if session.clean_session:
                await self._delete_session(session.client_id or "")
            await connection.close()
        finally:
            del self._connections[session.client_id]
            connection.ended.set()

    # Messages -----------------------------------------------------------------------------------

    async def subscribe(self, connection: Connection, topic: str, qos: int) -> int:
        if not authorization.may_use_topic(connection.identity, "subscribe", topic):
            authorization.note_refused_topic(connection.identity, "subscribe", topic)
            self.note_refusal("subscribe", connection.session.client_id or "", topic)
            return REFUSED_SUBSCRIPTION
        granted: int = await self.add_subscription((topic, min(qos, 1)), connection.session)
        authorization.note_subscription(connection.identity, "subscribe", topic)
        return granted

    def note_refusal(self, action: authorization.Action, client_id: str, topic: str) -> None:
        if times := self._told.count((action, client_id)):
            log.warning("%r may not %s %r (refusal %d)", client_id, action, topic[:80], times)

    def unsubscribe(self, connection: Connection, filters: list[str]) -> None:
        for topic in filters:
            self._del_subscription(topic, connection.session)

    def deliver(
        self,
        topic: str,
        data: bytes,
        qos: int,
        *,
        repeated: bool = False,
        acknowledged: Callable[[], None] | None = None,
    ) -> None:
        """Pass a message on to every subscriber: no wildcards but the site's own were granted.

        `acknowledged` is called once: for a device's message when the consumer has it, for one of the site's when it
        is on its way. Raises Refused where there is no room to keep a device's: ended, it sends the message again.
        """
        awaited = topics.is_state(topic)
        for session, granted in self._list_subscribers(topic):
            if qos and granted:
                call = acknowledged if awaited and session.client_id in self._consumers else None
                if not self._keep(session, Outgoing(topic, data, repeated=repeated, acknowledged=call)) and call:
                    raise Refused("no room for its report, which nobody has fetched")
            elif connection := self._connections.get(session.client_id):
                connection.send_now(topic, data)
        if acknowledged and not awaited:
            acknowledged()

    def _list_subscribers(self, topic: str) -> Iterator[tuple[Session, int]]:
        """Return who gets a message; of those that share a subscription the one whose part the device is in."""
        for pattern in topics.list_patterns(topic):
            yield from self._subscriptions.get(pattern, ())
            if (sharing := self._subscriptions.get(parts.SHARED + pattern)) and (named := topics.parse_topic(topic)):
                yield sharing[parts.find_part(named.device_id, len(sharing))]

    def _keep(self, session: Session, message: Outgoing) -> bool:
        """Queue the message for its client, if there is room; return whether there was."""
        most = KEPT_STATES if session.client_id in self._consumers else KEPT_COMMANDS
        if room := bool(session.retained_messages.qsize() < most):
            session.retained_messages.put_nowait(message)
        if connection := self._connections.get(session.client_id):
            connection.pump()
        return room

    # Beside them --------------------------------------------------------------------------------

    async def _watch(self, tracker: PresenceTracker) -> None:
        """Record who came and left, and end who may be here no longer: a few queries a second for any number."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            present = {
                connection.identity.username: connection
                for connection in self._connections.values()
                if connection.identity.device
            }
            try:
                valid, ties = await run_in_thread(
                    _track_presence, tracker, self._comings, [connection.identity for connection in present.values()]
                )
            except Error as error:
                log.warning("presence waits for the database: %s", error)
                continue
            except Exception:
                log.exception("who is present could not be looked at, trying again")
                continue
            for username in present.keys() - valid:
                log.warning(
                    "%r disconnected: it may be here no longer, or not for now", present[username].session.client_id
                )
                await present[username].end(timeline.BARRED)
            for username in present.keys() & valid:
                await spoken_for.follow(present[username], ties)


def _track_presence(
    tracker: PresenceTracker, comings: Comings, identities: list[Identity]
) -> tuple[set[str], dict[int, frozenset[str]]]:
    """Return the access keys of those that may go on, and for whom each speaks. Nobody else is present: a device that
    was removed as it connected has no row that could say so."""
    valid = authorization.find_live_keys([identity.username for identity in identities])
    devices = (identity.device for identity in identities if identity.device and identity.username in valid)
    present = {device.pk: device.device_id for device in devices}
    comings.write()
    live.announce(f"device:{device_id}" for device_id in tracker.update(present, timezone.now()))
    return valid, authorization.find_spoken_for(present)


def _may_leave_will(session: Session, identity: Identity) -> bool:
    """Decide of its will, on its own topic alone: a tie may have ended when that is sent."""
    topic, retain, alone = (
        session.will_topic or "",
        bool(session.will_retain),
        replace(identity, speaks_for=frozenset()),
    )
    return not session.will_flag or authorization.may_use_topic(alone, "publish", topic, retain=retain)


async def _refuse(writer: WriterAdapter, answer: bytes = b"") -> None:
    with suppress(*ENDED):
        async with asyncio.timeout(CLOSE_SECONDS):
            writer.write(answer)
            await writer.drain()
            await writer.close()


async def run_in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await asyncio.to_thread(_with_fresh_connections(call), *args, **kwargs)


def _with_fresh_connections(call: Callable[P, T]) -> Callable[P, T]:
    def call_fresh(*args: P.args, **kwargs: P.kwargs) -> T:
        close_old_connections()
        try:
            return call(*args, **kwargs)
        finally:
            close_old_connections()

    return call_fresh
