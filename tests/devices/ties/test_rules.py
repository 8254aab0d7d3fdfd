"""Ties of many at once: which are made, which stand, and who is offered, by their rules alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.http import Http404

from devices import refusals
from devices.models import Device, Event, Tie
from devices.refusals import DEVICE_RETIRED, TIE_UNKNOWN_GATEWAY
from devices.ties import listing
from devices.ties import operations as ties
from devices.ties.operations import PLACED, Pair
from tenants.models import Role, User
from tests.builders import make_device
from tests.refused import refused

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World


@pytest.fixture
def four(world: World) -> list[Device]:
    """Beside the placed device."""
    made = [make_device(world.version, group=world.anaheim, by=world.owner, name=f"Pump {n}") for n in range(4)]
    return [Device.objects.get(pk=device.pk) for device in made]


def read(device: Device) -> Device:
    return Device.objects.select_related("group").get(pk=device.pk)


def user(world: World, who: str) -> User:
    return User.objects.get(pk=getattr(world, who).pk)


def test_of_many_those_that_can_be_are_made_and_each_is_told(world: World, four: list[Device]) -> None:
    one, two, three, gateway = four
    wanted = [Pair(one, gateway), Pair(two, gateway), Pair(one, gateway), Pair(gateway, gateway)]
    wanted += [Pair(three, read(world.foreign)), Pair(three, read(world.alien))]
    made, refused_pairs = ties.tie_all(wanted, by=world.owner, action="a1")
    assert made == wanted[:2]
    assert {pair: refusal.kind for pair, refusal in refused_pairs.items()} == {
        wanted[3]: refusals.TIE_TO_ITSELF,
        wanted[4]: refusals.TIE_ACROSS_GROUPS,
        wanted[5]: refusals.TIE_ACROSS_GROUPS,
    }
    told = Event.objects.filter(kind="tied").order_by("device")
    assert [(row.device_id, row.data) for row in told] == [
        (device.pk, {"gateway": gateway.serial, "action": "a1"}) for device in (one, two)
    ]
    again = ties.tie_all(wanted[:2], by=world.owner)
    assert again == ([], {})
    assert ties.list_gateways([one.pk, two.pk, three.pk]) == {one.pk: [gateway.pk], two.pk: [gateway.pk]}
    assert ties.list_spoken_for([gateway.pk, one.pk]) == {gateway.pk: {one.pk, two.pk}}


def test_what_a_batch_makes_itself_counts_against_its_bounds(
    world: World, four: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three, four_ = four
    monkeypatch.setattr(ties, "MOST_DEVICES", 2)
    made, refused_pairs = ties.tie_all([Pair(each, four_) for each in (one, two, three)], by=world.owner)
    assert [pair.device for pair in made] == [one, two]
    assert [refusal.kind for refusal in refused_pairs.values()] == [refusals.TIES_TOO_MANY]
    ties.untie(device=one, gateway=four_, by=world.owner)
    assert ties.tie(device=three, gateway=four_, by=world.owner)
    monkeypatch.setattr(ties, "MOST_GATEWAYS", 1)
    with refused(refusals.TIES_TOO_MANY):
        ties.tie(device=three, gateway=one, by=world.owner)


def test_a_tie_that_holds_no_more_gives_way_to_a_new_one(world: World, four: list[Device]) -> None:
    one, _, _, gateway = four
    stale = Tie.objects.create(device=one, gateway=gateway)  # of when both were in no group
    assert not Tie.objects.standing().exists()
    assert ties.tie(device=one, gateway=gateway, by=world.owner)
    stale.refresh_from_db()
    assert stale.ended_at is not None
    assert Tie.objects.standing().get() != stale


def test_a_batch_with_a_retired_one_makes_none(world: World, four: list[Device]) -> None:
    one, two, three, gateway = four
    Device.objects.filter(pk=three.pk).update(retired_at=Now())
    with refused(DEVICE_RETIRED):
        ties.tie_all([Pair(each, gateway) for each in (one, two, three)], by=world.owner)
    assert not Tie.objects.exists()


def test_only_the_named_ones_end(world: World, four: list[Device]) -> None:
    one, two, three, gateway = four
    ties.tie_all([Pair(one, gateway), Pair(two, gateway), Pair(one, three)], by=world.owner)
    assert not ties.untie(device=gateway, gateway=one, by=world.owner)  # the other way round
    ended = ties.untie_all([Pair(one, gateway), Pair(two, three)], by=world.owner, action="a1")
    assert ended == {(one.pk, gateway.pk)}
    assert ties.untie_all([Pair(one, gateway)], by=world.owner) == set()
    assert Event.objects.get(kind="untied").data == {"gateway": gateway.serial, "action": "a1"}
    assert ties.list_gateways([one.pk, two.pk]) == {one.pk: [three.pk], two.pk: [gateway.pk]}


def test_whose_gateway_alone_leaves_is_not_told_who_did_it(world: World, four: list[Device]) -> None:
    one, two, three, gateway = four
    ties.tie_all([Pair(one, gateway), Pair(two, three)], by=world.owner)
    assert ties.end_ties([gateway.pk, two.pk], by=world.owner, why=PLACED) == 2
    told = {row.device_id: (row.by_id, row.data["reason"]) for row in Event.objects.filter(kind="untied")}
    assert told == {one.pk: (None, PLACED.of_gateway), two.pk: (world.owner.pk, PLACED.of_device)}
    assert ties.end_ties([gateway.pk, two.pk], by=world.owner, why=PLACED) == 0
    assert ties.end_ties([], by=world.owner, why=PLACED) == 0


def test_many_cost_as_much_as_one(
    world: World, four: list[Device], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    one, two, three, gateway = four
    with django_assert_max_num_queries(12):
        ties.tie_all([Pair(each, gateway) for each in (one, two, three)], by=world.owner)


def test_a_page_lists_both_ends_by_name_as_far_as_both_are_seen(
    world: World, four: list[Device], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    one, two, three, gateway = four
    ties.tie_all([Pair(two, gateway), Pair(one, gateway), Pair(gateway, three)], by=world.owner)
    viewer = user(world, "viewer")
    assert listing.list_ties(viewer, gateway) == ([three], [one, two])
    with django_assert_num_queries(1):
        assert listing.list_ties(viewer, gateway) == ([three], [one, two])
    assert listing.list_ties(user(world, "sibling"), gateway) == ([], [])
    Device.objects.filter(pk=one.pk).update(person=world.viewer)
    assert listing.list_ties(user(world, "technician"), gateway) == ([three], [two])


def test_only_a_gateway_that_speaks_for_it_is_found_by_its_serial(world: World, four: list[Device]) -> None:
    one, two, _, gateway = four
    ties.tie(device=one, gateway=gateway, by=world.owner)
    admin = user(world, "admin")
    assert listing.get_gateway(admin, one, gateway.serial.lower()) == gateway
    told: list[tuple[User, Device, str, dict[str, Any]]] = [
        (admin, one, two.serial, {}),
        (admin, two, gateway.serial, {}),
        (user(world, "sibling"), one, gateway.serial, {}),
        (user(world, "viewer"), one, gateway.serial, {"role": Role.ADMIN}),
    ]
    for who, device, serial, more in told:
        with pytest.raises(Http404):
            listing.get_gateway(who, device, serial, **more)
    assert listing.get_gateway(user(world, "viewer"), one, gateway.serial) == gateway


@pytest.mark.parametrize("who", ["sibling", "stranger", "viewer"])
def test_what_somebody_does_not_manage_is_as_unknown_as_none(world: World, who: str) -> None:
    for serial in (world.placed.serial, "NONE", ""):
        with refused(TIE_UNKNOWN_GATEWAY):
            listing.find_gateway(user(world, who), serial)
    assert listing.find_gateway(user(world, "admin"), world.placed.serial.lower()) == world.placed


def test_those_beside_it_that_do_not_speak_for_it_yet_are_offered(
    world: World, four: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three, gateway = four
    ties.tie(device=one, gateway=gateway, by=world.owner)
    Device.objects.filter(pk=three.pk).update(retired_at=Now())
    admin = user(world, "admin")
    assert listing.list_offered(admin, read(one)) == [world.placed, two]
    assert listing.list_offered(user(world, "viewer"), read(one)) == []
    assert listing.list_offered(admin, read(gateway)) == [world.placed, one, two]
    monkeypatch.setattr(listing, "OFFERED", 1)
    assert listing.list_offered(admin, read(one)) == [world.placed]
