from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.urls import reverse

from devices.lifecycle import assignments
from devices.models import Assignment, Attribute, Device
from telemetry.history import export
from telemetry.history.series import Span
from tenants.models import Membership, User
from tests.telemetry.reports import now, save, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import StreamingHttpResponse
    from django.test import Client

    from tests.conftest import World


def download(client: Client, world: World, **query: str) -> tuple[Any, list[list[str]]]:
    answer = client.get(reverse("telemetry:export", kwargs={"serial": world.placed.serial}), query)

    @async_to_sync
    async def body() -> str:
        return b"".join([chunk async for chunk in cast("StreamingHttpResponse", answer)]).decode("utf-8-sig")

    return answer, list(csv.reader(body().splitlines(keepends=True)))


@pytest.fixture
def viewer(client: Client, world: World) -> Client:
    Assignment.objects.update(opened_at=now() - timedelta(days=60))
    client.force_login(world.viewer)
    return client


def test_header_units_times_and_cells(viewer: Client, world: World) -> None:
    at = datetime.now(UTC).replace(microsecond=7_000) - timedelta(minutes=1)
    save(timed(world.placed, at, rpm=-5, load=0.1, registerButton=True), timed(world.placed, at + timedelta(seconds=1)))
    save(timed(world.placed, at + timedelta(seconds=2), engineState='say "no",\nthen'))
    answer, rows = download(viewer, world)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="{world.placed.serial}.csv"'
    assert rows[0] == ["Time (UTC)", "Engine", "Button", "Engine speed (rpm)", "Load (kW)"]
    assert rows[1] == [at.strftime("%Y-%m-%dT%H:%M:%S.007Z"), "", "On", "-5", "0.1"]
    assert rows[2][1] == 'say "no",\nthen'


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (1800.0, "1800"), (-1800.0, "-1800"), (1_234_500.0, "1234500"), (0.012 * 3, "0.036"), (1e-7, "0.0000001"),
        (-0.0, "0"), (21.5, "21.5"), (2**53, "9007199254740992"), (123456789012345.6, "123456789012346"),
        (1.7976931348623157e308, "1.79769313486232e+308"), (1e-300, "1e-300"), (0, "0"),
    ],
)  # fmt: skip
def test_numbers_are_as_spreadsheets_have_them(viewer: Client, world: World, value: float, cell: str) -> None:
    save(timed(world.placed, now() - timedelta(seconds=5), rpm=value, registerButton=False))
    assert download(viewer, world)[1][1][2:4] == ["Off", cell]


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@A1", "\tx", "\rx", "=cmd|' /C calc'!A0"])
def test_formulas_are_neutralised_in_cells_and_header(viewer: Client, world: World, evil: str) -> None:
    Attribute.objects.filter(name="rpm").update(label=evil)
    save(timed(world.placed, now(), engineState=evil, rpm=-1))
    _, rows = download(viewer, world)
    assert rows[0][3] == f"'{evil} (rpm)"
    assert [rows[1][1], rows[1][3]] == [f"'{evil}", "-1"]


def test_a_place_is_written_as_it_is_and_nothing_else_passes_for_one(viewer: Client, world: World) -> None:
    Attribute.objects.create(version=world.version, name="position", label="Position", type="gps", position=9)
    begun = now() - timedelta(minutes=5)
    for n, value in enumerate(("-33.5,151.25", "-33.5,151.25+1", "=1,1")):
        save(timed(world.placed, begun + timedelta(seconds=n), position=value, engineState="-33.5,151.25"))
    _, rows = download(viewer, world)
    assert [row[-1] for row in rows[1:]] == ["-33.5,151.25", "'-33.5,151.25+1", "'=1,1"]
    assert rows[1][1] == "'-33.5,151.25"


def test_streams_all_of_the_range_in_order(viewer: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "CHUNK", 7)
    begun = now() - timedelta(hours=2)
    save(*[timed(world.placed, begun + timedelta(seconds=300 * n), rpm=n) for n in range(24)])
    _, rows = download(viewer, world, range="6h")
    assert [row[3] for row in rows[1:]] == [str(n) for n in range(24)]
    _, rows = download(viewer, world, range="1h")
    assert [row[3] for row in rows[1:]] == [str(n) for n in range(13, 24)]


def test_a_new_tenant_gets_nothing_from_before(viewer: Client, world: World) -> None:
    save(timed(world.placed, now(), rpm=1), timed(world.placed, now() + timedelta(hours=3), rpm=1))
    assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)
    after = now() + timedelta(seconds=1)
    save(timed(world.placed, after, rpm=2))
    viewer.force_login(world.sibling)
    week = timedelta(days=7)
    _, rows = download(viewer, world, **{"from": (after - week).isoformat(), "to": (after + week).isoformat()})
    assert [row[3] for row in rows[1:]] == ["2"]


def test_bad_input_is_named(viewer: Client, world: World) -> None:
    answer = viewer.get(reverse("telemetry:export", kwargs={"serial": world.placed.serial}), {"range": "2h"})
    assert answer.status_code == 400
    assert "“range” as one of 1h" in answer.content.decode()


def stream(user: User, device: Device, change: Callable[[], object] | None = None) -> list[list[object]]:
    """The values of each chunk, where something changes after the first one."""
    span = Span(now() - timedelta(days=1), now() + timedelta(days=1))

    async def read() -> list[list[object]]:
        chunks: list[list[object]] = []
        try:
            async for rows in export.read_chunks(device, user, span):
                chunks.append([data["rpm"] for _, data in rows])
                if change and len(chunks) == 1:
                    await sync_to_async(change)()
        except export.Left:
            chunks.append([])
        return chunks

    return async_to_sync(read)()


@pytest.fixture
def reported(world: World, monkeypatch: pytest.MonkeyPatch) -> Device:
    """Five reports, two at a time."""
    Assignment.objects.update(opened_at=now() - timedelta(days=60))
    at = now() - timedelta(minutes=1)
    save(*[timed(world.placed, at + timedelta(seconds=n), rpm=n) for n in range(5)])
    monkeypatch.setattr(export, "CHUNK", 2)
    return Device.objects.get(pk=world.placed.pk)


def test_a_file_is_read_some_rows_at_a_time(world: World, reported: Device) -> None:
    assert stream(world.viewer, reported) == [[0, 1], [2, 3], [4]]


LOSSES: dict[str, Callable[[World], object]] = {
    "the role": lambda world: Membership.objects.filter(user=world.viewer).delete(),
    "the account": lambda world: User.objects.filter(pk=world.viewer.pk).update(is_active=False),
    "the device": lambda world: assignments.release(device=Device.objects.get(pk=world.placed.pk), by=world.owner),
    "the device, which came back": lambda world: assignments.assign(
        device=Device.objects.select_related("organisation", "version").get(pk=world.placed.pk),
        group=world.anaheim,
        name="Again",
        model=None,
        by=world.owner,
    ),
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_it_ends_with_the_right_to_see_the_device(
    world: World, reported: Device, lose: Callable[[World], object]
) -> None:
    assert stream(world.viewer, reported, lambda: lose(world)) == [[0, 1], []]


def test_whoever_never_saw_the_device_gets_nothing(world: World, reported: Device) -> None:
    assert stream(world.sibling, reported) == [[]]


def test_of_long_texts_fewer_are_read_at_a_time(
    world: World, reported: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CHUNK", 100)
    monkeypatch.setattr(export, "BYTES", 1_000)
    at = now()
    for number in (5, 6):
        save(timed(world.placed, at + timedelta(seconds=number), rpm=number, engineState="x" * 1_001))
    assert stream(world.viewer, reported) == [[0, 1, 2, 3, 4, 5], [6]]


def test_times_stand_beside_those_of_the_readers_clock(viewer: Client, world: World) -> None:
    User.objects.filter(pk=world.viewer.pk).update(time_zone="America/Denver")
    at = datetime.now(UTC).replace(microsecond=7_000) - timedelta(minutes=1)
    save(timed(world.placed, at, rpm=1))
    _, rows = download(viewer, world)
    assert rows[0][:2] == ["Time (UTC)", "Time (America/Denver)"]
    local = at.astimezone(ZoneInfo("America/Denver"))
    assert rows[1][:2] == [f"{at:%Y-%m-%dT%H:%M:%S}.007Z", f"{local:%Y-%m-%d %H:%M:%S}.007"]
