"""Keys that are taken before their rows are nobody else's, and the rows come in at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from django.db.models import Max

from devices.models import Device, DeviceModel, Event
from lib.db import clock, copy

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World


@pytest.mark.parametrize("number", [1, 3, 40])
def test_keys_are_one_after_another_and_new(world: World, number: int) -> None:
    before = DeviceModel.objects.aggregate(most=Max("pk"))["most"]
    with transaction.atomic():
        keys = list(copy.take_keys(DeviceModel, number))
        rows = [(pk, world.kanarra.pk, f"Model {pk}") for pk in keys]
        copy.write(DeviceModel, ["id", "organisation_id", "name"], rows)
    assert keys == sorted(set(keys))
    assert (len(keys), keys[0] > before) == (number, True)
    assert {*DeviceModel.objects.filter(name__startswith="Model ").values_list("pk", flat=True)} == {*keys}
    made = DeviceModel.objects.create(organisation=world.kanarra, name="Later")
    assert made.pk > keys[-1]


@pytest.mark.django_db
def test_nothing_asks_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert list(copy.take_keys(Device, 0)) == []
        copy.write(Device, ["id"], iter(()))


def test_what_fails_in_the_midst_writes_none(world: World) -> None:
    before = Event.objects.count()

    def rows() -> object:
        for _ in range(9):
            yield (world.kanarra.pk, world.placed.pk, "activated", "{}")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"), transaction.atomic():
        copy.write(Event, ["organisation_id", "device_id", "kind", "data"], rows())  # type: ignore[arg-type]
    assert Event.objects.count() == before


@pytest.mark.parametrize("text", ["tab\there", "line\nfeed", "back\\slash", "\\N", 'quote"', "ü 😀", "a,b", "%s"])
@pytest.mark.parametrize("number", [1, copy.FEW])
def test_any_text_arrives_as_it_is(world: World, number: int, text: str) -> None:
    rows = [(world.kanarra.pk, f"{text}{at}") for at in range(number)]
    with transaction.atomic():
        copy.write(DeviceModel, ["organisation_id", "name"], rows)
    assert {name for _, name in rows} <= {*DeviceModel.objects.values_list("name", flat=True)}


@pytest.mark.django_db
def test_the_planner_is_told_and_references_are_checked_in_the_transaction(world: World) -> None:
    with transaction.atomic():
        copy.count_anew(Device, Event)
        copy.check_references()
    assert Device.objects.count() == 4


@pytest.mark.django_db
def test_the_databases_clock_has_its_zone_and_goes_on() -> None:
    first, second = clock.read_now(), clock.read_now()
    assert first.utcoffset() is not None
    assert first <= second
