"""Long polls: a device asks for values, and is answered when one of them changes. No thread and no connection to the
database waits for that.

What is stored wakes them (lib.live), and every `HEARTBEAT` each looks by itself, also whether its credential stands.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.cache import cache
from django.db import Error, close_old_connections
from django.utils.http import parse_http_date_safe

from devices.models import Credential
from lib import live, streaming
from lib.places import Bound, Places
from lib.refusals import Refusal
from lib.turns import Turns
from provisioning.doors import refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioning.doors.activate.data import Latest, Site

R = TypeVar("R")
log = logging.getLogger(__name__)

LONGEST = 300.0  # seconds
HEARTBEAT = 20.0  # seconds
SPACING = 0.2  # seconds between two looks: a device may report other values without pause
BEGINNING, WAITING = 4, 500  # that begin at once in a process; and of an address those that have not begun
RETRY_SECONDS = 10
NOW = 0.0
TOLD_SECONDS = 600
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)

polls = Places()
_checks = ThreadPoolExecutor(4, thread_name_prefix="poll")
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


class Poll(NamedTuple):
    """Hold who waits for which names, for how many seconds, and since when, in seconds of the epoch: None is since the
    request, and `NOW` since the last request that said so. What there was at the request is `before`."""

    site: Site
    credential: Credential
    names: Sequence[str]
    seconds: float
    since: float | None
    before: Latest


def read_seconds(milliseconds: str) -> float | None:
    """Return for how long a device wants to wait; None where it does not say that in milliseconds."""
    text = milliseconds.strip()
    return min(float(text) / 1000, LONGEST) if _NUMBER.fullmatch(text) else None


def read_since(text: str) -> float | None:
    """Return a moment in seconds of the epoch, written so or as in HTTP; None for anything else."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    return None if (said := parse_http_date_safe(text)) is None else float(said)


async def begin(step: Callable[[], R], address: str) -> R:
    """Do what comes before the waiting, in a thread that ends with it. Raises Refusal where too many begin."""
    end = await _turns.setdefault(asyncio.get_running_loop(), Turns(BEGINNING, WAITING)).take(address)
    if end is None:
        raise Refusal(refusals.DATA_TOO_FAST, retry_seconds=RETRY_SECONDS)
    try:
        return await sync_to_async(_give_back_after)(step)
    finally:
        end()
        streaming.let_thread_go()


async def wait(poll: Poll) -> Latest:
    """Return the values of the names once one of them changed; nothing where none did in time, or where the device
    polls more often at once than it may: the newer ones go on. Raises Refusal."""
    device, ended = poll.credential.device, asyncio.Event()
    with live.get_hub().waiter(f"device:{device.device_id}") as woken:

        def end(_: str) -> None:
            ended.set()
            woken.set()

        of_device = Bound("device", device.pk, settings.POLLS_DEVICE)
        place = polls.take(of_device, Bound("process", None, settings.POLLS_PROCESS, device.organisation_id), left=end)
        if isinstance(place, Bound):
            raise Refusal(refusals.DATA_TOO_FAST, retry_seconds=RETRY_SECONDS)
        try:
            return await _watch(_Watch(poll), poll.seconds, woken, ended)
        finally:
            place.end()


async def _watch(watch: _Watch, seconds: float, woken: asyncio.Event, ended: asyncio.Event) -> Latest:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        woken.clear()
        if changed := await loop.run_in_executor(_checks, _give_back_after, watch.look):
            return changed
        if ended.is_set() or loop.time() >= until:
            return {}
        await asyncio.sleep(min(SPACING, until - loop.time()))
        try:
            async with asyncio.timeout_at(min(until, loop.time() + HEARTBEAT)):
                await woken.wait()
        except TimeoutError:
            pass


class _Watch:
    """Look whether something changed; in a thread."""

    def __init__(self, poll: Poll) -> None:
        self._poll, self._is_first = poll, True
        self._before = self._choose(poll.before)
        names = json.dumps(sorted(poll.names)).encode()
        self._key = f"polled:{poll.credential.pk}:{hashlib.sha256(names).hexdigest()}"

    def look(self) -> Latest:
        """Return the values of the names, if one of them changed. Raises Refusal."""
        try:
            credential = Credential.objects.live().select_related("device").filter(pk=self._poll.credential.pk).first()
            latest = self._poll.site.read_latest(credential.device) if credential else {}
        except Error as error:
            log.warning("a poll can't read what it waits for, trying again: %s", error)
            return {}
        if credential is None:
            raise Refusal(refusals.DATA_CREDENTIAL)
        seen = self._choose(latest)
        is_new = self._is_new(seen)
        self._is_first = False
        return seen if is_new else {}

    def _choose(self, latest: Latest) -> Latest:
        return {name: latest[name] for name in self._poll.names if name in latest}

    def _is_new(self, seen: Latest) -> bool:
        since = self._poll.since
        if since:
            unit = 1000 if since.is_integer() else 1  # a value of the second that was said is known
            return any(at // unit * unit > since * 1000 for _, at in seen.values())
        is_new = seen != self._before
        if since == NOW:
            version = hashlib.sha256(json.dumps(sorted(seen.items())).encode()).hexdigest()
            is_new = is_new or (self._is_first and cache.get(self._key, version) != version)
            cache.set(self._key, version, TOLD_SECONDS)
        return is_new


def _give_back_after(step: Callable[[], R]) -> R:
    close_old_connections()
    try:
        return step()
    finally:
        streaming.give_back_connection()
