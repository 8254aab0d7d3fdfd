"""Files that are made while they are sent have a name, and for people the mark by which spreadsheets know UTF-8."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connection

from lib import streaming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def lines() -> AsyncIterator[str]:
    yield '"a"\r\n'
    yield '"ü"\r\n'


async def read(answer: Any) -> bytes:
    return b"".join([part async for part in answer])


def test_for_people_csv_begins_with_the_mark_and_for_programs_not() -> None:
    plain = '"a"\r\n"ü"\r\n'.encode()
    rows = ['"a"\r\n', '"ü"\r\n']
    marked = streaming.make_csv_response(iter(rows), "a.csv")
    bare = streaming.make_csv_response(iter(rows), "a.csv", for_programs=True)
    assert marked.getvalue() == b"\xef\xbb\xbf" + plain
    assert bare.getvalue() == plain
    assert asyncio.run(read(streaming.make_csv_response(lines(), "a.csv"))) == b"\xef\xbb\xbf" + plain
    assert asyncio.run(read(streaming.make_csv_response(lines(), "a.csv", for_programs=True))) == plain
    assert marked["Content-Type"] == bare["Content-Type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("devices.csv", 'attachment; filename="devices.csv"'),
        ('say "x".csv', 'attachment; filename="say \\"x\\".csv"'),
        ("Pümpe.csv", "attachment; filename*=utf-8''P%C3%BCmpe.csv"),
        ("", "attachment"),
    ],
)
def test_a_file_is_saved_under_its_name(name: str, header: str) -> None:
    answer = streaming.make_file_response([b"x"], name, "application/zip")
    assert (answer["Content-Disposition"], answer["Content-Type"]) == (header, "application/zip")


def test_a_step_leaves_its_threads_connection_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(streaming, "give_back_connection", lambda: given.append("back"))

    def join(one: str, *, two: str) -> str:
        return one + two

    def fail() -> None:
        raise ValueError("not made")

    async def scene() -> str:
        async with ThreadSensitiveContext():
            made = await streaming.run_step(join, "a", two="b")
            with pytest.raises(ValueError, match="not made"):
                await streaming.run_step(fail)
            return made

    assert asyncio.run(scene()) == "ab"
    assert given == ["back", "back"]


def test_a_thread_that_was_let_go_is_made_anew_when_it_is_needed() -> None:
    async def scene() -> tuple[int, int]:
        async with ThreadSensitiveContext():
            await sync_to_async(lambda: None)()
            before = len(SyncToAsync.context_to_thread_executor)
            streaming.let_thread_go()
            streaming.let_thread_go()
            gone = before - len(SyncToAsync.context_to_thread_executor)
            return gone, await sync_to_async(lambda: 7)()

    assert asyncio.run(scene()) == (1, 7)
    streaming.let_thread_go()  # outside of any request


@pytest.mark.django_db
def test_in_the_midst_of_a_transaction_the_connection_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "close_at", 0)
    streaming.give_back_connection()
    assert connection.connection is not None
