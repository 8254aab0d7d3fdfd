"""What is made while it is sent, step by step, to readers who may be slow or leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import close_old_connections, connection
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 2  # that are made at once in a process: a step keeps the processor from pages

P = ParamSpec("P")
R = TypeVar("R")


def give_back() -> None:
    """This thread's connection, to the pool where there is one; not in the midst of a transaction."""
    if not connection.in_atomic_block:
        close_old_connections()


async def step(make: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """In the request's thread; until the next step its connection to the database is for others. So a step leaves no
    cursor open."""

    def one() -> R:
        try:
            return make(*args, **kwargs)
        finally:
            give_back()

    async with _steps.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(STEPS)):
        return await sync_to_async(one)()


_steps: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def let_thread_go() -> None:
    """End this request's thread, if it has one; what needs one makes another. A slow reader then keeps none."""
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)


def attachment(lines: object, name: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment"}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)  # type: ignore[arg-type]
