"""Who is who, asked of the database by many questions at once, and remembered for when it can't be asked.

One query answers all questions that came while the last one ran, so a storm of connects costs one thread and one
connection. What the database confirmed is believed for `FRESH` seconds without asking. While it can't be asked, what it
confirmed last is believed for BROKER_STALE_SECONDS, so that running connections go on. Nobody is refused for want of an
answer: a question that nothing is known about waits, and in the end stays unanswered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import Error, close_old_connections, connection, connections

from devices.broker import authorization
from devices.broker.authorization import Attempt, Caller
from devices.credentials import operations as credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devices.broker.authorization import Identity, Question
    from devices.models import Credential

    About = str | Attempt
    """Asked of the database: an access key of a client that was let in, or an attempt to connect."""

log = logging.getLogger(__name__)

FRESH = 0.9
PATIENCE = 1.0
"""Seconds to wait for the database where its last answer is at hand."""
HOLD = 2.0
"""Seconds to wait for it where there is none. No longer, since RabbitMQ asks other questions behind this one."""
RETRY = 0.25
ALIVE = 2.5
"""Seconds since the database answered last, after which it counts as away."""
MOST = 200_000
MOST_WAITING = 20_000
MOST_AT_ONCE = 1_000
MOST_NOTES = 100


class Unanswered(Exception):
    """Say that nobody could answer in time."""


class Known(NamedTuple):
    caller: Caller
    at: float


class Lookup:
    def __init__(self) -> None:
        self._known: dict[About, Known] = {}
        self._waiting: dict[About, asyncio.Future[Caller | None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._failing = False
        self._answered_at = 0.0
        # One for the questions; the other writes, and may wait for the database's other writers.
        self._thread = ThreadPoolExecutor(1, "lookup")
        self._notes = ThreadPoolExecutor(1, "notes")

    @property
    def reachable(self) -> bool:
        return time.monotonic() - self._answered_at < ALIVE

    def close(self) -> None:
        """End both threads, once what is to be noted is noted."""
        for thread in (self._thread, self._notes):
            thread.submit(connections.close_all)
            thread.shutdown()

    async def watch(self) -> None:
        """Notice within `ALIVE` seconds that the database went, and when it is back."""
        while True:
            if not self.reachable or time.monotonic() - self._answered_at > ALIVE / 3:
                await self._try_fetch([])
            await asyncio.sleep(ALIVE / 5)

    async def find_caller(self, question: Question) -> Caller | None:
        """Return whose client it is; None if nobody's. Raises `Unanswered`."""
        about = _build_about(question)
        known = self._known.get(about)
        age = time.monotonic() - known.at if known else 0.0
        if known and (age < FRESH or (self._failing and age < settings.BROKER_STALE_SECONDS)):
            if age >= FRESH:
                self._ask(about)
            return known.caller
        try:
            async with asyncio.timeout(PATIENCE if known else HOLD):
                return await asyncio.shield(self._ask(about))
        except TimeoutError:
            if known and age < settings.BROKER_STALE_SECONDS:
                return known.caller
            raise Unanswered from None

    def _ask(self, about: About) -> asyncio.Future[Caller | None]:
        if about not in self._waiting:
            if len(self._waiting) >= MOST_WAITING:
                raise Unanswered
            self._waiting[about] = asyncio.get_running_loop().create_future()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._answer())
        return self._waiting[about]

    async def _answer(self) -> None:
        while batch := list(self._waiting)[:MOST_AT_ONCE]:
            callers = await self._try_fetch(batch)
            if callers is None:
                await asyncio.sleep(RETRY)
                continue
            for about in batch:
                self._remember(about, callers.get(about))
                self._waiting.pop(about).set_result(callers.get(about))

    async def _try_fetch(self, batch: Sequence[About]) -> dict[About, Caller] | None:
        """Return what the database says of the batch; None if it can't be asked."""
        try:
            callers = await asyncio.get_running_loop().run_in_executor(self._thread, self._fetch, batch)
        except Error as error:
            if not self._failing:
                log.warning("the database can't be asked: %s", error)
            self._failing = True
            return None
        if self._failing:
            log.warning("the database can be asked again")
        self._failing, self._answered_at = False, time.monotonic()
        return callers

    def _fetch(self, batch: Sequence[About]) -> dict[About, Caller]:
        close_old_connections()
        callers: dict[About, Caller] = {}
        if not batch:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        if names := [about for about in batch if isinstance(about, str)]:
            callers.update(authorization.identify_many(names))
        if attempts := [about for about in batch if isinstance(about, Attempt)]:
            let_in = authorization.connect_many(attempts)
            callers.update({about: _build_caller(identity) for about, identity in let_in.items()})
            self._note([identity.credential for identity in let_in.values() if identity.credential])
        return callers

    def _note(self, used: Sequence[Credential]) -> None:
        """Write the uses that are due, on the other thread; what can't be noted now is due at the next connect."""
        due = [credential for credential in used if credentials.is_use_due(credential)]
        if due and self._notes._work_queue.qsize() < MOST_NOTES:
            self._notes.submit(_note_uses, due)

    def _remember(self, about: About, caller: Caller | None) -> None:
        self._known.pop(about, None)
        if caller is not None:
            self._known[about] = Known(caller, time.monotonic())
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]


def _build_about(question: Question) -> About:
    if question.password is None:
        return question.username
    return Attempt.of(question.username, question.password, question.client_id or "")


def _build_caller(identity: Identity) -> Caller:
    return Caller(identity.username, identity.device_id, identity.limited)


def _note_uses(used: Sequence[Credential]) -> None:
    close_old_connections()
    for credential in used:
        credentials.note_use(credential)
