"""Long polls of the device data API: answered when something changes, in time, and within bounds."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient
from django.utils import timezone
from django.utils.http import http_date

from devices.lifecycle import assignments, locks
from devices.models import Device
from devices.mqtt import text_values
from lib import live
from provisioning.doors.activate import data, polling
from telemetry.models import Latest
from tests.provisioning.doors.test_activate import activate, make_door, read_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)
ALIAS = "/onep:v1/stack/alias"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    text_values._declared.clear()
    data.debts._until.clear()
    monkeypatch.setattr(polling, "SPACING", 0.01)
    monkeypatch.setattr(polling, "HEARTBEAT", 0.1)
    monkeypatch.setitem(connections.databases["default"], "CONN_MAX_AGE", 0)  # threads leave no session behind


@pytest.fixture
def token(world: World) -> str:
    make_door(world.version)
    return read_token(activate(world.waiting))


async def poll(token: str, query: str = "rpm", milliseconds: object = 300, since: object = None) -> Any:
    said = {} if since is None else {"If-Modified-Since": str(since)}
    headers = {"X-Exosite-CIK": token, "Request-Timeout": str(milliseconds), **said}
    return await AsyncClient().get(f"{ALIAS}?{query}", headers=headers)


async def write(token: str, body: str) -> None:
    sent = AsyncClient().generic("POST", ALIAS, body, headers={"X-Exosite-CIK": token}, content_type="text/plain")
    assert (await sent).status_code == 204


def run(*parts: Callable[[], Any]) -> list[Any]:
    """Begin each a little after the one before; return what they gave."""

    async def all_of_them() -> list[Any]:
        begun = []
        for part in parts:
            begun.append(asyncio.create_task(part()))
            await asyncio.sleep(0.15)
        return await asyncio.gather(*begun)

    return asyncio.run(all_of_them())


def told(answer: Any) -> tuple[int, str]:
    assert answer["Content-Length"] == str(len(answer.content))
    assert not answer.cookies
    return answer.status_code, answer.content.decode()


def test_it_is_answered_once_something_is_written(token: str) -> None:
    run(lambda: write(token, "rpm=1"))
    began = time.monotonic()
    answer, *_ = run(lambda: poll(token, milliseconds=60_000), lambda: write(token, "rpm=2"))
    assert told(answer) == (200, "rpm=2")
    assert time.monotonic() - began < 10
    (at,) = (at for _, at in Latest.objects.get().data.values())
    assert answer["Last-Modified"] == http_date(at // 1000)


def test_it_ends_with_its_time(token: str) -> None:
    run(lambda: write(token, "rpm=1"))
    began = time.monotonic()
    answer, *_ = run(lambda: poll(token, milliseconds=400), lambda: write(token, "load=2"))
    assert told(answer) == (304, "")
    assert 0.4 <= time.monotonic() - began < 10
    assert run(lambda: poll(token, milliseconds=0))[0].status_code == 304


def test_the_same_value_written_again_is_something_new(token: str) -> None:
    run(lambda: write(token, "rpm=1"))
    answer, *_ = run(lambda: poll(token, milliseconds=60_000), lambda: write(token, "rpm=1"))
    assert told(answer) == (200, "rpm=1")


def test_what_nobody_announced_is_found(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "announce", lambda topics: None)
    answer, *_ = run(lambda: poll(token, milliseconds=60_000), lambda: write(token, "rpm=2"))
    assert told(answer) == (200, "rpm=2")


@pytest.mark.parametrize("is_date", [False, True])
def test_it_says_since_when(token: str, is_date: bool) -> None:
    run(lambda: write(token, "rpm=1"))
    (at,) = (at // 1000 for _, at in Latest.objects.get().data.values())

    def say(seconds: int) -> Any:
        return http_date(seconds) if is_date else seconds

    later, known, past = (run(partial(poll, token, since=say(at + by)))[0] for by in (100, 0, -1))
    assert told(later) == told(known) == (304, "")
    assert told(past) == (200, "rpm=1")
    assert run(lambda: poll(token, since=past["Last-Modified"]))[0].status_code == 304


def test_several_names_and_a_zero_that_is_now(token: str) -> None:
    run(lambda: write(token, "rpm=1"))
    began = time.monotonic()
    for _ in range(3):
        assert run(lambda: poll(token, "config_io&rpm", since=0))[0].status_code == 304
    assert time.monotonic() - began >= 0.9
    answer, *_ = run(lambda: poll(token, "load&rpm", 60_000, 0), lambda: write(token, "load=2"))
    assert told(answer) == (200, "load=2&rpm=1")


def test_with_a_zero_nothing_between_two_polls_is_lost_and_nothing_told_twice(token: str) -> None:
    assert run(lambda: poll(token, since=0))[0].status_code == 304
    run(lambda: write(token, "rpm=1"))
    assert told(run(lambda: poll(token, since=0))[0]) == (200, "rpm=1")
    assert run(lambda: poll(token, since=0))[0].status_code == 304
    assert run(lambda: poll(token))[0].status_code == 304


@pytest.mark.parametrize("milliseconds", ["", "x", "-1", "1e3", "9" * 5000])
def test_what_is_no_time_is_none(token: str, milliseconds: str) -> None:
    run(lambda: write(token, "rpm=1"))
    assert told(run(lambda: poll(token, milliseconds=milliseconds))[0]) == (200, "rpm=1")


@pytest.mark.parametrize("since", ["", "x", "-5", "Sun, 99 Nov 1994 08:49:37 GMT", "9" * 5000])
def test_a_moment_that_is_none_is_now(token: str, since: str) -> None:
    run(lambda: write(token, "rpm=1"))
    assert run(lambda: poll(token, since=since))[0].status_code == 304


def test_five_minutes_are_the_longest() -> None:
    assert polling.read_seconds("300001") == polling.read_seconds("999999999999") == 300
    assert polling.read_seconds("1500") == 1.5


def test_who_is_barred_meanwhile_is_let_go(world: World, token: str) -> None:
    lock = sync_to_async(lambda: locks.lock_devices([world.waiting], by=None), thread_sensitive=False)
    answer, *_ = run(lambda: poll(token, milliseconds=60_000), lock)
    assert told(answer) == (401, "")


def test_strangers_do_not_wait(token: str) -> None:
    began = time.monotonic()
    assert run(lambda: poll("0" * 40, milliseconds=60_000))[0].status_code == 401
    assert time.monotonic() - began < 10


def test_of_a_device_the_oldest_ends(token: str, settings: Settings) -> None:
    settings.POLLS_DEVICE = 1
    oldest, newest, _ = run(
        lambda: poll(token, milliseconds=60_000),
        lambda: poll(token, milliseconds=60_000),
        lambda: write(token, "rpm=1"),
    )
    assert (told(oldest), told(newest)) == ((304, ""), (200, "rpm=1"))
    assert polling.polls.count("process") == 0


def test_many_are_answered_at_once_and_leave_nothing(
    token: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "HEARTBEAT", 5.0)
    settings.POLLS_DEVICE = many = 40

    async def all_of_them() -> list[Any]:
        waiting = [asyncio.create_task(poll(token, milliseconds=60_000)) for _ in range(many)]
        while polling.polls.count("process") < many:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        await write(token, "rpm=1")
        return await asyncio.gather(*waiting)

    assert {told(answer) for answer in asyncio.run(all_of_them())} == {(200, "rpm=1")}
    assert polling.polls.count("process") == 0


def test_a_client_that_leaves_leaves_its_place(token: str) -> None:
    async def leave() -> None:
        waiting = asyncio.create_task(poll(token, milliseconds=60_000))
        while not polling.polls.count("process"):
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(leave())
    assert polling.polls.count("process") == 0


def test_a_value_of_another_tenure_is_not_told(world: World, token: str) -> None:
    run(lambda: write(token, "rpm=1"))
    Latest.objects.update(data={"rpm": [1, int((timezone.now() - timedelta(hours=1)).timestamp() * 1000)]})
    past = int((timezone.now() - timedelta(hours=2)).timestamp())
    assert run(lambda: poll(token, since=past))[0].status_code == 200
    device = Device.objects.get(pk=world.waiting.pk)
    assignments.assign(device=device, group=world.anaheim, name="x", model=device.model, by=world.owner)
    assert run(lambda: poll(token, since=past))[0].status_code == 304
