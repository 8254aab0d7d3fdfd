"""Requests are answered in turn: by session, token and address; what takes long holds up nothing of its own."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from config import queueing
from config.asgi import application
from config.queueing import Queueing
from lib.refusals import Refusal
from lib.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_django.fixtures import Settings

    Send = Callable[[dict[str, Any]], Awaitable[None]]


def scope(session: str = "", address: str = "192.0.2.1", token: str = "", path: str = "/") -> dict[str, Any]:
    headers = [(b"host", b"testserver")]
    headers += [(b"cookie", f"a=1; sessionid={session}".encode())] if session else []
    headers += [(b"authorization", f"Bearer {token}".encode())] if token else []
    common = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    return {**common, "client": (address, 1)}


class Site:
    """Answers what it is told to; knows who began, and how many are at it at once."""

    def __init__(self) -> None:
        self._queueing = Queueing()
        self.began, self.now, self.most = list[str](), 0, 0
        self.may_end = asyncio.Event()

    async def ask(self, name: str, who: dict[str, str], *, stays: bool = False, more_body: bool = False) -> str:
        async def app(_: Any, receive: Any, send: Send) -> None:
            await receive()
            self.began.append(name)
            self.now, self.most = self.now + 1, max(self.most, self.now + 1)
            try:
                await (self.may_end.wait() if stays else asyncio.sleep(0.001))
            finally:
                self.now -= 1
            await send({"type": "http.response.start"})

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": more_body}

        async def sent(_: dict[str, Any]) -> None: ...

        try:
            await self._queueing.answer(app, scope(**who), receive, sent)
        except Refusal:
            return "overtaken"
        return "answered"


@pytest.fixture(autouse=True)
def _session_cookie(settings: Settings) -> None:
    settings.SESSION_COOKIE_NAME = "sessionid"


@pytest.mark.parametrize(
    ("who", "most"),
    [
        ([{"session": "s"}] * 6, 1),
        ([{"token": "t"}] * 6, 1),
        ([{}] * 6, 1),
        ([{"session": f"made-up-{n}"} for n in range(6)], 2),
        ([{"session": f"s{n}", "address": f"2001:db8::{n}"} for n in range(6)], 2),
        ([{"session": f"s{n}", "address": f"192.0.2.{n}"} for n in range(6)], 6),
        ([{"session": f"s{n}", "address": f"2001:db8:0:{n}::1"} for n in range(6)], 6),
    ],
    ids=["a session", "a token", "a stranger", "made-up sessions", "and addresses", "people", "people by IPv6"],
)
def test_how_many_are_answered_at_once(who: list[dict[str, str]], most: int) -> None:
    async def scene() -> int:
        site = Site()
        await asyncio.gather(*(site.ask("one", each) for each in who))
        return site.most

    assert asyncio.run(scene()) == most


def test_who_asks_little_is_behind_one_of_who_asks_much() -> None:
    async def scene() -> list[str]:
        site = Site()
        much = [asyncio.create_task(site.ask("much", {"session": "m"})) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.gather(*much, site.ask("little", {"session": "l"}))
        return site.began

    assert asyncio.run(scene()).index("little") <= 2


def test_what_takes_long_holds_up_nothing_of_its_own(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(queueing, "BRISK_SECONDS", 0.01)
    settings.REQUESTS_PERSON = 3

    async def scene() -> tuple[int, int]:
        site = Site()
        asked = [asyncio.create_task(site.ask("long", {"session": "s"}, stays=True)) for _ in range(5)]
        await asyncio.sleep(0.2)
        begun = site.now
        site.may_end.set()
        await asyncio.gather(*asked)
        return begun, len(site.began)

    assert asyncio.run(scene()) == (3, 5)


def test_a_body_that_is_still_coming_holds_no_turn() -> None:
    async def scene() -> int:
        site = Site()
        asked = [asyncio.create_task(site.ask("slow", {"session": "s"}, stays=True, more_body=True)) for _ in range(10)]
        await asyncio.sleep(0.01)
        begun = site.now
        site.may_end.set()
        await asyncio.gather(*asked)
        return begun

    assert asyncio.run(scene()) == 10


def test_whoever_goes_away_gives_back_the_turn() -> None:
    async def scene() -> str:
        site = Site()
        asked = [asyncio.create_task(site.ask("gone", {"session": "s"}, stays=True)) for _ in range(9)]
        await asyncio.sleep(0.01)
        for each in reversed(asked):
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        return await asyncio.wait_for(site.ask("next", {"session": "s"}), 1)

    assert asyncio.run(scene()) == "answered"


def test_of_very_many_the_oldest_are_put_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queueing, "WAITING", 3)
    monkeypatch.setattr(queueing, "WAITING_ADDRESS", 20)

    async def scene() -> tuple[int, int]:
        site = Site()
        one = await asyncio.gather(*(site.ask("one", {"session": "s"}) for _ in range(12)))
        many = await asyncio.gather(*(site.ask("one", {"session": f"s{n}"}) for n in range(30)))
        return one.count("overtaken"), many.count("overtaken")

    assert asyncio.run(scene()) == (12 - 4 - 3, 10)


@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/devices/"])
def test_whoever_is_put_aside_is_told(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(_: Turns, __: object) -> None:
        return None

    monkeypatch.setattr(Turns, "take", none)
    sent = list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(application(scope(path=path), receive, send))
    assert (sent[0]["status"], dict(sent[0]["headers"])[b"retry-after"]) == (429, b"5")
    if path.startswith("/api/"):
        assert json.loads(sent[1]["body"])["type"].endswith("#problem-throttled")
    else:
        assert b"Too many requests at once" in sent[1]["body"]


@pytest.mark.parametrize("path", ["/healthz", "/broker/rabbitmq/user"])
def test_what_machines_ask_waits_for_nobody(path: str) -> None:
    assert application._choose_app({"path": path, "headers": []}) not in {
        application._answer_in_turn,
        application._answer_stream,
    }
