"""The rows that tests begin with are as the site makes them, although it made them once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from devices.models import Device
from tenants.models import Group, Membership, Organisation, User
from tests import builders
from tests.conftest import World, make_world
from tests.snapshot import Snapshot, rows


def without_moments(table: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple("moment" if isinstance(value, datetime) else value for value in row) for row in table]


def without_keys(table: str, added: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Leave out the keys of counts, which triggers make whenever rows are written."""
    return [row[:-1] for row in added] if table == "devices_groupdevicecount" else added


def test_what_is_written_is_what_was_made(db: None) -> None:
    kept, before = Snapshot(make_world), rows()
    kept.write()
    now = {table: [row for row in now if row not in before[table][1]] for table, (_, now) in rows().items()}
    written, made = (
        {table: without_moments(without_keys(table, added)) for table, added in lines.items() if added}
        for lines in (now, {table: added for table, (_, added) in kept.rows.items()})
    )
    assert written == made
    connection.check_constraints()


def test_it_is_as_if_it_were_made_now(world: World) -> None:
    now = timezone.now()
    made = [
        *Device.objects.values_list("registered_at", flat=True),
        *User.objects.values_list("created_at", flat=True),
    ]
    assert all(timedelta() <= now - moment < timedelta(seconds=20) for moment in made)
    assert world.placed.registered_at == Device.objects.get(pk=world.placed.pk).registered_at
    assert not Device.objects.filter(registered_at__gt=Now()).exists()


def test_the_cast_is_in_the_database(world: World) -> None:
    for each in vars(world).values():
        assert type(each).objects.get(pk=each.pk) == each
    assert world.placed.group_id == world.anaheim.pk


def test_more_can_be_made(world: World) -> None:
    """Keys go on after those that were written."""
    group = builders.make_group(world.kanarra.root, "More")
    builders.make_device(world.version, group=group, by=world.owner)
    assert Group.objects.count() == len({*Group.objects.values_list("path", flat=True)}) == 9
    assert Organisation.objects.count() == 2
    assert Membership.objects.count() == 6
