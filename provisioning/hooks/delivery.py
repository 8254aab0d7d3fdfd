"""Sending what is due: one process at a time, many calls at once, a few of each organisation.

Answers are waited for in one thread's event loop, so that a receiver that is slow holds up its own organisation's calls
alone; the database is asked by the caller's thread.
"""

from __future__ import annotations

import asyncio
import logging
import queue as queues
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models.functions import Now

from lib.outgoing import addresses, client
from lib.outgoing.results import Answer
from provisioning.hooks import messages, planning, queue, results
from provisioning.models import HookRun, HookSender, is_free

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.hooks.queue import Job

log = logging.getLogger(__name__)

AT_ONCE = 200
SLICE_SECONDS = 20.0  # of a worker's thread, until it goes back to the queue
ROUND_SECONDS = 1.0  # between two looks at all organisations
LEASE_SECONDS = 15
CHUNK = 1_000  # old runs that are deleted at once
RESOLVERS = 200  # threads: a name server that never answers holds some for half a minute


def deliver_due(*, seconds: float = SLICE_SECONDS) -> bool:
    """Make the calls that are due, and return whether there are more. Does nothing where another process does it."""
    with _hold_sender() as token:
        if token is None:
            return False
        more = planning.plan_all()
        if not queue.find_organisations():
            return more
        with Post() as post:
            return _Sending(post, token, time.monotonic() + seconds).run()


class Post:
    """Send jobs side by side, in a thread's event loop; `collect` gives those that were answered."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._answered: queues.Queue[tuple[Job, Answer]] = queues.Queue()
        self._resolver = ThreadPoolExecutor(RESOLVERS, "resolver")
        networks = addresses.read_networks(settings.HOOK_NETWORKS)
        self._rules = client.Rules(networks, client.make_context(), self._resolver)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="hooks")

    def __enter__(self) -> Post:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._resolver.shutdown(wait=False, cancel_futures=True)

    def send(self, job: Job) -> None:
        asyncio.run_coroutine_threadsafe(self._post(job), self._loop)

    def collect(self, seconds: float) -> list[tuple[Job, Answer]]:
        """Wait for an answer for so long at most; return all that there are."""
        answered = []
        try:
            answered.append(self._answered.get(timeout=seconds))
            while True:
                answered.append(self._answered.get_nowait())
        except queues.Empty:
            return answered

    async def _post(self, job: Job) -> None:
        answer = Answer(results.BROKEN)
        try:
            message = build_message(job)
            answer = await client.post(message, self._rules) if message else Answer(results.NO_SECRET)
        except Exception:
            log.exception("the hook %s could not be sent", job.call.hook_id)
        finally:
            self._answered.put((job, answer))


async def _cancel_others() -> None:
    """End what is still under way: their leases run out."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def build_message(job: Job) -> client.Message | None:
    """Return what is posted, signed now; None where the hook's secret can't be read."""
    hook, body = job.call.hook, messages.encode(job.run.payload)
    with_former = hook.former_until is not None and hook.former_until > job.now
    if not (keys := messages.unseal_keys(hook, with_former=with_former)):
        return None
    timestamp = int(job.now.timestamp())
    headers = [
        ("webhook-id", job.call.message_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", messages.sign(keys, job.call.message_id, timestamp, body)),
    ]
    return client.Message(addresses.read_target(hook.url), body, headers)


class _Sending:
    """Keep the calls of one slice going."""

    def __init__(self, post: Post, token: UUID, until: float) -> None:
        self._post, self._token, self._until = post, token, until
        self._going: Counter[int] = Counter()  # calls by organisation
        self._due: dict[int, None] = {}  # organisations that may have more, who had its turn last at the end
        self._more, self._looked_at = False, 0.0

    def run(self) -> bool:
        """Return whether more is due."""
        while True:
            self._look()
            if not self._going.total():
                return self._more
            for job, answer in self._post.collect(ROUND_SECONDS):
                queue.record(job, answer)
                self._going[job.run.organisation_id] -= 1
                self._due.setdefault(job.run.organisation_id)
            self._fill()

    def _look(self) -> None:
        """Look for what is new, now and then; the slice over, only whether there is something."""
        if self._going.total() and time.monotonic() - self._looked_at < ROUND_SECONDS:
            return
        held = HookSender.objects.filter(worker=self._token)
        if held.update(held_until=Now() + timedelta(seconds=LEASE_SECONDS)) != 1:
            self._until = 0.0  # another process has taken over
        self._more = planning.plan_all() if self._may_begin() else self._more
        for organisation in queue.find_organisations():
            self._due.setdefault(organisation)
        self._fill()
        self._looked_at = time.monotonic()

    def _fill(self) -> None:
        """Begin calls, always of the organisation with the fewest under way: however many wait, each has its turn."""
        while self._due and self._going.total() < AT_ONCE:
            organisation = min(self._due, key=self._going.__getitem__)
            if self._going[organisation] >= settings.HOOKS_ORGANISATION:
                return
            if not self._may_begin():
                self._more = True
                return
            del self._due[organisation]
            if (job := queue.claim(organisation)) is None:
                continue
            self._due[organisation] = None
            self._going[organisation] += 1
            self._post.send(job)

    def _may_begin(self) -> bool:
        return time.monotonic() < self._until


@contextmanager
def _hold_sender() -> Iterator[UUID | None]:
    """Be the one process that sends: give its token, or None where another one is."""
    token = uuid4()
    HookSender.objects.get_or_create(pk=1)
    until = Now() + timedelta(seconds=LEASE_SECONDS)
    won = HookSender.objects.filter(is_free(), pk=1).update(worker=token, held_until=until) == 1
    try:
        yield token if won else None
    finally:
        HookSender.objects.filter(pk=1, worker=token).update(worker=None, held_until=None)


def clear_old() -> int:
    """Delete what was told so long ago that nobody asks any more; return how many runs."""
    kept = max(timedelta(days=settings.HOOK_KEEP_DAYS), 2 * planning.LATE)  # what is planned anew is told twice
    old, cleared = HookRun.objects.filter(finished_at__lt=Now() - kept), 0
    while runs := list(old.values_list("pk", flat=True)[:CHUNK]):
        cleared += HookRun.objects.filter(pk__in=runs).delete()[1].get("provisioning.HookRun", 0)
    return cleared
