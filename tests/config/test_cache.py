"""While Redis is away the cache forgets, and nobody waits for it or sees an error."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
import redis
from django.core.cache.backends.redis import RedisCache

from config.cache import LenientRedisCache
from lib import redis_circuit

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "redis://127.0.0.1:1/0"
ASKED: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "add": (lambda cache: cache.add("a", 1), True),
    "get": (lambda cache: cache.get("a"), None),
    "get_default": (lambda cache: cache.get("a", "else"), "else"),
    "set": (lambda cache: cache.set("a", 1, timeout=5), None),
    "touch": (lambda cache: cache.touch("a"), False),
    "delete": (lambda cache: cache.delete("a"), False),
    "get_many": (lambda cache: cache.get_many(["a"]), {}),
    "has_key": (lambda cache: cache.has_key("a"), False),
    "contains": (lambda cache: "a" in cache, False),
    "incr": (lambda cache: cache.incr("a"), 0),
    "set_many": (lambda cache: cache.set_many({"a": 1}), []),
    "delete_many": (lambda cache: cache.delete_many(["a"]), None),
}


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], LenientRedisCache]:
    """Return a cache whose Redis answers each question with this error."""

    def make(error: Exception) -> LenientRedisCache:
        def fail(*_: object, **__: object) -> None:
            raise error

        for name in {each.removesuffix("_default") for each in ASKED} - {"contains"}:
            monkeypatch.setattr(RedisCache, name, fail)
        monkeypatch.setattr(redis_circuit, "_open", set())
        monkeypatch.setattr(redis_circuit, "_trip", lambda url, _: redis_circuit._open.add(url))
        return LenientRedisCache(URL, {})

    return make


@pytest.mark.parametrize(
    "error", [redis.ConnectionError("gone"), redis.TimeoutError("slow"), redis.ReadOnlyError("ro")]
)
@pytest.mark.parametrize("name", ASKED)
def test_nobody_sees_that_it_is_away(
    refusing: Callable[[Exception], LenientRedisCache], name: str, error: Exception
) -> None:
    ask, answer = ASKED[name]
    cache = refusing(error)
    assert ask(cache) == answer
    assert ask(cache) == answer  # not even asked, or refused again


def test_what_it_refuses_is_told(
    refusing: Callable[[Exception], LenientRedisCache], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        refusing(redis.ResponseError("OOM")).set("a", 1)
    assert "the cache refuses, going on without it: OOM" in caplog.text


def test_a_fault_of_ours_is_not_hidden(refusing: Callable[[Exception], LenientRedisCache]) -> None:
    with pytest.raises(TypeError):
        refusing(TypeError("no such value")).get("a")


@pytest.mark.parametrize(
    ("given", "returned"), [("add", False), ("touch", True), ("delete", True), ("has_key", True), ("incr", 7)]
)
def test_what_it_answers_is_handed_on(monkeypatch: pytest.MonkeyPatch, given: str, returned: object) -> None:
    monkeypatch.setattr(RedisCache, given, lambda *_, **__: returned)
    monkeypatch.setattr(redis_circuit, "_open", set())
    assert ASKED[given][0](LenientRedisCache(URL, {})) == returned


def test_each_question_is_bounded_and_own_options_stay() -> None:
    cache: Any = LenientRedisCache(URL, {"OPTIONS": {"db": 3}})
    assert cache._options["db"] == 3
    assert cache._options["socket_timeout"] == redis_circuit.TIMEOUT_SECONDS
