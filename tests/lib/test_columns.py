"""Many values are one parameter, and mean the same to the database as each by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from devices.models import Device, Event
from lib import columns

if TYPE_CHECKING:
    from tests.conftest import World

TEXTS = ["plain", 'say "x"', "back\\slash", "a,b", "{a}", "[a]", "NULL", " a ", "", "'; DROP"]


def read_back(parameter: str, kind: str) -> list[object]:
    """Return the values that the database sees in it."""
    unnested = f"SELECT * FROM unnest(%s::{kind}[])"
    question = unnested if connection.vendor == "postgresql" else "SELECT value FROM json_each(%s)"
    with connection.cursor() as cursor:
        cursor.execute(question, [parameter])
        return [value for (value,) in cursor.fetchall()]


@pytest.mark.django_db
def test_the_database_reads_the_values_that_were_written() -> None:
    assert read_back(columns.encode_texts(TEXTS), "text") == TEXTS
    numbers = [1, None, -7, 2**63 - 1, 0]
    assert read_back(columns.encode_numbers(numbers), "bigint") == numbers
    assert read_back(columns.encode_flags([True, False, True]), "boolean") == [1, 0, 1]
    assert read_back(columns.encode_texts([]), "text") == []


def test_one_of_many_texts_and_numbers(world: World) -> None:
    serials = [world.placed.serial, world.alien.serial, 'no"body']
    found = Device.objects.filter(serial__one_of=columns.encode_texts(serials))
    assert {device.pk for device in found} == {world.placed.pk, world.alien.pk}
    assert not Device.objects.filter(serial__one_of=columns.encode_texts([])).exists()
    own = columns.encode_numbers([world.kanarra.pk, None, 2**40])
    assert {device.pk for device in Device.objects.filter(organisation__one_of=own)} == {
        world.waiting.pk,
        world.placed.pk,
        world.foreign.pk,
    }
    assert {event.organisation_id for event in Event.objects.filter(organisation__one_of=own)} == {world.kanarra.pk}


@pytest.mark.parametrize(
    ("at", "microseconds"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(2026, 11, 30, 8, 15, 0, 1, tzinfo=UTC), 1_796_026_500_000_001),
        (datetime(2026, 11, 30, 9, 15, 0, 1, tzinfo=timezone(timedelta(hours=1))), 1_796_026_500_000_001),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 253_402_300_799_999_999),
    ],
)
def test_a_time_is_exact_in_a_number(at: datetime, microseconds: int) -> None:
    assert columns.count_microseconds(at) == microseconds
    assert columns.make_time(microseconds) == at
