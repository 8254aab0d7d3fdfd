"""Whoever asks for much waits behind whoever asks for little; a turn that is not taken is another's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lib.turns import Turns, out_of_turn, out_of_turn_if

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Scene:
    """Ask for turns, and note in which order they come."""

    def __init__(self, at_once: int = 1, waiting: int = 3) -> None:
        self.turns, self.came = Turns(at_once, waiting), list[str]()
        self.ends: dict[str, Callable[[], None] | None] = {}

    async def ask(self, name: str) -> asyncio.Task[None]:
        """Ask for somebody, whose first letter says who it is; return once it waits."""

        async def take() -> None:
            self.ends[name] = await self.turns.take(name[0])
            self.came.append(name if self.ends[name] else f"{name} goes")

        asking = asyncio.create_task(take())
        await self.settle()
        return asking

    async def end(self, name: str) -> None:
        end = self.ends[name]
        assert end is not None
        end()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


def test_so_many_go_at_once_and_the_rest_in_the_order_of_people() -> None:
    async def scene() -> None:
        at = Scene(at_once=2)
        for name in ("a1", "a2", "a3", "a4", "b1", "c1", "b2"):
            await at.ask(name)
        assert at.came == ["a1", "a2"]
        for name in ("a1", "a2", "a3", "b1", "c1"):
            await at.end(name)
        assert at.came == ["a1", "a2", "a3", "b1", "c1", "a4", "b2"]

    run(scene)


def test_of_one_the_newest_are_kept_waiting() -> None:
    async def scene() -> None:
        at = Scene(waiting=2)
        for name in ("b0", "a1", "a2", "a3", "b1"):
            await at.ask(name)
        assert at.came == ["b0", "a1 goes"]
        await at.end("b0")
        assert at.came[2:] == ["a2"]

    run(scene)


def test_a_turn_that_ends_twice_frees_one() -> None:
    async def scene() -> None:
        at = Scene()
        for name in ("a1", "b1", "c1"):
            await at.ask(name)
        await at.end("a1")
        await at.end("a1")
        assert at.came == ["a1", "b1"]

    run(scene)


def test_who_leaves_while_waiting_is_passed_over() -> None:
    async def scene() -> None:
        at = Scene()
        await at.ask("a1")
        leaving = await at.ask("b1")
        await at.ask("c1")
        leaving.cancel()
        await at.settle()
        assert at.came == ["a1"]
        await at.end("a1")
        assert at.came == ["a1", "c1"]
        await at.end("c1")
        await at.ask("d1")
        assert at.came[-1] == "d1"

    run(scene)


def test_who_left_takes_up_none_of_the_places_to_wait_in() -> None:
    async def scene() -> None:
        at = Scene(waiting=2)
        await at.ask("b0")
        leaving = await at.ask("a1")
        await at.ask("a2")
        leaving.cancel()
        await at.settle()
        await at.ask("a3")
        for name in ("b0", "a2", "a3"):
            await at.end(name)
        assert at.came == ["b0", "a2", "a3"]

    run(scene)


def test_who_leaves_as_its_turn_comes_hands_it_on() -> None:
    async def scene() -> None:
        at = Scene()
        await at.ask("a1")
        leaving = await at.ask("b1")
        await at.ask("c1")
        first = at.ends["a1"]
        assert first is not None
        first()
        leaving.cancel()  # before it could see that its turn is there
        await at.settle()
        assert at.came == ["a1", "c1"]

    run(scene)


def test_when_nobody_waits_the_turn_is_free() -> None:
    async def scene() -> None:
        at = Scene()
        for name in ("a1", "a2", "b1"):
            await at.ask(name)
            await at.end(name)
        assert at.came == ["a1", "a2", "b1"]
        assert at.turns._free == 1

    run(scene)


def test_views_are_marked_as_waiting_for_nobody() -> None:
    @out_of_turn
    def health() -> None: ...

    @out_of_turn_if(lambda headers: headers.get(b"upgrade") == b"x")
    def other() -> None: ...

    assert vars(health) == {"out_of_turn": True}
    asks = vars(other)["out_of_turn_if"]
    assert [asks({}), asks({b"upgrade": b"x"})] == [False, True]
