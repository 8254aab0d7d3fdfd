"""A new row, unless one with such a key is there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from devices.identity import serials
from devices.models import Credential, Device, Event
from lib.db import copy, rows

if TYPE_CHECKING:
    from tests.conftest import World


def build(world: World, serial: str, **fields: Any) -> Device:
    own = {"organisation": world.kanarra, "version": world.version, "name": "Pump", "tags": {"hall": "5"}}
    return Device(serial=serial, serial_key=serials.fold(serial), **own, **fields)


def test_the_row_is_stored_as_saving_would_with_what_the_database_fills_in(world: World) -> None:
    device = build(world, "TANK1", expires_at=Now() + timedelta(hours=2))
    assert rows.insert(device)
    stored = Device.objects.get(pk=device.pk)
    assert (stored.name, stored.tags, stored.serial) == ("Pump", {"hall": "5"}, "TANK1")
    assert device.registered_at == stored.registered_at
    assert stored.expires_at is not None
    assert stored.expires_at - stored.registered_at == pytest.approx(timedelta(hours=2), abs=timedelta(seconds=5))
    device.name = "Well"
    device.save(update_fields=["name"])
    assert Device.objects.get(pk=device.pk).name == "Well"


def test_who_is_there_stays_and_the_transaction_goes_on(world: World) -> None:
    with transaction.atomic():
        assert not rows.insert(build(world, world.placed.serial))
        assert rows.insert(build(world, "TANK1"))
    assert Device.objects.filter(serial__in=["TANK1", world.placed.serial]).count() == 2


def test_a_rule_that_is_no_key_is_still_one(world: World) -> None:
    device = build(world, "TANK1", group=world.anaheim)  # without an assignment
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert(device)


@pytest.mark.parametrize("number", [0, 1, copy.FEW - 1, copy.FEW, copy.FEW + 3])
def test_few_rows_are_written_as_many_are(world: World, number: int) -> None:
    columns = ["organisation_id", "device_id", "kind", "data"]
    before = Event.objects.count()
    told = ((world.kanarra.pk, world.placed.pk, "activated", f'{{"n": {at}}}') for at in range(number))
    with transaction.atomic():
        copy.write(Event, columns, told)
    found = Event.objects.order_by("pk").values_list("data", flat=True)[before:]
    assert list(found) == [{"n": at} for at in range(number)]
    digest = bytes(range(32))
    with transaction.atomic():
        copy.write(
            Credential,
            ["device_id", "kind", "access_key", "secret_hash"],
            [(world.placed.pk, "access-key", "a", digest)],
        )
    assert bytes(Credential.objects.get(access_key="a").secret_hash) == digest
