"""What is made while it is sent, step by step, to readers who may be slow or leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import close_old_connections, connection
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
STEPS = 2  # that are made at once in a process: a step keeps the processor from pages

P = ParamSpec("P")
R = TypeVar("R")


def give_back_connection() -> None:
    """Give this thread's connection to the pool where there is one; not in the midst of a transaction."""
    if not connection.in_atomic_block:
        close_old_connections()


async def run_step(make: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run it in the request's thread, whose connection to the database is for others until the next step. So a step
    leaves no cursor open."""

    def one() -> R:
        try:
            return make(*args, **kwargs)
        finally:
            give_back_connection()

    async with _steps.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(STEPS)):
        return await sync_to_async(one)()


_steps: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def let_thread_go() -> None:
    """End this request's thread, if it has one; what needs one makes another. A slow reader then keeps none."""
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)


def make_csv_response(lines: object, name: str, *, for_programs: bool = False) -> StreamingHttpResponse:
    """Answer with CSV; for people it begins with a byte order mark, by which spreadsheets know UTF-8."""
    marked: Any = lines if for_programs else _mark_async(lines) if hasattr(lines, "__aiter__") else _mark(lines)
    return make_file_response(marked, name, "text/csv; charset=utf-8")


def make_file_response(parts: Any, name: str, kind: str) -> StreamingHttpResponse:
    """Answer with a file of this media type, made while it is sent."""
    headers = {"Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment"}
    return StreamingHttpResponse(parts, content_type=kind, headers=headers)


def _mark(lines: Any) -> Iterator[str | bytes]:
    yield BYTE_ORDER_MARK
    yield from lines


async def _mark_async(lines: Any) -> AsyncIterator[str | bytes]:
    yield BYTE_ORDER_MARK
    async for line in lines:
        yield line
