"""What needs attention, in words and in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from devices.attention import reading
from devices.attention.reading import Shown, Summary, format_value
from devices.models import Attention, Attribute, Connection, Device
from devices.models.attention import with_attention
from tenants.models import User
from tests import builders

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

Cause = Attention.Cause


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (True, None, "on"),
        (False, 2, "off"),
        (1234567, None, "1.23457e+06"),
        (12345, None, "12,345"),
        (-0.5, None, "\u22120.5"),
        (2.5, 0, "2"),
        (1234.567, 1, "1,234.6"),
        (1e15, 2, "1e+15"),
        (-3, 2, "\u22123.00"),
        ("overcrank", 2, "overcrank"),
        ("x" * 99, None, "x" * 80),
        (None, None, "None"),
    ],
)
def test_a_value_as_it_stands_in_a_sentence(value: object, decimals: int | None, text: str) -> None:
    assert format_value(value, Attribute(decimals=decimals)) == text


SPEED = Attribute(label="Engine speed", unit="rpm", minimum=0, maximum=1950)


@pytest.mark.parametrize(
    ("cause", "value", "attribute", "words"),
    [
        (Cause.RANGE, 2100, SPEED, "Engine speed 2,100 rpm (0 to 1,950 rpm expected)"),
        (Cause.RANGE, -1, Attribute(label="Level", minimum=0), "Level \u22121 (at least 0 expected)"),
        (Cause.RANGE, 2100, None, "rpm 2,100"),
        (Cause.FAULT, "overcrank", Attribute(label="Fault"), "Fault: overcrank"),
        (Cause.FAULT, True, None, "rpm: on"),
        (Cause.SILENT, None, None, "Silent"),
    ],
)
def test_it_is_said_in_short(cause: str, value: object, attribute: Attribute | None, words: str) -> None:
    assert Shown(Attention(cause=cause, attribute="rpm", value=value), attribute).words == words


@pytest.mark.parametrize(("times", "does"), [(1, False), (2, True)])
def test_what_began_again_comes_and_goes(times: int, does: bool) -> None:
    assert Shown(Attention(times=times), None).comes_and_goes is does


def test_a_summary_adds_up() -> None:
    named: Any = [(Device(), []), (Device(), [])]
    told = Summary(10, 5, named)
    assert (told.fine, told.others, told.broad) == (5, 3, False)
    assert Summary(reading.MOST, 1, []).broad is False
    assert Summary(reading.MOST + 1, 1, []).broad is True


def need(device: Device, cause: str = Cause.SILENT, attribute: str = "", **fields: Any) -> Attention:
    device.refresh_from_db()
    facts = {"organisation_id": device.organisation_id, "assignment_id": device.assignment_id}
    return Attention.objects.create(device=device, cause=cause, attribute=attribute, **facts | fields)


def make(world: World, name: str) -> Device:
    device = builders.make_device(world.version, group=world.anaheim, by=world.owner, name=name)
    Connection.objects.create(device=device, last_seen_at=timezone.now())
    return device


def test_home_names_three_and_counts_the_others(world: World) -> None:
    viewer = User.objects.get(pk=world.viewer.pk)
    assert reading.summarise(viewer, None)[0] == (0, 0, [])
    devices = [make(world, f"Pump {number}") for number in (3, 1, 4, 2, 5)]
    for device in devices[:4]:
        need(device)
    need(world.foreign)
    told, _ = reading.summarise(viewer, None)
    assert [str(device) for device, _ in told.named] == ["Pump 1", "Pump 2", "Pump 3"]
    assert [shown[0].words for _, shown in told.named] == ["Silent"] * 3
    assert (told.in_use, told.needing, told.others, told.fine) == (5, 4, 1, 1)
    assert reading.summarise(viewer, world.region.path)[0] == told
    assert reading.summarise(viewer, world.tekton.path)[0] == (0, 0, [])
    assert reading.summarise(User.objects.get(pk=world.owner.pk), None)[0].needing == 5


def test_locked_retired_and_never_heard_ones_are_not_in_use(world: World) -> None:
    fine, locked, retired = (make(world, name) for name in ("a", "b", "c"))
    builders.make_device(world.version, group=world.anaheim, by=world.owner)  # never heard
    need(fine)
    Device.objects.filter(pk=locked.pk).update(locked_at=timezone.now())
    Device.objects.filter(pk=retired.pk).update(retired_at=timezone.now())
    assert reading.summarise(User.objects.get(pk=world.viewer.pk), None)[0].in_use == 1


def test_each_device_has_what_began_first_first(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Attribute.objects.filter(name="rpm").update(minimum=0, maximum=1950)
    need(world.placed, Cause.RANGE, "rpm", value=2100)
    need(world.placed)
    need(world.placed, Cause.FAULT, "gone", value="x", ended_at=timezone.now())
    need(world.foreign, Cause.FAULT, "renamed since", value=3)
    with django_assert_num_queries(2):
        shown = reading.fetch([world.placed, world.foreign, world.waiting])
    words = {pk: [each.words for each in rows] for pk, rows in shown.items()}
    assert words == {
        world.placed.pk: ["Engine speed 2,100 rpm (0 to 1,950 rpm expected)", "Silent"],
        world.foreign.pk: ["renamed since: 3"],
    }
    with django_assert_num_queries(0):
        assert reading.fetch([]) == {}


def test_of_a_device_its_page_shows_what_somebody_may_do(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    need(world.placed, Cause.RANGE, "rpm", value=2100, by=world.technician, acknowledged_at=timezone.now())
    device = with_attention(Device.objects.select_related("group")).get(pk=world.placed.pk)
    declared = world.version.attributes.all()
    for who, may in (("viewer", False), ("technician", True), ("sibling", False), ("owner", True)):
        shown: Any = reading.list_attention(User.objects.get(pk=getattr(world, who).pk), device, declared)
        assert (shown["may_acknowledge"], [each.row.by_id for each in shown["attention"]]) == (
            may,
            [world.technician.pk],
        )
        assert (world.technician.pk in shown["known"]) is (who != "sibling")
    assert reading.list_attention(AnonymousUser(), device, declared) == {}
    fine = with_attention(Device.objects.all()).get(pk=world.foreign.pk)
    with django_assert_num_queries(0):
        assert reading.list_attention(world.owner, fine, ()) == {}
    assert reading.pick([device, fine]) == [device]
