"""A statement that runs while its thread goes on: where many rows are stored, the database and Python are at work at
once instead of by turns."""

from __future__ import annotations

import threading
from concurrent.futures import Future
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

    With `here` it is done before the block, in this thread: a thread of its own costs more than little work. A process
    that ends does not wait for it.
    """
    done: Future[T] = Future()
    if here:
        done.set_result(work())
        yield done
        return
    connection = connections[DEFAULT_DB_ALIAS]

    def run() -> None:
        connections[DEFAULT_DB_ALIAS] = connection
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    connection.inc_thread_sharing()
    thread = threading.Thread(target=run, name="aside", daemon=True)
    thread.start()
    try:
        yield done
    finally:
        thread.join()
        connection.dec_thread_sharing()
