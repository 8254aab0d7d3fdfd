"""A device that connects, is placed or registered while it is being removed: it stays, or finds that it is gone."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from devices import batches
from devices.connections import activation
from devices.lifecycle import assignments, removal, retirement
from devices.models import Assignment, Device, DeviceModel
from devices.refusals import DEVICE_LIVED, DEVICE_MOVED
from provisioning.models import Window
from provisioning.refusals import UNKNOWN_SERIAL
from provisioning.windows import operations as windows
from telemetry.models import Report
from tests import builders
from tests.devices.api import Program
from tests.locks import look_for_deadlocks_after, wait_until_somebody_waits
from tests.provisioning.conftest import pressed_window
from tests.provisioning.windows.test_races import at_once
from tests.refused import is_refusal, refused
from tests.telemetry.reports import now, save, timed
from tests.test_locks import report, stored_meanwhile

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def place(world: World) -> None:
    device = Device.objects.get(pk=world.waiting.pk)
    assignments.assign(device=device, group=world.boise, name="N", model=None, by=world.owner)


def connect(world: World) -> None:
    activation.activate_devices([world.waiting.pk])


@pytest.mark.parametrize("live", [place, connect])
def test_who_lives_first_stays(world: World, live: Callable[[World], None]) -> None:
    """The removal comes while the other has not committed: it waits, and finds what that did."""
    outcome: list[Any] = []

    def remove() -> None:
        try:
            removal.remove_device(device=world.waiting, by=world.owner)
            outcome.append(None)
        except Exception as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=remove)
    with transaction.atomic():
        live(world)
        thread.start()
        thread.join(0.3)
        assert not outcome
    thread.join(10)
    assert is_refusal(outcome[0], DEVICE_LIVED)
    assert Device.objects.filter(pk=world.waiting.pk).exists()


def test_of_removing_and_a_press_that_wait_for_each_other_both_are_done(world: World) -> None:
    """A press, or who finishes, holds the window first and then the device; a removal the other way round."""
    window = windows.open_window(device=world.waiting, by=world.technician)
    owner, answers = Program(world.owner), []

    def remove() -> None:
        try:
            look_for_deadlocks_after(seconds=3)
            answers.append(owner.delete(f"devices/{world.waiting.serial}/").status_code)
        finally:
            connection.close()

    thread = threading.Thread(target=remove)
    look_for_deadlocks_after(seconds=60)
    try:
        with transaction.atomic():
            assert Window.objects.filter(pk=window.pk).update(pressed_at=Now()) == 1
            thread.start()
            wait_until_somebody_waits()
            assert batches.hold([world.waiting.pk])
            assert not answers
        thread.join(10)
    finally:
        connection.close()
    assert answers == [204]
    assert not Window.objects.exists()


def test_who_finishes_while_the_device_is_removed_is_told(world: World) -> None:
    window, model = pressed_window(world), DeviceModel.objects.get(organisation=world.kanarra)
    outcome: list[Any] = []

    def finish() -> None:
        try:
            place = {"name": "N", "group": world.anaheim, "model": model}
            windows.finish_window(window=window, by=world.technician, **place)  # type: ignore[arg-type]
        except Exception as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=finish)
    look_for_deadlocks_after(seconds=60)
    try:
        with transaction.atomic():
            assert batches.hold([world.waiting.pk])
            thread.start()
            wait_until_somebody_waits()
            assert removal.remove_devices([world.waiting], by=world.owner) == {}
        thread.join(10)
    finally:
        connection.close()
    assert is_refusal(outcome[0], DEVICE_MOVED)


def test_what_was_removed_meanwhile_is_missing(world: World) -> None:
    device, gone = Device.objects.get(pk=world.waiting.pk), builders.make_device(world.version)
    retirement.retire_devices([gone], by=world.owner)
    for each in (device, gone):
        removal.remove_device(device=Device.objects.get(pk=each.pk), by=world.owner)
    with refused(UNKNOWN_SERIAL):
        windows.open_window(device=device, by=world.technician)
    assert not retirement.bring_back(device=gone, by=world.owner)
    assert retirement.free_serial(device=gone, by=world.owner) == gone.serial


def test_who_reports_while_it_is_removed_harms_nobody_else(world: World) -> None:
    """Others' reports of the same batch are stored, once the removal is over."""
    with transaction.atomic():
        removal.remove_device(device=world.waiting, by=world.owner)
        assert stored_meanwhile([report(world.placed)]) is None
    assert stored_meanwhile([report(world.waiting), report(world.placed)]) is None
    assert not Device.objects.filter(pk=world.waiting.pk).exists()


def test_of_placing_and_removing_at_once_one_wins(world: World) -> None:
    for number in range(10):
        device = builders.make_device(world.version, name=f"Gateway {number}")

        def either(number: int, device: Device = device) -> None:
            own = Device.objects.get(pk=device.pk)
            if number:
                assignments.assign(device=own, group=world.boise, name="N", model=None, by=world.owner)
            else:
                removal.remove_device(device=own, by=world.owner)

        removed, placed = at_once(2, either)
        there = Device.objects.filter(pk=device.pk, group=world.boise).exists()
        assert there == (placed is None) == is_refusal(removed, DEVICE_LIVED)
        assert there or is_refusal(placed, DEVICE_MOVED) or isinstance(placed, Device.DoesNotExist)
        assert Assignment.objects.filter(device=device).count() == there


def nobodys() -> int:
    return Report.objects.exclude(device__in=Device.objects.all()).count()


def test_a_removal_waits_for_reports_and_takes_them_along(world: World) -> None:
    removed: list[dict[int, str]] = []

    def remove() -> None:
        try:
            removed.append(removal.remove_devices([world.waiting], by=world.owner))
        finally:
            connection.close()

    thread = threading.Thread(target=remove)
    with transaction.atomic():
        assert len(save(timed(world.waiting, now(), rpm=1))) == 1
        thread.start()
        thread.join(0.3)
        assert not removed
    thread.join(10)
    assert (removed, Report.objects.filter(device=world.waiting.pk).count()) == ([{}], 0)


def test_reports_wait_for_a_removal_and_then_are_nobodys(world: World) -> None:
    kept: list[object] = []
    reports = [timed(world.waiting, now(), rpm=1), timed(world.placed, now(), rpm=1)]

    def store() -> None:
        try:
            kept.extend(save(*reports))
        finally:
            connection.close()

    thread = threading.Thread(target=store)
    with transaction.atomic():
        assert removal.remove_devices([world.waiting], by=world.owner) == {}
        thread.start()
        thread.join(0.3)
        assert not kept
    thread.join(10)
    assert (kept, nobodys(), Report.objects.count()) == (reports[1:], 0, 1)


def test_of_storing_and_removing_at_once_no_report_is_left(world: World) -> None:
    devices = [builders.make_device(world.version) for _ in range(60)]
    errors: list[Exception] = []

    def store(turn: int) -> None:
        for number in range(40):
            order = devices[:: 1 if (turn + number) % 2 else -1]
            save(*(timed(device, now() + timedelta(milliseconds=number), rpm=turn) for device in order))

    def remove(turn: int) -> None:
        for first in range(turn, len(devices), 10):
            removal.remove_devices(devices[first : first + 5], by=world.owner)

    def run(do: Callable[[int], None], turn: int) -> None:
        try:
            do(turn)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(do, turn)) for do in (store, remove) for turn in (0, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (errors, nobodys()) == ([], 0)
    assert not Device.objects.filter(pk__in=[device.pk for device in devices]).exists()
