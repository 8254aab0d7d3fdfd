"""What a worker and beat ask of a Redis that hangs they ask briefly, so that they still hear that they are to stop."""

from __future__ import annotations

import socket
import time
from threading import Timer
from typing import TYPE_CHECKING

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

BRIEF = 0.3
AT_LAST = 4.0  # the pretended Redis goes away then, so that whoever waits without end fails a test and ends it


@pytest.fixture
def hung(settings: Settings) -> Iterator[socket.socket]:
    """It listens, has room for one, and answers nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        goes = Timer(AT_LAST, server.close)
        goes.start()
        yield server
        goes.cancel()


def build_app() -> Celery:
    """Made anew as `config.celery` makes it."""
    app = Celery("handover", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    return app


def measure_wait(settings: Settings, name: str) -> float:
    """Seconds that a reader of the queue waits, once what is configured under this name alone is brief."""
    given = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {key: BRIEF if key == name else given[key] for key in given}
    began = time.monotonic()
    with build_app().connection_for_read() as connection, pytest.raises(OperationalError):
        connection.ensure_connection(max_retries=0, timeout=1)
    return time.monotonic() - began


def test_how_long() -> None:
    options = build_app().conf.broker_transport_options
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (5.0, 5.0)


def test_one_that_answers_nothing(hung: socket.socket, settings: Settings) -> None:
    assert measure_wait(settings, "socket_timeout") < AT_LAST / 2


def test_one_that_takes_no_more_connections(hung: socket.socket, settings: Settings) -> None:
    with socket.create_connection(hung.getsockname()):
        assert measure_wait(settings, "socket_connect_timeout") < AT_LAST / 2


def test_no_heartbeat_of_celerys_is_tried_without_end() -> None:
    """It is while Redis hangs, and the worker hears nothing meanwhile."""
    worker = build_app().WorkController(pool="threads", concurrency=1)
    steps = {type(step).__name__ for step in worker.consumer.steps}
    assert ("Tasks" in steps, "Heart" in steps) == (True, False)
