"""Redis that did not answer is asked again, whatever becomes of the thread that watches for it."""

from __future__ import annotations

import pytest

from lib import redis_circuit


def test_a_watch_that_ends_by_an_error_leaves_nobody_without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> bool:
        raise TypeError("not what Redis says")

    url = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(redis_circuit, "_open", {url})
    monkeypatch.setattr(redis_circuit, "_answers", fail)
    with pytest.raises(TypeError):
        redis_circuit._close_once_it_answers(url)
    assert redis_circuit._open == set()
