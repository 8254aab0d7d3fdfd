"""Redis that does not answer is not asked until it does; whoever asks meanwhile is refused at once."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest
import redis

from lib import redis_circuit
from lib.redis_circuit import CircuitOpen, asking

URL, OTHER = "redis://127.0.0.1:1/0", "redis://127.0.0.1:2/0"


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads that would ask again, none of which is started."""
    begun: list[threading.Thread] = []
    monkeypatch.setattr(redis_circuit, "_open", set())
    monkeypatch.setattr(threading.Thread, "start", lambda thread: begun.append(thread))
    return begun


def ask(error: Exception | None = None, url: str = URL) -> str:
    with asking(url):
        if error is not None:
            raise error
        return "answered"


def wrap(error: Exception) -> Exception:
    """Return an error that another library made of it."""
    wrapped = RuntimeError("not queued")
    wrapped.__cause__ = error
    return wrapped


@pytest.mark.parametrize(
    "error",
    [redis.ConnectionError("gone"), redis.TimeoutError("slow"), wrap(redis.ConnectionError("gone")),
     wrap(wrap(redis.TimeoutError("slow")))],
)  # fmt: skip
def test_who_gets_no_answer_opens_it_for_all(
    watches: list[Any], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(Exception) as raised:
                ask(error)
    assert isinstance(raised.value, CircuitOpen)
    assert len(watches) == 1
    assert caplog.text.count("going on without it") == 1
    assert ask(url=OTHER) == "answered"


@pytest.mark.parametrize(
    "error", [redis.ResponseError("WRONGTYPE"), ValueError("mine"), wrap(redis.ResponseError("x"))]
)
def test_what_redis_says_no_to_leaves_it_closed(watches: list[Any], error: Exception) -> None:
    with pytest.raises(type(error)):
        ask(error)
    assert ask() == "answered"
    assert watches == []


def test_many_who_find_out_at_once_begin_one_watch(watches: list[Any]) -> None:
    for _ in range(3):
        redis_circuit._trip(URL, redis.ConnectionError("gone"))
    assert len(watches) == 1


class Pings:
    """Answer a ping with each of these in turn."""

    def __init__(self, *answers: object) -> None:
        self._answers = [*answers]

    def __enter__(self) -> Pings:
        return self

    def __exit__(self, *_: object) -> None: ...

    def ping(self) -> object:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize("answer", [True, redis.ResponseError("NOAUTH")])
def test_it_is_asked_again_until_it_says_anything(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: object
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(redis_circuit, "_open", {URL})
    monkeypatch.setattr(time, "sleep", pauses.append)
    client = Pings(redis.ConnectionError("gone"), redis.TimeoutError("slow"), answer)
    monkeypatch.setattr(redis_circuit, "connect", lambda _: client)
    with caplog.at_level(logging.WARNING):
        redis_circuit._close_once_it_answers(URL)
    assert pauses == [redis_circuit.AGAIN_SECONDS] * 2
    assert "answers again" in caplog.text
    assert ask() == "answered"


def test_a_watch_that_ends_by_an_error_leaves_nobody_without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_circuit, "_open", {URL})
    monkeypatch.setattr(redis_circuit, "connect", lambda _: Pings(TypeError("not what Redis says")))
    with pytest.raises(TypeError):
        redis_circuit._close_once_it_answers(URL)
    assert ask() == "answered"


def test_a_command_is_bounded_and_one_that_times_out_is_not_repeated() -> None:
    options: dict[str, Any] = redis_circuit.connection_options()
    assert options["socket_timeout"] == options["socket_connect_timeout"] == redis_circuit.TIMEOUT_SECONDS
    for error, tries in ((redis.TimeoutError("slow"), 1), (redis.ConnectionError("stale"), 2)):
        tried: list[int] = []

        def fail(error: Exception = error, tried: list[int] = tried) -> None:
            tried.append(1)
            raise error

        with pytest.raises(type(error)):
            options["retry"].call_with_retry(fail, lambda _: None)
        assert len(tried) == tries
