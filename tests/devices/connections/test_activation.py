"""A device is activated when it connects or reports first; before that it may expire, and be opened again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from config.ingest import ingest
from devices.broker import authorization
from devices.connections import activation
from devices.credentials import operations as credentials
from devices.lifecycle import locks
from devices.models import Connection, Device, Event
from devices.mqtt.messages import counts
from provisioning.models import Window
from provisioning.windows import operations as windows
from telemetry.models import Report
from tests import builders
from tests.config.test_ingest import message

if TYPE_CHECKING:
    from tests.conftest import World


def expire(device: Device) -> None:
    Device.objects.filter(pk=device.pk).update(expires_at=Now() - timedelta(seconds=1))


def told(device: Device, kind: Event.Kind) -> int:
    return Event.objects.filter(device=device, kind=kind).count()


def test_the_first_connect_activates_once_and_clears_nothing_else(world: World) -> None:
    issued = credentials.issue_credential(device=world.waiting, by=None)
    Device.objects.update(expires_at=Now() + timedelta(hours=1))
    before = Device.objects.values().get(pk=world.waiting.pk)
    for _ in range(2):
        assert authorization.admit(issued.access_key, issued.access_secret, world.waiting.device_id)
    after = Device.objects.values().get(pk=world.waiting.pk)
    assert after["activated_at"] is not None
    assert after | {"activated_at": None} == before
    assert Event.objects.get(device=world.waiting, kind=Event.Kind.ACTIVATED).by is None
    expire(world.waiting)
    assert authorization.admit(issued.access_key, issued.access_secret, world.waiting.device_id)


def test_the_first_report_activates_in_a_constant_number_of_statements(world: World) -> None:
    def statements(devices: list[Device]) -> int:
        with CaptureQueriesContext(connection) as asked:
            ingest([message(device.device_id, {"rpm": 1}) for device in devices])
        return len(asked)

    few, many = ([builders.make_device(world.version) for _ in range(count)] for count in (2, 40))
    ingest([message(world.placed.device_id, {"rpm": 1})])
    assert statements(few) == statements(many)
    assert statements(many) < statements([builders.make_device(world.version)])
    assert Event.objects.filter(kind=Event.Kind.ACTIVATED).count() == 44


def test_an_expired_device_is_refused_and_what_it_reports_is_nothing(world: World) -> None:
    issued = credentials.issue_credential(device=world.waiting, by=None)
    window = windows.open_window(device=world.waiting, by=world.technician)
    expire(world.waiting)
    counts.clear()
    ingest([message(world.waiting.device_id, {"rpm": 1, "registerButton": True})])
    assert counts["barred"] == 1
    assert authorization.admit(issued.access_key, issued.access_secret, world.waiting.device_id) is None
    assert Window.objects.get(pk=window.pk).pressed_at is None
    assert not Report.objects.exists()
    assert not Connection.objects.exists()
    assert activation.activate_devices([world.waiting.pk]) == 0
    assert len(activation.reopen_activation([world.waiting], by=world.owner)) == 1
    assert authorization.admit(issued.access_key, issued.access_secret, world.waiting.device_id)


def test_opening_again_is_for_those_that_never_connected_and_can_expire(world: World) -> None:
    activated, expired, everlasting = (builders.make_device(world.version) for _ in range(3))
    expire(expired)
    expire(activated)
    Device.objects.filter(pk=activated.pk).update(activated_at=Now())
    expire(world.alien)
    asked = [activated, expired, everlasting, world.alien]
    assert len(activation.reopen_activation(asked, by=world.owner)) == 1
    hours = timedelta(hours=world.kanarra.activation_hours)
    left = Device.objects.filter(expires_at__gt=Now() + hours - timedelta(minutes=1), expires_at__lte=Now() + hours)
    assert list(left) == [expired]
    assert Event.objects.get(kind=Event.Kind.OPENED_AGAIN).by == world.owner
    assert told(expired, Event.Kind.OPENED_AGAIN) == 1


def test_a_locked_device_is_neither_activated_nor_heard(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    assert locks.lock_devices([world.waiting], by=world.owner)
    assert not locks.lock_devices([world.waiting], by=world.owner)
    ingest([message(world.waiting.device_id, {"registerButton": True}), message(world.placed.device_id, {"rpm": 1})])
    assert Window.objects.get(pk=window.pk).pressed_at is None
    assert told(world.waiting, Event.Kind.ACTIVATED) == 0
    assert told(world.placed, Event.Kind.ACTIVATED) == 1
    assert locks.unlock_devices([world.waiting], by=world.owner)
    assert not locks.unlock_devices([world.waiting], by=world.owner)
    ingest([message(world.waiting.device_id, {"registerButton": True})])
    assert Window.objects.get(pk=window.pk).pressed_at is not None
    assert told(world.waiting, Event.Kind.LOCKED) == told(world.waiting, Event.Kind.UNLOCKED) == 1


@pytest.mark.parametrize("status", ["locked", "expired"])
def test_the_status_is_shown_and_can_be_filtered_by(world: World, status: str) -> None:
    if status == "locked":
        locks.lock_devices([world.waiting], by=world.owner)
    else:
        expire(world.waiting)
    found = Device.objects.with_status().filter(status=status)  # type: ignore[misc]
    assert [device.pk for device in found] == [world.waiting.pk]
