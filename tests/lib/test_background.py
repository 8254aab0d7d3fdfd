"""What follows an answer is done beside it, so much at most, and asking for it never fails."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

import pytest
import redis
from django.db import transaction
from kombu.exceptions import OperationalError

from lib import background, redis_circuit, tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import DjangoCaptureOnCommitCallbacks


class Threads:
    """Note what is handed to the threads, which do it when they are told."""

    def __init__(self) -> None:
        self.handed: list[Callable[[], None]] = []

    def submit(self, run: Callable[[Any], None], do: Any) -> None:
        self.handed.append(lambda: run(do))

    def do_all(self) -> None:
        while self.handed:
            self.handed.pop(0)()


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    importlib.reload(background)  # the other tests' does all at once
    own = Threads()
    monkeypatch.setattr(background, "_threads", own)
    return own


def test_nobody_waits_for_it(threads: Threads) -> None:
    done: list[int] = []
    background.run(lambda: done.append(1))
    assert done == []
    threads.do_all()
    assert done == [1]


def test_too_much_is_dropped_with_a_word_until_some_is_done(threads: Threads, caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    for number in range(background.MOST + 2):
        background.run(lambda number=number: done.append(number))  # type: ignore[misc]
    assert caplog.text.count("one was dropped") == 2
    threads.do_all()
    assert done == [*range(background.MOST)]
    background.run(lambda: done.append(-1))
    threads.do_all()
    assert done[-1] == -1


def test_what_fails_is_told_by_its_kind_alone_and_keeps_no_room(
    threads: Threads, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ConnectionError("mail to secret@person.example")

    for _ in range(background.MOST + 1):
        background.run(fail)
        threads.do_all()
    assert "not done in the background: ConnectionError" in caplog.text
    assert "secret@" not in caplog.text
    assert "dropped" not in caplog.text


# Of a worker ----------------------------------------------------------------------------------


class Asked:
    """Stand for Celery, and note what it is asked for; or say no."""

    def __init__(self, error: Exception | None = None) -> None:
        self.tasks: list[tuple[str, tuple[int, ...]]] = []
        self._error = error

    def connection_for_write(self, *_: object, **__: object) -> Asked:
        return self

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *_: object) -> None: ...

    def send_task(self, task: str, args: tuple[int, ...], **named: object) -> None:
        assert named == {"connection": self, "retry": False}
        if self._error:
            raise self._error
        self.tasks.append((task, args))


@pytest.mark.django_db
def test_a_worker_is_asked_once_what_it_looks_for_is_committed(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    celery = Asked()
    monkeypatch.setattr(tasks, "current_app", celery)
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        tasks.enqueue("devices.tasks.work", 7, 8)
        assert celery.tasks == []
    assert celery.tasks == [("devices.tasks.work", (7, 8))]


@pytest.mark.parametrize(
    "error", [redis.ConnectionError("gone"), redis.ResponseError("OOM"), OperationalError("gone"), None]
)
def test_asking_never_fails_a_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception | None
) -> None:
    monkeypatch.setattr(redis_circuit, "_trip", lambda *_: None)
    celery = Asked(error)
    monkeypatch.setattr(tasks, "current_app", celery)
    with caplog.at_level(logging.WARNING):
        tasks.send("devices.tasks.work", 7)
    assert ("devices.tasks.work not queued, beat will" in caplog.text) is (error is not None)
    assert len(celery.tasks) == (error is None)


def test_while_redis_is_away_it_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis_circuit, "_open", {settings.CELERY_BROKER_URL})
    celery = Asked(AssertionError("asked"))
    monkeypatch.setattr(tasks, "current_app", celery)
    tasks.send("devices.tasks.work", 7)
    assert "did not answer a moment ago" in caplog.text
