"""Ties: who sees one, and for how long it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from devices.lifecycle import assignments
from devices.models import Device, Tie
from tests import builders
from tests.devices.models.cast import who

if TYPE_CHECKING:
    from tests.conftest import World


class TestTies:
    @pytest.fixture
    def gateway(self, world: World) -> Device:
        made = builders.make_device(world.version, group=world.anaheim, by=world.owner)
        world.placed.refresh_from_db()
        made.refresh_from_db()
        return made

    @pytest.fixture
    def tie(self, world: World, gateway: Device) -> Tie:
        both = {"assignment": world.placed.assignment, "gateway_assignment": gateway.assignment}
        return Tie.objects.create(device=world.placed, gateway=gateway, **both)

    @pytest.mark.usefixtures("tie")
    def test_both_ends_are_to_be_seen(self, world: World) -> None:
        assert who(world, Tie.objects.visible_to) == {"owner", "admin", "technician", "viewer"}
        Device.objects.filter(pk=world.placed.pk).update(person=world.viewer)
        assert who(world, Tie.objects.visible_to) == {"owner", "admin", "viewer"}

    def test_it_holds_until_it_ends_or_an_end_moves(self, world: World, gateway: Device, tie: Tie) -> None:
        assert Tie.objects.standing().get() == Tie.objects.open().get() == tie
        assignments.assign(device=gateway, group=world.boise, name="x", model=gateway.model, by=world.owner)
        assert not Tie.objects.standing().exists()
        Tie.objects.update(ended_at=None)
        assert Tie.objects.open().exists()
        assert not Tie.objects.standing().exists()

    def test_of_two_in_no_group_it_holds_while_they_are_in_none(self, world: World) -> None:
        other = builders.make_device(world.version)
        Tie.objects.create(device=world.waiting, gateway=other)
        assert Tie.objects.standing().exists()
        assignments.assign(device=world.waiting, group=world.boise, name="x", model=None, by=world.owner)
        Tie.objects.update(ended_at=None)
        assert not Tie.objects.standing().exists()

    def test_either_end_touches_it(self, world: World, gateway: Device, tie: Tie) -> None:
        assert Tie.objects.touching([world.placed.pk]).get() == Tie.objects.touching([gateway.pk, 0]).get() == tie
        assert not Tie.objects.touching([world.waiting.pk]).exists()
        assert not Tie.objects.touching([]).exists()

    def test_two_are_tied_once_at_a_time_and_none_to_itself(self, world: World, gateway: Device, tie: Tie) -> None:
        for ends in ({"device": world.placed, "gateway": gateway}, {"device": gateway, "gateway": gateway}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Tie.objects.create(**ends)
        Tie.objects.filter(pk=tie.pk).update(ended_at=Now())
        Tie.objects.create(device=world.placed, gateway=gateway)
