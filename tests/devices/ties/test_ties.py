"""A gateway that may speak for a device: who ties them, and what ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import IntegrityError, transaction

from devices import refusals
from devices.broker import authorization
from devices.bulk_actions import eligibility
from devices.connections import limited
from devices.credentials import operations as credentials
from devices.credentials import standing
from devices.lifecycle import assignments, locks, removal, retirement
from devices.models import BulkAction, Device, Event, Tie
from devices.ties import operations as ties
from tests.builders import make_device, make_group
from tests.devices.doing import act, undone
from tests.refused import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World


@pytest.fixture
def gateway(world: World) -> Device:
    """Beside the placed device."""
    return make_device(world.version, group=world.anaheim, by=world.owner, name="Anaheim gateway")


@pytest.fixture
def tied(world: World, gateway: Device) -> Device:
    assert ties.tie(device=world.placed, gateway=gateway, by=world.admin)
    return gateway


def spoken_for(gateway: Device) -> frozenset[str]:
    return authorization.find_spoken_for([gateway.pk]).get(gateway.pk, frozenset())


def told(device: Device) -> list[tuple[str, object, str | None, int | None]]:
    """Kind, reason, who did it, and in which assignment; the last one first."""
    rows = Event.objects.filter(device=device, kind__in=["tied", "untied"]).select_related("by")
    return [(row.kind, row.data.get("reason"), row.by.email if row.by else None, row.assignment_id) for row in rows]


def test_made_and_ended_with_an_event_each(world: World, gateway: Device) -> None:
    device = world.placed
    assert ties.tie(device=device, gateway=gateway, by=world.admin)
    assert not ties.tie(device=device, gateway=gateway, by=world.admin)
    assert spoken_for(gateway) == {device.device_id}
    assert spoken_for(device) == frozenset()  # never the other way
    assert ties.untie(device=device, gateway=gateway, by=world.admin)
    assert not ties.untie(device=device, gateway=gateway, by=world.admin)
    assert spoken_for(gateway) == frozenset()
    who, where = world.admin.email, device.assignment_id
    assert told(device) == [("untied", None, who, where), ("tied", None, who, where)]
    assert told(gateway) == []
    assert [row.data["gateway"] for row in Event.objects.filter(kind="untied")] == [gateway.serial]


def test_two_that_are_in_no_group(world: World) -> None:
    gateway = make_device(world.version)
    assert ties.tie(device=world.waiting, gateway=gateway, by=world.owner)
    assert spoken_for(gateway) == {world.waiting.device_id}
    assignments.assign(device=world.waiting, group=world.anaheim, name=None, model=None, by=world.owner)
    assert spoken_for(gateway) == frozenset()
    assert told(world.waiting)[0] == ("untied", ties.PLACED.of_device, world.owner.email, None)


@pytest.mark.parametrize("other", ["waiting", "foreign", "alien", "next door"])
def test_never_across_groups_nor_organisations(world: World, other: str) -> None:
    group = make_group(world.region, "Next door")
    next_door = make_device(world.version, group=group, by=world.owner)
    gateway = next_door if other == "next door" else getattr(world, other)
    for one, two in ((world.placed, gateway), (gateway, world.placed)):
        with refused(refusals.TIE_ACROSS_GROUPS):
            ties.tie(device=one, gateway=two, by=world.owner)
    assert not Tie.objects.exists()


def test_not_to_itself(world: World) -> None:
    with refused(refusals.TIE_TO_ITSELF):
        ties.tie(device=world.placed, gateway=world.placed, by=world.owner)
    with pytest.raises(IntegrityError), transaction.atomic():
        Tie.objects.create(device=world.placed, gateway=world.placed)


def test_not_of_who_moved_since_or_is_retired(world: World, gateway: Device) -> None:
    stale = Device.objects.get(pk=gateway.pk)
    assignments.assign(device=gateway, group=world.anaheim, name=None, model=None, by=world.owner)
    with refused(refusals.DEVICE_MOVED):
        ties.tie(device=world.placed, gateway=stale, by=world.owner)
    retirement.retire_devices([gateway], by=world.owner)
    with refused(refusals.DEVICE_RETIRED):
        ties.tie(device=world.placed, gateway=gateway, by=world.owner)
    assert not Tie.objects.exists()


def test_no_more_than_there_may_be(world: World, gateway: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    third = make_device(world.version, group=world.anaheim, by=world.owner)
    monkeypatch.setattr(ties, "MOST_DEVICES", 1)
    assert ties.tie(device=world.placed, gateway=gateway, by=world.owner)
    with refused(refusals.TIES_TOO_MANY):
        ties.tie(device=third, gateway=gateway, by=world.owner)
    monkeypatch.setattr(ties, "MOST_GATEWAYS", 1)
    with refused(refusals.TIES_TOO_MANY):
        ties.tie(device=world.placed, gateway=third, by=world.owner)
    assert ties.untie(device=world.placed, gateway=gateway, by=world.owner)
    assert ties.tie(device=world.placed, gateway=third, by=world.owner)


LEAVES: dict[str, Callable[[World, Device], object]] = {
    "released": lambda world, device: assignments.release(device=device, by=world.owner),
    "re-provisioned": lambda world, device: assignments.assign(
        device=device, group=world.boise, name=None, model=None, by=world.owner
    ),
    "placed anew in its group": lambda world, device: assignments.assign(
        device=device, group=world.anaheim, name=None, model=None, by=world.owner
    ),
    "moved by an action": lambda world, device: act(
        BulkAction.Kind.MOVE, world.owner, Device.objects.filter(pk=device.pk), group=world.boise.pk
    ),
}
LASTS = {"retired": lambda world, device: retirement.retire_devices([device], by=world.owner)}


@pytest.mark.parametrize("how", [*LEAVES, *LASTS])
def test_who_leaves_its_place_is_spoken_for_no_longer(world: World, tied: Device, how: str) -> None:
    where = world.placed.assignment_id
    (LEAVES | LASTS)[how](world, world.placed)
    assert spoken_for(tied) == frozenset()
    why = ties.RETIRED if how in LASTS else ties.PLACED
    assert told(world.placed)[0] == ("untied", why.of_device, world.owner.email, where)


@pytest.mark.parametrize("how", [*LEAVES, *LASTS])
def test_a_gateway_that_leaves_its_place_speaks_for_nobody(world: World, tied: Device, how: str) -> None:
    """Whose device it was is told so, and not who did it: that may be the next tenant."""
    (LEAVES | LASTS)[how](world, tied)
    assert spoken_for(tied) == frozenset()
    why = ties.RETIRED if how in LASTS else ties.PLACED
    assert told(world.placed)[0] == ("untied", why.of_gateway, None, world.placed.assignment_id)
    assert Tie.objects.exclude(ended_at=None).count() == 1


def test_what_ended_stays_so_when_the_device_is_back(world: World, tied: Device) -> None:
    moved = act(BulkAction.Kind.MOVE, world.owner, Device.objects.filter(pk=tied.pk), group=world.boise.pk)
    undone(moved, world.owner)
    assert Device.objects.get(pk=tied.pk).group == world.anaheim
    assert spoken_for(tied) == frozenset()
    retirement.retire_devices([world.placed], by=world.owner)
    retirement.bring_back_devices([world.placed], by=world.owner)
    world.placed.refresh_from_db()
    tied.refresh_from_db()
    assert ties.tie(device=world.placed, gateway=tied, by=world.owner)


def test_it_holds_no_longer_than_both_assignments_whoever_ended_them(world: World, tied: Device) -> None:
    """The former release's site, which knows nothing of ties, may move a device while an upgrade goes on."""
    Device.objects.filter(pk=tied.pk).update(group=world.waiting.group, assignment=None)
    assert spoken_for(tied) == frozenset()
    Device.objects.filter(pk=tied.pk).update(group=world.anaheim, assignment=tied.assignment)
    assert spoken_for(tied) == {world.placed.device_id}


def test_one_that_is_removed_takes_its_ties_along(world: World) -> None:
    gateway = make_device(world.version)
    ties.tie(device=world.waiting, gateway=gateway, by=world.owner)
    removal.remove_device(device=gateway, by=world.owner)
    assert not Tie.objects.exists()
    assert told(world.waiting)[0] == ("untied", ties.REMOVED.of_gateway, None, None)


def test_a_lock_and_a_revocation_leave_it(world: World, tied: Device) -> None:
    """A locked gateway does not connect, and what comes for a locked device is dropped: nothing of that is final."""
    locks.lock_devices([world.placed, tied], by=world.owner)
    credentials.revoke_all_credentials([world.placed, tied], by=world.owner)
    locks.unlock_devices([world.placed, tied], by=world.owner)
    assert spoken_for(tied) == {world.placed.device_id}


def test_who_sends_too_much_for_another_is_shut_out_itself(world: World, tied: Device) -> None:
    limited.record_limits({world.placed.device_id: (60.0, 1)})
    shut_out = Device.objects.filter(Device.is_shut_out())
    assert set(shut_out) == {world.placed, tied}
    assert Event.objects.filter(device=tied, kind="limited").count() == 1


def test_who_connects_by_itself_shuts_out_no_gateway(world: World, tied: Device) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    used = credentials.find_credential(access_key=issued.access_key, access_secret=issued.access_secret)
    assert used is not None
    standing.note_use(used)
    limited.record_limits({world.placed.device_id: (60.0, 1)})
    assert list(Device.objects.filter(Device.is_shut_out())) == [world.placed]


@pytest.mark.parametrize("kind", BulkAction.Kind.values)
def test_a_preview_says_how_many_would_end(world: World, tied: Device, kind: str) -> None:
    """And says nothing where none does; what is said is what then happens."""
    ties.tie(device=make_device(world.version, group=world.anaheim, by=world.owner), gateway=tied, by=world.owner)
    chosen, params = Device.objects.filter(pk=tied.pk), eligibility.Params(group=world.boise.pk)
    said = eligibility.preview(chosen, kind, params).effects
    ends = kind in {"move", "release", "retire"}
    assert [each.split(",")[0] for each in said] == ["2 ties to gateways end"] * ends
    none = eligibility.preview(Device.objects.filter(pk=world.foreign.pk), kind, params).effects
    assert none == []
    if ends:
        act(kind, world.owner, chosen, group=world.boise.pk if kind == "move" else None)
        assert spoken_for(tied) == frozenset()
