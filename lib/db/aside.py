"""A statement that runs while its thread goes on: where many rows are stored, the database and Python are at work at
once instead of by turns."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


@contextmanager
def run_aside(work: Callable[[], T], *, here: bool = False) -> Iterator[Future[T]]:
    """Do the work, which asks the database, on this thread's connection and in its transaction, while the block runs,
    which asks it nothing before it has the result. The block is left when it is done.

    With `here` it is done before the block, in this thread: a thread of its own costs more than little work.
    """
    if here:
        done: Future[T] = Future()
        done.set_result(work())
        yield done
        return
    connection = connections[DEFAULT_DB_ALIAS]

    def run() -> T:
        connections[DEFAULT_DB_ALIAS] = connection
        return work()

    connection.inc_thread_sharing()
    try:
        with ThreadPoolExecutor(1, "aside") as pool:
            yield pool.submit(run)
    finally:
        connection.dec_thread_sharing()
