"""Thousands wait for beats, of which the next one alone has a timer."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, cast

from lib.beats import Beats

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

EVERY, LENGTH = 0.4, 0.025


class Waiting:
    """Note when it comes due."""

    def __init__(self, beats: Beats[Waiting], due: Callable[[], object]) -> None:
        self._beats, self._due = beats, due
        self.at: list[float] = []
        self.is_broken = False

    def wait(self, seconds: float) -> int:
        return self._beats.wait(self, seconds)

    def forget(self, beat: int) -> None:
        self._beats.forget(self, beat)

    def come_due(self) -> None:
        self.at.append(asyncio.get_running_loop().time())
        self._due()

    def break_off(self) -> None:
        self.is_broken = True


def run(scene: Callable[[Callable[..., Waiting]], Awaitable[None]]) -> None:
    async def whole() -> None:
        beats: Beats[Waiting] = Beats(LENGTH, copy_context())
        await scene(lambda due=lambda: None: Waiting(beats, due))

    asyncio.run(whole())


def count_timers() -> int:
    scheduled: list[asyncio.TimerHandle] = cast("Any", asyncio.get_running_loop())._scheduled
    return sum(not handle.cancelled() for handle in scheduled)


def test_a_thousand_wait_with_one_timer_and_come_due_within_a_beat() -> None:
    async def scene(make: Callable[..., Waiting]) -> None:
        before, began = count_timers(), asyncio.get_running_loop().time()
        many = [make() for _ in range(1_000)]
        for n, each in enumerate(many):
            each.wait(EVERY * (1 + n % 2))
        assert count_timers() == before + 1
        await asyncio.sleep(EVERY * 2.5)
        for n, each in enumerate(many):
            [at] = each.at
            assert -LENGTH <= at - began - EVERY * (1 + n % 2) < EVERY / 4
        assert count_timers() == before

    run(scene)


def test_who_waits_for_less_comes_first_and_who_is_forgotten_never() -> None:
    async def scene(make: Callable[..., Waiting]) -> None:
        long, short, gone = make(), make(), make()
        long.wait(EVERY)
        gone.forget(gone.wait(EVERY / 2))
        short.wait(EVERY / 4)
        await asyncio.sleep(EVERY * 1.5)
        assert (len(short.at), len(long.at), gone.at) == (1, 1, [])
        assert short.at < long.at

    run(scene)


def test_who_breaks_off_takes_none_of_the_others_with_it(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(make: Callable[..., Waiting]) -> None:
        many = [make() for _ in range(3)]
        broken = make(lambda: 1 // 0)
        for each in [many[0], broken, *many[1:]]:
            each.wait(EVERY / 4)
        await asyncio.sleep(EVERY)
        assert (broken.is_broken, [len(each.at) for each in many]) == (True, [1, 1, 1])
        many[0].wait(EVERY / 4)
        await asyncio.sleep(EVERY)
        assert len(many[0].at) == 2

    run(scene)
    assert "breaks off" in caplog.text


def test_who_waits_anew_when_due_is_due_again() -> None:
    async def scene(make: Callable[..., Waiting]) -> None:
        again: Waiting = make(lambda: again.wait(EVERY / 4))
        again.wait(EVERY / 4)
        await asyncio.sleep(EVERY * 1.5)
        assert 4 <= len(again.at) <= 8

    run(scene)


def test_who_waits_anew_when_due_delays_none_of_the_next_beats() -> None:
    async def scene(make: Callable[..., Waiting]) -> None:
        began = asyncio.get_running_loop().time()
        clogged: Waiting = make(lambda: clogged.wait(EVERY * 2))
        clogged.wait(EVERY / 4)
        later = [make() for _ in range(3)]
        for n, each in enumerate(later, 2):
            each.wait(EVERY * n / 4)
        await asyncio.sleep(EVERY * 1.5)
        for n, each in enumerate(later, 2):
            [at] = each.at
            assert at - began < EVERY * (n + 1) / 4

    run(scene)
