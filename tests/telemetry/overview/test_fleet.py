"""What a look at a large group reads: as much as it looks at, wherever the devices are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import Assignment, Attention, Connection, Device
from telemetry.models import Latest
from telemetry.overview import look, reading
from tenants.models import Group
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenants.models import User
    from tests.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

DEVICES, LOOKED_AT = 3_000, 30  # as 1,000 are of 100,000
READ = 30 * LOOKED_AT
"""Rows, at most, that one step of a plan reads of devices, connections, values, or what needs attention."""
GREAT = {"devices_device", "devices_connection", "telemetry_latest", "devices_attention"}


@pytest.fixture
def fleet(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Thousands in Anaheim, each heard, silent and with values; and a ward with a few."""
    monkeypatch.setattr(look, "MOST", LOOKED_AT)
    monkeypatch.setattr(reading, "READ", LOOKED_AT)
    fill(world, world.anaheim, DEVICES)
    fill(world, builders.make_group(world.region, "Ward"), 20)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return world


def fill(world: World, group: Group, number: int) -> None:
    start = Device.objects.count()
    made = Device.objects.bulk_create(
        Device(
            organisation=world.kanarra,
            version=world.version,
            serial=f"F{index:07}",
            serial_key=f"F{index:07}",
            device_id=f"{index:024x}",
            name=f"Unit {index}",
        )
        for index in range(start, start + number)
    )
    opened = Assignment.objects.bulk_create(Assignment(device=device, group=group) for device in made)
    for device, assignment in zip(made, opened, strict=True):
        device.group, device.assignment = group, assignment
    Device.objects.bulk_update(made, ["group", "assignment"], batch_size=1000)
    at = timezone.now()
    Connection.objects.bulk_create(Connection(device=device, last_seen_at=at) for device in made)
    Latest.objects.bulk_create(
        Latest(device=device, assignment=device.assignment, data={"rpm": [device.pk, 0]}) for device in made
    )
    Attention.objects.bulk_create(
        Attention(organisation=world.kanarra, device=device, assignment=device.assignment, cause="silent")
        for device in made
    )


def walk(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from walk(below)


def measure(user: User, group: Group) -> list[tuple[float, int, str]]:
    """Of each query of a page its milliseconds, and the most rows that one of its steps read, and where."""
    with CaptureQueriesContext(
        connection,
    ) as asked:
        reading.build_overview(user, group)
    found = []
    for query in asked.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
            ((explained,),) = cursor.fetchall()
        (told,) = explained if isinstance(explained, list) else json.loads(explained)
        rows = [
            ((step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * step["Actual Loops"], query["sql"])
            for step in walk(told["Plan"])
            if step.get("Relation Name") in GREAT
        ]
        most, sql = max(rows, default=(0, query["sql"]))
        found.append((told["Execution Time"], most, sql))
    return found


def test_no_step_reads_the_fleet(fleet: World) -> None:
    for group in (fleet.anaheim, fleet.sadler, Group.objects.get(name="Ward")):
        for user in (fleet.owner, fleet.admin, fleet.technician):
            found = measure(user, group)
            assert [(most, sql) for _, most, sql in found if most > READ] == [], (group, user)
