"""Bytes handed over in parts: none is lost, whatever the pieces they came in and from wherever they are read."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now

from devices.jobs import files
from devices.models import File, Part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

DAY = timedelta(days=1)
CONTENT = bytes(range(26)) * 2  # of six parts and a half


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PART", 8)


def store(world: World, chunks: Iterable[bytes], name: str = "list.csv", keep: timedelta = DAY) -> File:
    return files.store_file(organisation=world.kanarra, name=name, content_type="text/csv", chunks=chunks, keep=keep)


@pytest.mark.parametrize("size", [1, 3, 8, 9, 52, 100])
def test_the_pieces_it_came_in_do_not_matter(world: World, size: int) -> None:
    stored = store(world, (CONTENT[at : at + size] for at in range(0, len(CONTENT), size)))
    assert stored.size == 52
    assert [len(part) for part in files.read_chunks(stored)] == [8, 8, 8, 8, 8, 8, 4]
    assert b"".join(files.read_chunks(stored)) == CONTENT
    assert files.open_file(stored).read() == CONTENT
    assert list(Part.objects.filter(file=stored).values_list("number", flat=True)) == list(range(7))


@pytest.mark.parametrize("chunks", [[], [b""], [b"", b""]], ids=str)
def test_nothing_is_a_file_too(world: World, chunks: list[bytes]) -> None:
    stored = store(world, chunks)
    assert (stored.size, list(files.read_chunks(stored))) == (0, [])
    assert files.open_file(stored).read() == files.open_raw(stored).read() == b""


def test_a_file_keeps_the_end_of_a_long_name_and_its_type(world: World) -> None:
    stored = store(world, [b"x"], "a" * 300 + ".csv")
    assert (len(stored.name), stored.name[-5:], stored.content_type) == (200, "a.csv", "text/csv")


def test_lines_are_read_across_parts(world: World) -> None:
    stored = store(world, [b"Serial,Name\nGW-1,Pump\n", b"\nGW-2,", b"Other"])
    assert list(files.open_file(stored)) == [b"Serial,Name\n", b"GW-1,Pump\n", b"\n", b"GW-2,Other"]


def test_it_is_read_from_any_place(world: World) -> None:
    raw = files.open_raw(store(world, [CONTENT]))
    assert raw.readable()
    assert raw.seekable()
    assert (raw.seek(-4, io.SEEK_END), raw.read(10)) == (48, CONTENT[48:])
    assert (raw.seek(5), raw.read(8), raw.tell()) == (5, CONTENT[5:8], 8)  # to the part's end
    assert (raw.seek(-3, io.SEEK_CUR), raw.read(2)) == (5, CONTENT[5:7])
    assert (raw.seek(-99, io.SEEK_CUR), raw.seek(0, io.SEEK_END), raw.read(1)) == (0, 52, b"")
    assert (raw.seek(1000), raw.read(1)) == (1000, b"")
    buffered = io.BufferedReader(raw, 16)  # as a reader of workbooks has it
    buffered.seek(3)
    assert buffered.read(30) == CONTENT[3:33]


def test_two_places_in_turn_are_read_once_each(world: World, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    raw = files.open_raw(store(world, [CONTENT]))
    with django_assert_num_queries(2):
        for _ in range(5):
            for place in (0, 40):
                raw.seek(place)
                assert raw.read(4) == CONTENT[place : place + 4]
    for place in range(0, 48, 8):  # more parts than are kept
        raw.seek(place)
        raw.read(1)
    with django_assert_num_queries(1):
        raw.seek(0)
        raw.read(1)


def test_a_failure_on_the_way_leaves_no_half_of_a_file(world: World) -> None:
    def broken() -> Iterable[bytes]:
        yield CONTENT
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        store(world, broken())
    assert not File.objects.exists()
    assert not Part.objects.exists()


def test_a_file_goes_when_its_time_is_over(world: World) -> None:
    kept, old = store(world, [CONTENT]), store(world, [CONTENT, CONTENT])
    assert files.clear_expired() == 0
    File.objects.filter(pk=old.pk).update(expires_at=Now() - timedelta(seconds=1))
    assert files.clear_expired() == 1
    assert files.clear_expired() == 0
    assert File.objects.get() == kept
    assert Part.objects.count() == 7
