"""Statements about many rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db.models import F

from devices.models import BulkAction, Device, Event, Touched
from lib.db import bulk_sql
from tests.builders import make_device, make_organisation, make_recipe

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

pytestmark = pytest.mark.django_db

EACH = {"organisation_id": "organisation_id", "device_id": "pk", "group_id": "group_id"}
COLUMNS = {"device_id": "bigint", "verdict": "text", "before": "jsonb", "after": "jsonb"}


def make_touched() -> tuple[list[Device], list[BulkAction]]:
    """Three devices in each of two actions."""
    organisation = make_organisation("Kanarra")
    version = make_recipe(organisation)
    devices = [make_device(version) for _ in range(3)]
    actions = [BulkAction.objects.create(organisation=organisation, kind="tag") for _ in range(2)]
    Touched.objects.bulk_create(Touched(action=action, device=device) for action in actions for device in devices)
    return devices, actions


def test_each_row_gets_its_own_values_and_others_stay() -> None:
    (first, second, third), (action, other) = make_touched()
    odd = {"na'me": 'a "b" \\ %s {é} 😀\n', "n": 2**53 + 1, "none": None, "list": [1, {"a": []}]}
    rows = [(first.pk, "change", odd, {}), (second.pk, "since", {}, {"tags": {"1": ""}})]
    bulk_sql.update_each(Touched, rows, columns=COLUMNS, key="device_id", same={"action_id": action.pk})
    told = {touched.device_id: touched for touched in Touched.objects.filter(action=action)}
    assert (told[first.pk].verdict, told[first.pk].before, told[first.pk].after) == ("change", odd, {})
    assert (told[second.pk].verdict, told[second.pk].before, told[second.pk].after) == ("since", {}, rows[1][3])
    assert (told[third.pk].verdict, told[third.pk].before) == ("", {})
    assert set(Touched.objects.filter(action=other).values_list("verdict", flat=True)) == {""}


def test_among_takes_any_number_of_keys() -> None:
    devices, _ = make_touched()
    keys = [device.pk for device in devices]
    assert set(Device.objects.filter(pk__among=keys[:2]).values_list("pk", flat=True)) == set(keys[:2])
    assert set(Device.objects.filter(pk__among=set(keys)).values_list("pk", flat=True)) == set(keys)
    assert not Device.objects.filter(pk__among=[]).exists()


def own(world: World) -> list[Device]:
    return [world.waiting, world.placed, world.foreign]


def test_each_row_makes_one_in_one_statement(world: World, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    rows = Device.objects.filter(organisation=world.kanarra).order_by("name")
    with django_assert_num_queries(1):
        made = bulk_sql.insert(
            Event,
            rows,
            each=EACH,
            same={"kind": "locked", "by_id": world.owner.pk, "data": '{"why": "100%"}'},
            returning=("id", "device_id"),
        )
    assert {device for _, device in made} == {device.pk for device in own(world)}
    events = Event.objects.filter(pk__in=[pk for pk, _ in made])
    assert {(event.device_id, event.group_id) for event in events} == {(each.pk, each.group_id) for each in own(world)}
    assert {(event.kind, event.by_id, event.data["why"]) for event in events} == {("locked", world.owner.pk, "100%")}


def test_of_no_rows_none_are_made(world: World) -> None:
    before = Event.objects.count()
    for rows in (Device.objects.none(), Device.objects.filter(serial="nobody")):
        assert bulk_sql.insert(Event, rows, each=EACH, same={"kind": "locked", "data": "{}"}, returning=("id",)) == []
    assert bulk_sql.insert(Event, Device.objects.all(), each=EACH, same={"kind": "locked", "data": "{}"}) == []
    assert Event.objects.count() == before + 4


def test_who_was_updated_is_told_in_order(world: World) -> None:
    rows = Device.objects.filter(organisation=world.kanarra).order_by("-name")
    assert bulk_sql.update(rows, name="Pump", serial_key=F("serial_key")) == sorted(each.pk for each in own(world))
    assert {*Device.objects.filter(name="Pump").values_list("pk", flat=True)} == {each.pk for each in own(world)}
    assert bulk_sql.update(rows.filter(name="Well"), name="Pump") == []
    assert bulk_sql.update(Device.objects.none(), name="Pump") == []
    assert bulk_sql.update(rows.filter(pk__in=[]), name="Pump") == []


def test_among_is_of_foreign_keys_too_and_leaves_none_out(world: World) -> None:
    found = Device.objects.filter(group__among=[world.anaheim.pk, None, world.boise.pk])
    assert {device.pk for device in found} == {world.placed.pk, world.foreign.pk}
    assert not Device.objects.filter(group__among=iter(())).exists()
