"""A device's reports as Parquet, by page and by token, as DuckDB reads them."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient

from devices.models import Assignment, Attribute
from telemetry.history import export, parquet_export
from telemetry.models import Report
from tenants.people import operations as people
from tests.telemetry.reports import ms, now, save, timed

if TYPE_CHECKING:
    from pathlib import Path

    from django.http import StreamingHttpResponse
    from django.test import Client

    from tests.conftest import World


@pytest.fixture
def viewer(client: Client, world: World) -> Client:
    Assignment.objects.update(opened_at=now() - timedelta(days=60))
    client.force_login(world.viewer)
    return client


def body(answer: Any) -> bytes:
    @async_to_sync
    async def collect() -> bytes:
        return b"".join([part async for part in cast("StreamingHttpResponse", answer)])

    return collect()


def read(content: bytes, folder: Path) -> list[dict[str, Any]]:
    path = folder / "file.parquet"
    path.write_bytes(content)
    asked = duckdb.connect().execute(
        "SELECT * REPLACE (epoch_ms(time) AS time) FROM read_parquet($p)", {"p": str(path)}
    )
    names = [column[0] for column in asked.description]
    return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]


def page(world: World, **query: str) -> tuple[str, dict[str, str]]:
    return f"/devices/{world.placed.serial}/export.parquet", query


def test_columns_have_the_recipes_types(viewer: Client, world: World, tmp_path: Path) -> None:
    at = now() - timedelta(minutes=1)
    save(timed(world.placed, at, rpm=-5, load=0.1, registerButton=True, engineState="=1+1"))
    save(timed(world.placed, at + timedelta(seconds=1), rpm=1.7976931348623157e308))
    answer = viewer.get(*page(world))
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    assert answer["Content-Disposition"] == f'attachment; filename="{world.placed.serial}.parquet"'
    first, second = read(body(answer), tmp_path)
    none = {"engineState": None, "registerButton": None, "load": None, "other_values": None}
    assert first == {
        "time": ms(at), "engineState": "=1+1", "registerButton": True, "rpm": -5.0, "load": 0.1, "other_values": None,
    }  # fmt: skip
    assert second == {**none, "time": ms(at) + 1000, "rpm": 1.7976931348623157e308}


def test_what_fits_no_column_is_there_all_the_same(viewer: Client, world: World, tmp_path: Path) -> None:
    """A recipe's next version may have another type, or an attribute no more."""
    save(timed(world.placed, now() - timedelta(seconds=9), rpm=1, registerButton=True, engineState="on"))
    Report.objects.update(data={"rpm": "fast", "registerButton": 1, "engineState": True, "gone": [1], "load": 2})
    [row] = read(body(viewer.get(*page(world))), tmp_path)
    assert json.loads(row.pop("other_values")) == {"rpm": "fast", "registerButton": 1, "engineState": True, "gone": [1]}
    assert {name for name, value in row.items() if value is not None} == {"time", "load"}


def test_an_attribute_may_be_called_as_our_columns_are(viewer: Client, world: World, tmp_path: Path) -> None:
    Attribute.objects.filter(name="rpm").update(name="Time")
    save(timed(world.placed, now() - timedelta(seconds=9), Time=3))
    path = tmp_path / "file.parquet"
    path.write_bytes(body(viewer.get(*page(world))))
    [row] = (
        duckdb.connect().execute("SELECT Time, epoch_ms(time_) > 0 FROM read_parquet($p)", {"p": str(path)}).fetchall()
    )
    assert row == (3.0, True)


def test_many_row_groups_hold_all_in_order(
    viewer: Client, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CHUNK", 7)
    monkeypatch.setattr(parquet_export, "CELLS", 60)
    begun = now() - timedelta(minutes=50)
    save(*[timed(world.placed, begun + timedelta(seconds=n), rpm=n) for n in range(50)])
    content = body(viewer.get(*page(world)))
    assert [row["rpm"] for row in read(content, tmp_path)] == list(range(50))
    groups = "SELECT count(DISTINCT row_group_id) FROM parquet_metadata($p)"
    assert duckdb.connect().execute(groups, {"p": str(tmp_path / "file.parquet")}).fetchall() == [(4,)]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_long_texts_make_chunks_of_fewer_rows(
    viewer: Client, world: World, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = now() - timedelta(minutes=50)
    save(*[timed(world.placed, begun + timedelta(seconds=n), engineState="x" * 1000) for n in range(20)])
    sizes: list[int] = []
    chunk = export._read_chunk

    def watch(*args: Any) -> list[Any]:
        rows = chunk(*args)
        sizes.append(len(rows))
        return rows

    monkeypatch.setattr(export, "_read_chunk", watch)
    monkeypatch.setattr(export, "BYTES", 5_500)
    body(viewer.get(f"/devices/{world.placed.serial}/export.{form}"))
    assert sizes == [6, 6, 6, 2, 0]


def test_everything_is_since_it_is_in_its_group_and_from_ahead_of_the_clock(
    viewer: Client, world: World, tmp_path: Path
) -> None:
    save(timed(world.placed, now() - timedelta(days=20), rpm=1), timed(world.placed, now() + timedelta(hours=5), rpm=2))
    assert [row["rpm"] for row in read(body(viewer.get(*page(world, range="all"))), tmp_path)] == [1, 2]
    assert [row["rpm"] for row in read(body(viewer.get(*page(world, range="30d"))), tmp_path)] == [1]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_by_token_the_same(client: Client, world: World, form: str) -> None:
    save(timed(world.placed, now() - timedelta(minutes=1), rpm=1500))
    client.force_login(world.viewer)
    shown = body(client.get(f"/devices/{world.placed.serial}/export.{form}")).removeprefix(b"\xef\xbb\xbf")
    assert body(client.get(f"/api/v1/devices/{world.placed.serial}/reports.{form}")) == shown
    refused = client.get(f"/api/v1/devices/{world.placed.serial}/reports.{form}", {"range": "2h"})
    assert (refused.status_code, refused.json()["code"]) == (400, "range-unknown")


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_cut_off_is_none(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(export, "CHUNK", 1)
    monkeypatch.setattr(parquet_export, "CELLS", 1)
    begun = now() - timedelta(minutes=50)
    Assignment.objects.update(opened_at=begun)
    save(*[timed(world.placed, begun + timedelta(seconds=n), rpm=n) for n in range(3)])

    async def take() -> bytes:
        client = AsyncClient()
        await client.aforce_login(world.viewer)
        answer: Any = await client.get(f"/devices/{world.placed.serial}/export.parquet?from={ms(begun)}")
        parts: Any = aiter(answer.streaming_content)
        taken = await anext(parts) + await anext(parts)
        await sync_to_async(people.remove)(membership=await world.viewer.memberships.aget(), by=world.viewer)
        return bytes(taken + b"".join([part async for part in parts]))

    content = asyncio.run(take())
    assert len(content) > 100
    with pytest.raises(duckdb.Error):
        read(content, tmp_path)
