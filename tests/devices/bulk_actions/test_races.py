"""Actions among technicians and other workers, on a database with real concurrency."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest

from devices.bulk_actions import runner
from devices.lifecycle import locks
from devices.models import Assignment, BulkAction, Device, DeviceModel, Event
from devices.refusals import NOT_UNDOABLE
from lib.refusals import Refusal
from provisioning.windows import operations as windows
from tests import builders
from tests.devices.doing import ran, started
from tests.provisioning.conftest import pressed_window
from tests.provisioning.windows.test_races import at_once
from tests.refused import is_refusal

if TYPE_CHECKING:
    from provisioning.models import Window
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

ROUNDS = 10


def test_a_move_and_a_technicians_finish_never_both_have_the_device(world: World) -> None:
    model = DeviceModel.objects.get(organisation=world.kanarra)
    for _ in range(ROUNDS):
        window = pressed_window(world)
        action = started("move", world.owner, Device.objects.filter(pk=world.waiting.pk), group=world.boise.pk)

        def either(number: int, window: Window = window, action: BulkAction = action) -> object:
            if number:
                return windows.finish_window(
                    window=window, by=world.technician, name="Finished", group=world.anaheim, model=model
                )
            runner.run(action=action)
            return None

        moved, finished = at_once(2, either)
        assert moved is None
        action.refresh_from_db()
        device = Device.objects.get(pk=world.waiting.pk)
        # Whoever came second found the device elsewhere: the technician is told, the admin's move takes it over.
        assert action.state == BulkAction.State.DONE
        assert action.changed == 1
        assert device.group_id == world.boise.pk
        assert isinstance(finished, Device | Refusal)
        assert Assignment.objects.filter(device=device, closed_at=None).count() == 1
        assert device.assignment == Assignment.objects.get(device=device, closed_at=None)
        ran(started("release", world.owner, Device.objects.filter(pk=device.pk)))
        windows.cancel_window(window=window, by=world.technician)


def test_of_many_who_lock_the_same_devices_each_is_locked_once(world: World) -> None:
    for number in range(20):
        builders.make_device(world.version, group=world.boise, by=world.owner, name=f"Gateway {number}")
    devices = list(Device.objects.filter(organisation=world.kanarra))
    won = at_once(10, lambda number: locks.lock_devices(devices, by=world.owner))
    assert sorted(chain.from_iterable(won)) == sorted(device.pk for device in devices)
    assert Event.objects.filter(kind="locked").count() == len(devices)


def test_of_many_workers_one_runs_an_action(world: World) -> None:
    for number in range(20):
        builders.make_device(world.version, group=world.boise, by=world.owner, name=f"Gateway {number}")
    action = started("lock", world.owner)
    assert at_once(10, lambda number: runner.run(action=action)) == [None] * 10
    action.refresh_from_db()
    assert (action.state, action.done, action.changed) == (BulkAction.State.DONE, 23, 23)
    assert Event.objects.filter(kind="locked").count() == 23
    assert Event.objects.filter(kind="action-ended").count() == 1


def test_of_many_undoings_one_wins(world: World) -> None:
    action = ran(started("lock", world.owner))
    outcomes = at_once(10, lambda number: runner.undo(action=action, by=world.owner))
    assert sum(isinstance(outcome, BulkAction) for outcome in outcomes) == 1
    assert sum(is_refusal(outcome, NOT_UNDOABLE) for outcome in outcomes) == 9


def test_opposite_moves_end(world: World) -> None:
    """Two actions over the same devices wait for each other rather than give up."""
    empty = builders.make_group(world.tekton, "Nampa")
    for number in range(30):
        builders.make_device(world.version, group=world.boise, by=world.owner, name=f"Gateway {number}")
    chosen = Device.objects.filter(organisation=world.kanarra)
    both = [started("move", world.owner, chosen, group=group.pk) for group in (empty, world.anaheim)]
    assert at_once(2, lambda number: runner.run(action=both[number], in_turn=False)) == [None, None]
    for action in both:
        action.refresh_from_db()
        assert action.state == BulkAction.State.DONE
    assert Assignment.objects.filter(closed_at=None, device__organisation=world.kanarra).count() == chosen.count()
