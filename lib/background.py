"""What may follow the answer to a request: done by two threads of this process, in memory alone, or not at all."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

MOST = 200  # that wait

_room = BoundedSemaphore(MOST)
_threads = ThreadPoolExecutor(2, thread_name_prefix="background")


def run(do: Callable[[], object]) -> None:
    """Return at once. `do` touches no database; what it raises is logged by its kind alone."""
    if not _room.acquire(blocking=False):
        log.warning("%s things wait to be done in the background: one was dropped", MOST)
        return
    _threads.submit(_run_and_log, do)


def _run_and_log(do: Callable[[], object]) -> None:
    try:
        do()
    except Exception as error:
        log.warning("not done in the background: %s", type(error).__name__)
    finally:
        _room.release()
