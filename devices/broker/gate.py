"""The brokers' questions on a process of their own, which outlives the site's restarts: a plain ASGI application.

It never says no because it does not know. A question that it can't answer waits, and then gets 503, which the front
(docker/haproxy) turns into a closed connection, since devices take a refusal for final. `/ready` is for the front, too:
without the database, or before the broker has the consumer's queue, no device is to be let in.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from devices.broker import authorization, emqx, mosquitto, rabbitmq, refused_connects
from devices.broker.doors import Answer, is_broker
from devices.broker.lookup import HOLD, Lookup, Unanswered
from devices.broker.queue_watch import QueueWatch, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from devices.broker.authorization import Question

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

log = logging.getLogger(__name__)

DOORS = rabbitmq.DOORS | emqx.DOORS | mosquitto.DOORS
LARGEST = 64 << 10
"""Bytes of a question: a topic has 64 KiB at most."""
UNANSWERED = Answer(503, "text/plain", b"unknown")
NOT_FOUND = Answer(404, "text/plain", b"")
LOOK_AGAIN = 0.1


class TooLarge(Exception):
    """Say that a question is larger than any broker's."""


class Gate:
    def __init__(self) -> None:
        self._lookup = Lookup()
        self._queue = QueueWatch()
        self._watch: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._follow_lifespan(receive, send)
        elif scope["type"] == "http":
            await _send(send, await self._answer(scope, receive))

    async def _follow_lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._watch = asyncio.create_task(self._lookup.watch())
                self._queue.start()
            elif self._watch is not None:
                self._watch.cancel()
                await asyncio.to_thread(self.close)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    def close(self) -> None:
        self._queue.stop(within=0)
        self._lookup.close()

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["path"] == "/ready":
            return self._answer_ready()
        door = DOORS.get(scope["path"].removeprefix("/"))
        secret = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if door is None or scope["method"] != "POST" or not is_broker(secret):
            return NOT_FOUND
        try:
            question = door.ask(door.read(await _read_body(receive)))
            return door.answer(question is not None and await self._decide(question))
        except TooLarge:
            return Answer(413, "text/plain", b"")
        except Unanswered:
            return UNANSWERED

    def _answer_ready(self) -> Answer:
        lacks = [] if self._lookup.reachable else ["the database is away"]
        if self._queue.state in (State.MISSING, State.UNKNOWN):
            lacks.append(f"the consumer's queue is {self._queue.state.value}")
        return Answer(503 if lacks else 200, "text/plain", ("; ".join(lacks) or "ready").encode())

    async def _decide(self, question: Question) -> bool:
        """Decide for the site's own account by itself, else by the lookup. Raises `Unanswered`."""
        site = authorization.identify_service(question)
        if site is not None:
            return authorization.is_permitted(question, site)
        await self._await_queue(question)
        caller = await self._lookup.find_caller(question)
        if caller is None and question.password is not None:
            refused_connects.note_refusal(question.username, question.password, question.client_id or "")
        return authorization.is_permitted(question, caller)

    async def _await_queue(self, question: Question) -> None:
        """Wait with letting devices in until what they report would be kept; let go of those whose reports are lost."""
        if question.password is None and self._queue.state is not State.MISSING:
            return
        until = asyncio.get_running_loop().time() + HOLD
        while self._queue.state in (State.MISSING, State.UNKNOWN):
            if question.password is None or asyncio.get_running_loop().time() > until:
                raise Unanswered
            await asyncio.sleep(LOOK_AGAIN)


async def _read_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST:
            raise TooLarge
    return body


async def _send(send: Send, answer: Answer) -> None:
    headers = [(b"content-type", answer.content_type.encode()), (b"content-length", str(len(answer.body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
