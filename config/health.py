"""Whether everything that the site needs is up, for load balancers and monitors. Names what is not, never why."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error, connection
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.broker import sessions
from devices.mqtt import client, heartbeat
from lib.turns import out_of_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

log = logging.getLogger(__name__)

WITHIN = 2.0
FRESH_SECONDS = 1.0


# Bounded: checks that hang fill it, and those that find no place in time count as failed too.
_pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="health")


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    finally:
        connection.close()


def _redis() -> bool:
    return heartbeat.takes_writes(heartbeat.connect())


def _broker() -> bool:
    return client.answers(settings.MQTT_URL, within=WITHIN)


def _consumer() -> bool:
    beat = heartbeat.read()
    return heartbeat.hears(beat) and not (beat and beat.get("rival"))


def _session() -> bool:
    try:
        return sessions.find_loss() is None
    except Error:  # which `database` tells
        return True
    finally:
        connection.close()


CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "redis": _redis,
    "broker": _broker,
    "consumer": _consumer,
    "session": _session,
}


def check() -> dict[str, bool]:
    """Return part -> whether it is up, known within about two seconds. The parts are asked once a second at most:
    anybody may ask here, and each asking is a connection to each of them."""
    with _asking:
        if time.monotonic() > _known.until:
            _known.parts = _ask_parts()
            _known.until = time.monotonic() + FRESH_SECONDS
        return _known.parts


def _ask_parts() -> dict[str, bool]:
    answers = {name: _pool.submit(ask) for name, ask in CHECKS.items()}
    wait(answers.values(), timeout=WITHIN)
    return {name: _has_passed(answer) for name, answer in answers.items()}


class _Known:
    parts: dict[str, bool]
    until = 0.0


_known, _asking = _Known(), threading.Lock()


def _has_passed(answer: Future[bool]) -> bool:
    answer.cancel()
    return answer.done() and not answer.cancelled() and answer.exception() is None and answer.result()


@out_of_turn
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    parts = check()
    down = sorted(name for name, up in parts.items() if not up)
    _log_change(down)
    report = {"status": "down" if down else "up", "parts": {name: "up" if up else "down" for name, up in parts.items()}}
    answer = JsonResponse(report | ({"down": down} if down else {}), status=503 if down else 200)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # Django would log every 503 that a monitor gets
    return answer


_noted: list[str] = []
_started_at = time.monotonic()
START_SECONDS = 30  # in which parts that start after the site are waited for, not missed


def _log_change(down: list[str]) -> None:
    """Log a line when it changes; while everything starts, none that alarms."""
    if down == _noted:
        return
    starting = not _noted and time.monotonic() < _started_at + START_SECONDS
    words = f"{'waiting for' if starting else 'down'}: {', '.join(down)}" if down else "everything is up"
    log.log(logging.WARNING if down and not starting else logging.INFO, "%s", words)
    _noted[:] = down
