"""Who is who, asked of the database by many questions at once, and remembered.

One query answers all questions that came while the last one ran, so a storm of connects costs one thread and one
connection. What the database confirmed is believed for `FRESH` seconds without asking, and for `LATELY` where nothing
of it has ended since: that is looked for, for all devices at once, twice a second, and a look counts for `FRESH`
seconds. So what was revoked is believed no longer by that, and a fleet that comes back hardly asks the database. A
connect is refused by the database alone.

While it can't be asked, what it confirmed last is believed for BROKER_STALE_SECONDS, so that running connections go on.
Nobody is refused for want of an answer: a question that nothing is known about waits, and in the end stays unanswered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from django.conf import settings
from django.db import Error, connection, connections

from devices.broker import authorization
from devices.credentials import certificates, standing
from devices.credentials import operations as credentials
from devices.models.credential import NOTED_EVERY
from lib.db.clock import read_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from devices.broker.authorization import Caller, Known, Question
    from devices.credentials.standing import Use

log = logging.getLogger(__name__)

FRESH = 0.9
LATELY = 60.0
"""Seconds for which an answer counts of which nothing ended. Who reports within them is known when it comes back."""
LOOK = 0.4
UNSEEN = timedelta(seconds=30)
"""A transaction's own time is when it began; what it did is seen when it commits."""
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
MOST_NOTES = 100_000
MOST_ENDED = 10_000
"""Devices of which something ended; of more nobody is believed for longer than `FRESH`."""
NOTED_SECONDS = NOTED_EVERY.total_seconds()

T = TypeVar("T")


class Unanswered(Exception):
    """Say that nobody could answer in time."""


@dataclass(slots=True)
class Remembered:
    known: Known
    at: float
    noted_at: float = 0.0


class Look(NamedTuple):
    """Hold what ended until `now`, of the database's clock: device IDs; None if too many."""

    now: datetime
    ended: set[str] | None


class Lookup:
    def __init__(self) -> None:
        self._remembered: dict[str, Remembered] = {}
        self._waiting: dict[str, asyncio.Future[Remembered | None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._due: dict[int, tuple[Remembered, Use]] = {}
        self._noting: asyncio.Task[None] | None = None
        self._failing = False
        self._answered_at = 0.0
        self._last: datetime | None = None
        self._looked_at = 0.0
        self._ended_at: dict[str, float] = {}
        self._all_ended_at = 0.0
        # One for the questions; the other writes, and may wait for the database's other writers.
        self._thread = ThreadPoolExecutor(1, "lookup")
        self._notes = ThreadPoolExecutor(1, "notes")

    @property
    def reachable(self) -> bool:
        return time.monotonic() - self._answered_at < ALIVE

    def close(self) -> None:
        """End both threads, once what is to be noted is noted."""
        if self._due:
            self._notes.submit(_note_uses, [use for _, use in self._due.values()])
        for thread in (self._thread, self._notes):
            thread.submit(connections.close_all)
            thread.shutdown()

    async def watch(self) -> None:
        """Look what ended, again and again; so it is noticed, too, that the database went, and when it is back."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        began = time.monotonic()
        look = await self._try_run(partial(_look, self._last))
        if look is None:
            return
        self._ended_at = {device: at for device, at in self._ended_at.items() if began - at < LATELY}
        if look.ended is None:
            self._all_ended_at = began
        else:
            self._ended_at.update(dict.fromkeys(look.ended, time.monotonic()))
        self._last, self._looked_at = look.now, began

    # Answers --------------------------------------------------------------------------------------

    async def find_caller(self, question: Question) -> Caller | None:
        """Return whose client it is; None if nobody's. Raises `Unanswered`."""
        remembered = self._remembered.get(question.username)
        if remembered is not None and self._is_believed(remembered, question):
            return self._admit(question, remembered)
        try:
            async with asyncio.timeout(PATIENCE if remembered else HOLD):
                return self._admit(question, await asyncio.shield(self._ask(question.username)))
        except TimeoutError:
            if remembered is not None and _get_age(remembered) < settings.BROKER_STALE_SECONDS:
                caller = self._admit(question, remembered)
                if caller is not None:
                    return caller
            raise Unanswered from None

    def _is_believed(self, remembered: Remembered, question: Question) -> bool:
        """Decide whether to answer without the database. One that would refuse a connect is asked about, always."""
        if _pick(question, remembered) is None:
            return False
        age = _get_age(remembered)
        if age < FRESH:
            return True
        if self._failing and age < settings.BROKER_STALE_SECONDS:
            self._ask(question.username)
            return True
        return self._is_lasting(remembered, age) and authorization.may(question, remembered.known.caller)

    def _is_lasting(self, remembered: Remembered, age: float) -> bool:
        if not remembered.known.lasts or age > LATELY or time.monotonic() - self._looked_at > FRESH:
            return False
        ended_at = self._ended_at.get(remembered.known.caller.device_id or "", 0.0)
        return remembered.at > max(ended_at, self._all_ended_at)

    def _admit(self, question: Question, remembered: Remembered | None) -> Caller | None:
        caller = _pick(question, remembered) if remembered else None
        if remembered is not None and caller is not None and question.password is not None:
            self._note(remembered)
        return caller

    # Questions to the database --------------------------------------------------------------------

    def _ask(self, username: str) -> asyncio.Future[Remembered | None]:
        if username not in self._waiting:
            if len(self._waiting) >= MOST_WAITING:
                raise Unanswered
            self._waiting[username] = asyncio.get_running_loop().create_future()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._answer())
        return self._waiting[username]

    async def _answer(self) -> None:
        while batch := list(self._waiting)[:MOST_AT_ONCE]:
            began = time.monotonic()
            known = await self._try_run(partial(authorization.identify_many, batch))
            if known is None:
                await asyncio.sleep(RETRY)
                continue
            for username in batch:
                self._waiting.pop(username).set_result(self._remember(username, known.get(username), began))

    async def _try_run(self, ask: Callable[[], T]) -> T | None:
        """Return what the database says; None if it can't be asked."""
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._thread, _run, ask)
        except Error as error:
            if not self._failing:
                log.warning("the database can't be asked: %s", error)
            self._failing = True
            return None
        if self._failing:
            log.warning("the database can be asked again")
        self._failing, self._answered_at = False, time.monotonic()
        return answer

    def _remember(self, username: str, known: Known | None, at: float) -> Remembered | None:
        self._remembered.pop(username, None)
        if known is None:
            return None
        self._remembered[username] = remembered = Remembered(known, at)
        if len(self._remembered) > MOST:
            del self._remembered[next(iter(self._remembered))]
        return remembered

    # Notes ----------------------------------------------------------------------------------------

    def _note(self, remembered: Remembered) -> None:
        """Note the use, if that is due; what can't be noted now is due at the next connect."""
        now, use = time.monotonic(), remembered.known.use
        if remembered.noted_at and now - remembered.noted_at < NOTED_SECONDS:
            return
        if _get_age(remembered) > FRESH:
            use = use._replace(unnoted=True)
        if not (use.unnoted or use.is_first or use.has_former) or len(self._due) >= MOST_NOTES:
            return
        remembered.noted_at = now
        self._due[use.credential] = remembered, use
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._write_notes())

    async def _write_notes(self) -> None:
        while self._due:
            batch = [self._due.pop(credential) for credential in list(self._due)[:MOST_AT_ONCE]]
            uses = [use for _, use in batch]
            noted = await asyncio.get_running_loop().run_in_executor(self._notes, _note_uses, uses)
            for remembered, use in batch:
                if noted:
                    done = use._replace(unnoted=False, is_first=False, has_former=False)
                    remembered.known = remembered.known._replace(use=done)
                else:
                    remembered.noted_at = 0.0


def _pick(question: Question, remembered: Remembered) -> Caller | None:
    """Return who asks; of one who connects, if the secret is the credential's and the client id the device's."""
    known = remembered.known
    if question.password is None:
        return known.caller
    client_id = question.client_id or ""
    if certificates.is_ticket(question.username, question.password):
        return known.caller if known.lets_in_certified(client_id) else None
    secret_hash = credentials.hash_secret(question.password)
    return known.caller if known.lets_in(secret_hash, client_id) else None


def _get_age(remembered: Remembered) -> float:
    return time.monotonic() - remembered.at


def _look(last: datetime | None) -> Look:
    now = read_now()
    return Look(now, standing.find_ended_devices((last or now) - UNSEEN, now, most=MOST_ENDED))


def _run(ask: Callable[[], T]) -> T:
    """Ask over this thread's own connection, anew if that one had gone. Raises Error."""
    kept = connection.connection is not None
    try:
        return ask()
    except Error:
        connection.close()
        if not kept:
            raise
    try:
        return ask()
    except Error:
        connection.close()
        raise


def _note_uses(uses: Sequence[Use]) -> bool:
    """Note them together; each alone where that fails, since one of them may be gone."""
    if standing.note_uses(uses):
        return True
    connection.close()
    noted = [standing.note_uses([use]) for use in uses]
    return all(noted)
