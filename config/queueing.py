"""Requests are answered in turn: whoever asks for much waits behind whoever asks for little."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from django.conf import settings

from config.limits import find_address
from lib.refusals import Refusal
from lib.turns import Turns
from tenants import refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from config.limits import App, Message, Receive, Send

    Ends = list[Callable[[], None]]

AT_ONCE = 16  # in a process; each has a thread, and takes a connection to the database
OPENING = 4  # live streams: very many come at once when the site was away
WAITING = 50  # of one session, token or stranger's address
WAITING_ADDRESS = 500
BRISK_PERSON, BRISK_ADDRESS = 1, 2
BRISK_SECONDS = 0.25


class Queueing:
    """Give a turn, from when the whole request is there until its answer begins, or its thread has ended.

    The processor is shared: of a session or token (of strangers: address) one request is answered at a time, of an
    address two, so that made-up sessions win nothing. For one event loop.
    """

    def __init__(self) -> None:
        self._all, self._streams = Turns(AT_ONCE, WAITING), Turns(OPENING, WAITING)
        self._people = _Shares(settings.REQUESTS_PERSON, BRISK_PERSON)
        self._addresses = _Shares(settings.REQUESTS_ADDRESS, BRISK_ADDRESS)

    async def answer(
        self, app: App, scope: dict[str, Any], receive: Receive, send: Send, *, is_stream: bool = False
    ) -> None:
        """Answer by `app` in its turn. Raises Refusal: too many newer ones come first."""
        ends: Ends = []

        async def receive_whole() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body") and not ends:
                await self._take(scope, self._streams if is_stream else self._all, ends)
            return message

        async def end_and_send(message: Message) -> None:
            _end(ends)
            await send(message)

        try:
            await app(scope, receive_whole, end_and_send)
        finally:
            _end(ends)

    async def _take(self, scope: dict[str, Any], last: Turns, ends: Ends) -> None:
        here = find_address(scope)
        person = find_session(scope) or dict(scope["headers"]).get(b"authorization") or here
        if self._addresses.count(here) >= WAITING_ADDRESS:
            raise Refusal(refusals.THROTTLED)
        await self._people.take(person, person, ends)
        await self._addresses.take(here, person, ends)
        await _take(last, here, ends)


class _Shares:
    """Let so many of each through at once; what takes longer than BRISK_SECONDS waits for something else than the
    processor, and keeps none of theirs from being brisk."""

    def __init__(self, most: int, brisk: int) -> None:
        self._most, self._brisk = most, brisk
        self._turns: dict[Hashable, tuple[Turns, Turns]] = {}
        self._users: Counter[Hashable] = Counter()

    async def take(self, whose: Hashable, who: Hashable, ends: Ends) -> None:
        """Wait for a turn among `whose`, and add to `ends` what ends it. Raises Refusal: too many newer ones come
        first."""
        most, brisk = self._turns.setdefault(whose, (Turns(self._most, WAITING), Turns(self._brisk, WAITING)))
        self._users[whose] += 1
        ends.append(lambda: self._let_go(whose))
        await _take(most, who, ends)
        await _take(brisk, who, ends)
        asyncio.get_running_loop().call_later(BRISK_SECONDS, ends[-1])

    def _let_go(self, whose: Hashable) -> None:
        self._users[whose] -= 1
        if not self._users[whose]:
            del self._users[whose], self._turns[whose]

    def count(self, whose: Hashable) -> int:
        return self._users[whose]


async def _take(turns: Turns, who: Hashable, ends: Ends) -> None:
    end = await turns.take(who)
    if end is None:
        raise Refusal(refusals.THROTTLED)
    ends.append(end)


def _end(ends: Ends) -> None:
    while ends:
        ends.pop()()


def find_session(scope: dict[str, Any]) -> bytes:
    """Return the session's cookie, empty if there is none."""
    cookies = dict(scope["headers"]).get(b"cookie", b"")
    name = settings.SESSION_COOKIE_NAME.encode() + b"="
    return next((cookie for cookie in cookies.replace(b" ", b"").split(b";") if cookie.startswith(name)), b"")
