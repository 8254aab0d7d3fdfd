"""A window's life, by the rules."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from devices.lifecycle import assignments
from devices.models import Assignment, Device, DeviceModel, Event
from devices.refusals import DEVICE_MOVED
from provisioning import refusals
from provisioning.models import Window
from provisioning.presence import press as presses
from provisioning.windows import operations as windows
from tenants.people import operations as people
from tests.provisioning.conftest import end_in, press, pressed_window, report_press
from tests.refused import refused

if TYPE_CHECKING:
    from tests.conftest import World


def model(world: World) -> DeviceModel:
    return DeviceModel.objects.get(organisation=world.kanarra)


def assigned(device: Device) -> Assignment:
    assert device.assignment
    return device.assignment


def finish(world: World, window: Window, **change: object) -> Device:
    given = {"by": world.technician, "name": "KP002", "group": world.anaheim, "model": model(world), **change}
    return windows.finish_window(window=window, **given)  # type: ignore[arg-type]


def state(window: Window) -> str:
    return Window.objects.with_state().get(pk=window.pk).state


def test_scan_press_place(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    assert (window.deadline - window.opened_at).total_seconds() == pytest.approx(300, abs=0.01)
    assert state(window) == "waiting"
    assert report_press(world.waiting) == [f"window:{window.key}"]
    assert state(window) == "pressed"
    device = finish(world, window)
    assert state(window) == "completed"
    assert (device.group, device.name, assigned(device).group) == (world.anaheim, "KP002", world.anaheim)
    kinds = list(Event.objects.filter(device=device).order_by("id").values_list("kind", flat=True))
    assert kinds == ["registered", "window-opened", "pressed", "provisioned"]


def test_the_window_length_is_the_organisations(world: World) -> None:
    world.waiting.organisation.window_seconds = 60
    window = windows.open_window(device=world.waiting, by=world.technician)
    assert (window.deadline - window.opened_at).total_seconds() == pytest.approx(60, abs=0.01)


def test_scanning_again_starts_a_new_clock_and_forgets_the_press(world: World) -> None:
    old = pressed_window(world)
    new = windows.open_window(device=world.waiting, by=world.technician)
    assert (state(old), state(new)) == ("superseded", "waiting")
    with refused(refusals.WINDOW_SUPERSEDED):
        finish(world, old)
    with refused(refusals.NOT_PRESSED):
        finish(world, new)


def test_another_technician_is_told_until_when(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    with refused(refusals.WINDOW_BUSY) as busy:
        windows.open_window(device=world.waiting, by=world.sibling)
    assert busy.value.members["until"] == window.deadline.isoformat()
    end_in(window, milliseconds=-1)
    assert windows.open_window(device=world.waiting, by=world.sibling).technician == world.sibling
    assert state(window) == "expired"


@pytest.mark.parametrize(("milliseconds", "accepted"), [(250, True), (-1, False)])
def test_press_at_the_deadline(world: World, milliseconds: int, accepted: bool) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    end_in(window, milliseconds=milliseconds)
    assert bool(report_press(world.waiting)) is accepted


@pytest.mark.parametrize(("milliseconds", "accepted"), [(250, True), (-1, False)])
def test_finish_at_the_deadline(world: World, milliseconds: int, accepted: bool) -> None:
    window = pressed_window(world)
    end_in(window, milliseconds=milliseconds)
    if accepted:
        finish(world, window)
    else:
        with refused(refusals.WINDOW_EXPIRED):
            finish(world, window)
    world.waiting.refresh_from_db()
    assert (world.waiting.group is not None) is accepted


def test_presses_that_do_not_count(world: World) -> None:
    assert report_press(world.waiting) == []  # before the scan
    window = windows.open_window(device=world.waiting, by=world.technician)
    assert report_press(world.placed) == []  # another device
    assert report_press(world.waiting, value=False) == []
    assert report_press(world.waiting, value="true") == []
    assert report_press(world.waiting, ago=timedelta(seconds=5)) == []  # it waited since before the scan
    assert report_press(world.waiting, known=False) == []  # it may have
    assert report_press(world.waiting, repeated=True) == []
    assert state(window) == "waiting"
    assert len(report_press(world.waiting)) == 1
    assert [report_press(world.waiting) for _ in range(5)] == [[]] * 5
    assert Event.objects.filter(kind="pressed").count() == 1


def test_of_presses_stored_together_the_last_one_counts_wherever_it_stands(world: World) -> None:
    former = press(world.waiting)  # of a backlog: it is stored after what came later
    windows.open_window(device=world.waiting, by=world.technician)
    time.sleep(0.002)  # SQLite's clock counts milliseconds
    assert len(presses.count_presses([press(world.waiting), former])) == 1


def test_a_press_counts_only_where_the_organisation_takes_it_as_proof(world: World) -> None:
    world.kanarra.presence = "claim-code"
    world.kanarra.save()
    windows.open_window(device=world.waiting, by=world.technician)
    assert report_press(world.waiting) == []


def test_finishing_needs_press_and_owner(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    with refused(refusals.NOT_PRESSED):
        finish(world, window)
    report_press(world.waiting)
    with refused(DEVICE_MOVED):
        finish(world, window, by=world.sibling)
    assert state(window) == "pressed"
    finish(world, window)
    with refused(refusals.WINDOW_COMPLETED):
        finish(world, window)


def test_a_cancelled_window_stays_closed(world: World) -> None:
    window = pressed_window(world)
    assert not windows.cancel_window(window=window, by=world.sibling)
    assert windows.cancel_window(window=window, by=world.technician)
    assert not windows.cancel_window(window=window, by=world.technician)
    with refused(refusals.WINDOW_CANCELLED):
        finish(world, window)
    assert Event.objects.filter(kind="window-cancelled").count() == 1


def test_nothing_is_half_done_when_the_group_stopped_being_a_leaf(world: World) -> None:
    window = pressed_window(world)
    with refused(DEVICE_MOVED):
        finish(world, window, group=world.region)
    assert state(window) == "pressed"
    assert not Assignment.objects.filter(device=world.waiting).exists()


def test_reprovisioning_moves_the_device_and_closes_the_old_assignment(world: World) -> None:
    world.kanarra.allow_reprovisioning = True
    world.kanarra.save()
    old = assigned(world.foreign)
    window = windows.open_window(device=world.foreign, by=world.technician)
    report_press(world.foreign)
    device = finish(world, window)
    old.refresh_from_db()
    assert old.closed_at == pytest.approx(assigned(device).opened_at, abs=timedelta(seconds=1))
    assert world.foreign not in Device.objects.visible_to(world.sibling)
    assert world.foreign in Device.objects.visible_to(world.viewer)


def test_a_device_that_found_a_group_meanwhile_is_left_there(world: World) -> None:
    window = pressed_window(world)
    fresh = Device.objects.get(pk=world.waiting.pk)
    assignments.assign(device=fresh, group=world.boise, name="Taken", model=None, by=world.owner)
    with refused(DEVICE_MOVED):
        finish(world, window)
    fresh.refresh_from_db()
    assert fresh.group == world.boise


def test_the_window_of_somebody_who_lost_their_role_holds_up_nobody(world: World) -> None:
    windows.open_window(device=world.waiting, by=world.technician)
    with refused(refusals.WINDOW_BUSY):
        windows.open_window(device=world.waiting, by=world.sibling)
    people.remove(membership=world.technician.memberships.get(), by=world.owner)
    following = windows.open_window(device=world.waiting, by=world.sibling)
    assert list(Window.objects.open()) == [following]
    told = Event.objects.filter(kind__startswith="window-").order_by("pk").values_list("kind", "by")
    assert list(told) == [
        ("window-opened", world.technician.pk),
        ("window-cancelled", world.sibling.pk),
        ("window-opened", world.sibling.pk),
    ]
