"""Many at once, on a database with real concurrency."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from devices.models import Assignment, Device, DeviceModel, Event
from lib.refusals import Refusal
from provisioning.models import Window
from provisioning.refusals import WINDOW_BUSY
from provisioning.windows import operations as windows
from tests.provisioning.conftest import pressed_window, report_press
from tests.refused import is_refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

AT_ONCE = 50
ROUNDS = 20


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    gate = Barrier(count)

    def run(number: int) -> Any:
        try:
            connection.ensure_connection()
            gate.wait()
            return act(number)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_of_many_finishers_exactly_one_wins(world: World) -> None:
    model = DeviceModel.objects.get(organisation=world.kanarra)
    for round_number in range(ROUNDS):
        world.kanarra.allow_reprovisioning = True
        world.kanarra.save()
        window = pressed_window(world)

        def finish(number: int, window: Window = window) -> Device:
            return windows.finish_window(
                window=window, by=world.technician, name=f"By {number}", group=world.anaheim, model=model
            )

        outcomes = at_once(AT_ONCE, finish)
        winners = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Device)]
        losers = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        assert (len(winners), len(losers)) == (1, AT_ONCE - 1)
        device = Device.objects.get(pk=world.waiting.pk)
        assert device.name == f"By {winners[0]}"
        assert Event.objects.filter(device=device, kind="provisioned").count() == round_number + 1
        assert Assignment.objects.filter(device=device, closed_at=None).count() == 1


def test_of_many_scans_one_window_is_open(world: World) -> None:
    people = [world.technician, world.sibling, world.admin, world.owner]
    outcomes = at_once(24, lambda number: windows.open_window(device=world.waiting, by=people[number % 4]))
    assert all(isinstance(outcome, Window) or is_refusal(outcome, WINDOW_BUSY) for outcome in outcomes)
    opened = [outcome for outcome in outcomes if isinstance(outcome, Window)]
    assert Window.objects.filter(device=world.waiting, closed_at=None).count() == 1
    assert len({window.technician_id for window in opened}) == 1


def test_of_many_presses_one_counts(world: World) -> None:
    windows.open_window(device=world.waiting, by=world.technician)
    outcomes = at_once(20, lambda _: report_press(world.waiting))
    assert sorted(map(len, outcomes)) == [0] * 19 + [1]
    assert Event.objects.filter(kind="pressed").count() == 1


def test_cancel_and_finish_at_once_leave_one_outcome(world: World) -> None:
    model = DeviceModel.objects.get(organisation=world.kanarra)
    for _ in range(ROUNDS):
        world.kanarra.allow_reprovisioning = True
        world.kanarra.save()
        window = pressed_window(world)
        before = Device.objects.get(pk=world.waiting.pk).assignment_id

        def act(number: int, window: Window = window) -> bool:
            if number % 2:
                return windows.cancel_window(window=window, by=world.technician)
            windows.finish_window(window=window, by=world.technician, name="KP002", group=world.anaheim, model=model)
            return True

        outcomes = at_once(8, act)
        assert [outcome for outcome in outcomes if outcome is True] == [True]
        after = Device.objects.get(pk=world.waiting.pk).assignment_id
        window.refresh_from_db()
        assert (window.outcome == "completed") == (after != before)
