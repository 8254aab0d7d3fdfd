"""Whether everything that the site needs is up, for load balancers and monitors. Names what is not, never why."""

from __future__ import annotations

import json
import socket
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import connection
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

WITHIN = 2.0
HEARTBEAT = "handover:consumer"
PORTS = {"mqtt": 1883, "mqtts": 8883}

# Bounded: checks that hang fill it, and those that find no place in time count as failed too.
_pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="health")


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    finally:
        connection.close()


def _redis() -> redis.Redis:
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=once)


def _queue() -> bool:
    with _redis() as client:
        return bool(client.ping())


def _broker() -> bool:
    url = urlsplit(settings.MQTT_URL)
    with socket.create_connection((url.hostname, url.port or PORTS[url.scheme]), timeout=WITHIN):
        return True


def _consumer() -> bool:
    with _redis() as client:
        heartbeat = cast("bytes | None", client.get(HEARTBEAT))
    return bool(heartbeat and json.loads(heartbeat).get("connected"))


CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "redis": _queue,
    "broker": _broker,
    "consumer": _consumer,
}


def check() -> dict[str, bool]:
    """Part -> whether it is up, known within about two seconds."""
    asked = {name: _pool.submit(one) for name, one in CHECKS.items()}
    wait(asked.values(), timeout=WITHIN)
    return {name: _passed(answer) for name, answer in asked.items()}


def _passed(answer: Future[bool]) -> bool:
    answer.cancel()
    return answer.done() and not answer.cancelled() and answer.exception() is None and answer.result()


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    parts = check()
    down = sorted(name for name, up in parts.items() if not up)
    report = {"status": "down" if down else "up", "parts": {name: "up" if up else "down" for name, up in parts.items()}}
    return JsonResponse(report | ({"down": down} if down else {}), status=503 if down else 200)
