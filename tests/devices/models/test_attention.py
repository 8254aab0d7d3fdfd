"""What needs attention: of devices in use, in their assignment of now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now

from devices.lifecycle import assignments
from devices.models import Attention, Device
from devices.models.attention import narrow_needing, split_by_need, with_attention
from tests.devices.models.cast import who

if TYPE_CHECKING:
    from tests.conftest import World


class TestAttention:
    @pytest.fixture
    def row(self, world: World) -> Attention:
        world.placed.refresh_from_db()
        assert world.placed.assignment
        facts = {"organisation": world.kanarra, "cause": "fault", "attribute": "engineState"}
        return Attention.objects.create(device=world.placed, assignment=world.placed.assignment, **facts)

    @pytest.mark.usefixtures("row")
    def test_it_is_told_to_whoever_sees_the_device(self, world: World) -> None:
        assert who(world, Attention.objects.visible_to) == {"owner", "admin", "technician", "viewer"}

    @pytest.mark.parametrize(
        ("change", "current"),
        [
            ({"locked_at": Now()}, False),
            ({"retired_at": Now()}, False),
            ({"name": "x"}, True),
        ],
        ids=["locked", "retired", "renamed"],
    )
    @pytest.mark.usefixtures("row")
    def test_what_is_not_in_use_needs_none(self, world: World, change: dict[str, Any], current: bool) -> None:
        Device.objects.filter(pk=world.placed.pk).update(**change)
        assert Attention.objects.current().exists() is current

    def test_it_is_of_one_assignment(self, world: World, row: Attention) -> None:
        assert list(Attention.objects.all().of(world.placed)) == [row]
        assignments.assign(device=world.placed, group=world.boise, name="x", model=None, by=world.owner)
        assert not Attention.objects.current().exists()
        assert not Attention.objects.all().of(Device.objects.get(pk=world.placed.pk)).exists()
        assert not Attention.objects.all().of(world.waiting).exists()

    def test_its_mark_tells_what_is_new_ended_or_acknowledged(self, world: World, row: Attention) -> None:
        def mark(device: Device = world.placed) -> int:
            return int(with_attention(Device.objects.all()).get(pk=device.pk).attention_mark)

        marks = [mark()]
        for change in ({"acknowledged_at": Now()}, {"acknowledged_at": None, "times": 2}):
            Attention.objects.update(**change)
            marks.append(mark())
        row.pk, row.attribute = None, "rpm"
        row.save()
        marks.append(mark())
        Attention.objects.update(ended_at=Now())
        marks.append(mark())
        assert len(set(marks)) == 5
        assert (marks[-1], mark(world.foreign)) == (0, 0)

    @pytest.mark.usefixtures("row")
    def test_those_that_need_it_and_the_others_are_all(self, world: World) -> None:
        mine = Device.objects.filter(organisation=world.kanarra)
        needing, others = split_by_need(mine, world.kanarra.pk)
        assert list(needing) == [world.placed]
        assert set(others) == {world.waiting, world.foreign}
        assert not narrow_needing(mine, world.other.pk).exists()
