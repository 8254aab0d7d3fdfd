"""Whether this process lives, whether it can serve, and whether all that the site needs is up. Names what is not, never
why.

`/livez` and `/readyz` are answered before Django, at whatever host name they are asked: by who starts processes, and by
who chooses between them. `/healthz` is a page for monitors.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.broker import sessions
from devices.mqtt import client, heartbeat
from devices.mqtt import parts as parts_of_devices
from lib import stopping
from lib.turns import out_of_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


def _migrated() -> bool:
    """Say whether every migration of this release is applied; those of a later one are no matter."""
    if not _known_to_be_migrated.is_set():
        try:
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                return False
        finally:
            connection.close()
        _known_to_be_migrated.set()
    return True


_known_to_be_migrated = threading.Event()


def _redis() -> bool:
    return heartbeat.takes_writes(heartbeat.connect())


def _broker() -> bool:
    return client.answers(settings.MQTT_URL, within=WITHIN)


_consumers: list[dict[str, int | float]] = []
"""What each of several told last, and nobody's name: anybody may ask here."""


def _consumer() -> bool:
    beat = heartbeat.read()
    told = beat.get("consumers", []) if beat else []
    _consumers[:] = [{name: each.get(name, 0) for name in ("parts", "queued", "behind")} for each in told]
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
    return _known.ask(CHECKS)


def _ask_parts(checks: Mapping[str, Callable[[], bool]]) -> dict[str, bool]:
    answers = {name: _pool.submit(ask) for name, ask in checks.items()}
    wait(answers.values(), timeout=WITHIN)
    return {name: _has_passed(answer) for name, answer in answers.items()}


class _Known:
    """Remember what the parts answered, for all who ask within FRESH_SECONDS."""

    def __init__(self) -> None:
        self.parts: dict[str, bool] = {}
        self.until = 0.0
        self._asking = threading.Lock()

    def ask(self, checks: Mapping[str, Callable[[], bool]]) -> dict[str, bool]:
        with self._asking:
            if time.monotonic() > self.until:
                self.parts = _ask_parts(checks)
                self.until = time.monotonic() + FRESH_SECONDS
            return self.parts


_known, _known_ready = _Known(), _Known()


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
    several = {"consumers": [*_consumers]} if parts_of_devices.is_divided() else {}
    answer = JsonResponse(report | several | ({"down": down} if down else {}), status=503 if down else 200)
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


READINESS: dict[str, Callable[[], bool]] = {"database": _database, "migrations": _migrated}
PROBES = {"/livez", "/readyz"}


def find_lacks() -> list[str]:
    """Return what keeps this process from serving, within about two seconds; of a database that is away no more is
    said."""
    if stopping.is_stopping():
        return ["stopping"]
    lacks = [name for name, is_there in _known_ready.ask(READINESS).items() if not is_there]
    return ["database"] if "database" in lacks else lacks


async def answer_probe(scope: dict[str, Any], send: Any) -> None:
    """Answer /livez, which asks nobody, or /readyz: a plain ASGI answer of JSON, to GET and HEAD."""
    said: dict[str, Any]
    if scope["method"] not in {"GET", "HEAD"}:
        status, said = 405, {"status": "GET or HEAD"}
    elif scope["path"] == "/livez":
        status, said = 200, {"status": "up"}
    else:
        lacks = ["stopping"] if stopping.is_stopping() else await asyncio.to_thread(find_lacks)
        status, said = (503, {"status": "not ready", "lacks": lacks}) if lacks else (200, {"status": "ready"})
    body = json.dumps(said).encode()
    head = {"content-type": "application/json", "cache-control": "no-store", "content-length": str(len(body))}
    headers = [(name.encode(), value.encode()) for name, value in head.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
