"""Statements about many rows."""

from __future__ import annotations

import pytest

from devices.models import BulkAction, Device, Touched
from lib.db import bulk_sql
from tests.builders import make_device, make_organisation, make_recipe

pytestmark = pytest.mark.django_db

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
