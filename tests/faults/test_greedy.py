"""One person asks a site's process for very much, and reads nothing of it: everybody else is answered meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.urls import reverse

from tests import parts
from tests.faults import slow
from tests.mqtt.processes import python, running

if TYPE_CHECKING:
    import socket

    from tenants.models import User
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres]

SITE = ("-m", "uvicorn", "config.asgi:application", "--log-level", "error")
REPORTS = 40_000  # of some 220 bytes in a file: far more than lies on its way to a reader who does not read
DOWNLOADS = 60
OPEN = 40  # of those, at least, where all are allowed: the oldest of very many at once are overtaken
STREAMS = 1_500
SOON = 20.0  # seconds, within which others are answered on a slow machine: they waited for 24 and 27 s on a fast one
FEW = 25  # threads, some of which a process always has


def report(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_report (device_id, at, assignment_id, data, timed)"
            " SELECT %s, now() - interval '50 minutes' + n * interval '50 ms', %s,"
            " jsonb_build_object('engineState', repeat('x', 180)), true FROM generate_series(1, %s) AS n",
            [world.placed.pk, world.placed.assignment_id, REPORTS],
        )


class Person:
    """Somebody who is signed in at a site."""

    def __init__(self, user: User, port: int) -> None:
        self._cookies = slow.cookies(user)
        self._port = port

    def ask(self, path: str) -> socket.socket:
        return slow.ask(self._port, path, self._cookies)

    def seconds_until(self, said: bytes, path: str) -> float:
        """How long it takes until the answer has come as far as this."""
        began, heard = time.monotonic(), b""
        with self.ask(path) as answer:
            while said not in heard:
                part = answer.recv(1 << 16)
                assert part, heard
                heard += part
        return time.monotonic() - began


@pytest.mark.parametrize("allowed", [2, DOWNLOADS])
def test_downloads_that_nobody_reads(world: World, allowed: int) -> None:
    """More than are allowed are refused; as many as are allowed keep no thread, however slow their readers are."""
    report(world)
    port, few = parts.free_port(), {"DOWNLOADS_PERSON": str(allowed), "DOWNLOADS_ORGANISATION": str(DOWNLOADS)}
    site = python(*SITE, "--port", str(port), port=port, **few)
    with running(site), ExitStack() as unread:
        greedy, other = Person(world.viewer, port), Person(world.stranger, port)
        assert other.seconds_until(b"</html>", "/") < 20  # the first page of a process takes its time
        path = reverse("telemetry:export", kwargs={"serial": world.placed.serial})
        asked = [unread.enter_context(greedy.ask(path)) for _ in range(DOWNLOADS)]
        took = [other.seconds_until(b"</html>", "/") for _ in range(3)]
        statuses = Counter(answer.recv(12)[-3:].decode() for answer in asked)
        took += [other.seconds_until(b"</html>", "/") for _ in range(3)]
        assert statuses["200"] + statuses["429"] == DOWNLOADS
        assert statuses["200"] >= OPEN if allowed == DOWNLOADS else statuses["200"] == allowed
        assert max(took) < SOON
        assert site.threads < FEW


def test_streams_without_end(world: World) -> None:
    """A neighbour's first event comes soon, however many one session opens."""
    port = parts.free_port()
    site = python(*SITE, "--port", str(port), port=port)
    with running(site), ExitStack() as held:
        greedy, other = Person(world.viewer, port), Person(world.stranger, port)
        path = reverse("telemetry:stream", kwargs={"serial": world.placed.serial})
        theirs = reverse("telemetry:stream", kwargs={"serial": world.alien.serial})
        assert other.seconds_until(b"event: alive", theirs) < 20
        for _ in range(STREAMS):
            held.enter_context(greedy.ask(path))
        took = other.seconds_until(b"event: alive", theirs)
        assert took < SOON
        assert site.threads < FEW
