"""In which words somebody is told, and which page they are led to: of what they see when it is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from devices.attention import operations as attention
from devices.attention.operations import Finding
from devices.lifecycle import assignments
from devices.models import Attention, Device
from telemetry.attention import wording
from tests import builders
from tests.telemetry.attention.saying import watch_rpm

if TYPE_CHECKING:
    from tenants.models import Group
    from tests.conftest import World

SILENT, RANGE, FAULT = Attention.Cause.SILENT, Attention.Cause.RANGE, Attention.Cause.FAULT


@pytest.fixture(autouse=True)
def _watched(world: World) -> None:
    watch_rpm(world)


def begin(*devices: Device, cause: Attention.Cause = SILENT) -> None:
    attention.begin(
        [Finding(device, cause) if cause == SILENT else Finding(device, cause, "rpm", 2100) for device in devices]
    )


def add(world: World, *names: str, group: Group | None = None) -> list[Device]:
    place = group or world.anaheim
    return [builders.make_device(world.version, group=place, by=world.owner, name=name) for name in names]


def find(world: World, who: str = "viewer") -> wording.Told:
    told = wording.find_told(getattr(world, who), list(Attention.objects.values_list("pk", flat=True)))
    assert told is not None
    return told


def test_one_device_is_named_and_leads_to_its_page(world: World) -> None:
    begin(world.placed)
    begin(world.placed, cause=RANGE)
    told = find(world)
    assert (told.subject, told.path) == ("Anaheim One needs attention", world.placed.get_absolute_url())
    assert [row.cause for row in told.rows] == [SILENT, RANGE]
    assert told.dark == []


def test_several_are_counted_and_lead_to_the_list(world: World) -> None:
    (second,) = add(world, "Zulu")
    begin(world.placed, cause=RANGE)
    begin(second)
    assert (find(world).subject, find(world).path) == ("2 devices need attention", "/?status=attention")


def test_a_group_of_which_every_device_is_silent_is_dark(world: World) -> None:
    begin(world.placed, *add(world, "B", "C"))
    told = find(world)
    assert told.subject == "Kaiser Permanente Anaheim is dark: all 3 devices are silent"
    assert told.path == f"/groups/{world.anaheim.pk}/overview/"
    assert told.build_context() == {"dark": told.dark, "shown": [], "more": 0}


def test_a_group_with_one_that_reports_is_not(world: World) -> None:
    added = add(world, "B", "C")
    begin(world.placed, added[0])
    assert find(world).dark == []
    Device.objects.filter(pk=added[1].pk).update(retired_at=timezone.now())
    assert [dark.devices for dark in find(world).dark] == [2]


def test_a_group_of_one_device_is_that_device(world: World) -> None:
    begin(world.placed)
    assert find(world).dark == []


def test_beside_a_dark_group_the_others_are_counted_and_named(world: World) -> None:
    ward = builders.make_group(world.region, "Ward")
    dark = add(world, "B", "C", group=ward)
    begin(*dark)
    begin(world.placed, dark[0], cause=RANGE)
    told = find(world)
    assert (told.subject, told.path) == ("3 devices need attention", "/?status=attention")
    context = told.build_context()
    assert [each.group.name for each in context["dark"]] == ["Ward"]
    assert [(each.row.device.name, each.row.cause) for each in context["shown"]] == [
        ("Anaheim One", RANGE),
        ("B", RANGE),
    ]


def test_two_dark_groups_are_no_subject_of_their_own(world: World) -> None:
    ward = builders.make_group(world.region, "Ward")
    begin(world.placed, *add(world, "B"), *add(world, "C", "D", group=ward))
    assert {dark.group.name for dark in find(world).dark} == {"Kaiser Permanente Anaheim", "Ward"}
    assert find(world).subject == "4 devices need attention"


def test_each_is_told_of_what_they_see(world: World) -> None:
    begin(world.placed, world.foreign)
    assert find(world, "owner").subject == "2 devices need attention"
    assert find(world, "viewer").subject == "Anaheim One needs attention"
    assert find(world, "sibling").subject == "Canary Boise One needs attention"
    keys = list(Attention.objects.values_list("pk", flat=True))
    assert wording.find_told(world.stranger, keys) is None
    assert wording.find_told(world.viewer, []) is None
    assignments.release(device=Device.objects.get(pk=world.placed.pk), by=world.owner)
    assert wording.find_told(world.viewer, keys) is None


def test_what_ended_since_is_still_what_was_told_of(world: World) -> None:
    begin(world.placed)
    Attention.objects.update(ended_at=timezone.now())
    assert find(world).subject == "Anaheim One needs attention"


def test_of_many_some_are_named_by_their_devices_names(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "NAMED", 2)
    begin(*add(world, "Zulu", "Alpha", "Mike"), cause=RANGE)
    context = find(world).build_context()
    assert [each.row.device.name for each in context["shown"]] == ["Alpha", "Mike"]
    assert context["more"] == 1
