"""The register button: reports that open the second half of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models.functions import Now

from devices import events
from devices.models import Device, Event
from lib import columns
from lib.prepared import Update, Whole, prepared, prepared_update
from provisioning.models import Window
from tenants.models import Presence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from devices.mqtt.messages import Report

ATTRIBUTE = "registerButton"


def count_presses(reports: Sequence[Report]) -> list[str]:
    """Move the open windows of these devices on; to be called inside the transaction that stores the reports.

    A press counts if it came to the broker after the window was opened, for certain, and is handled while it is open,
    both by the database's clock. One that the broker repeats may have come before whatever is delivered ahead of it.
    Returns the live topics to announce after the commit.
    """
    known = [(report.came_after, report.device.pk) for report in reports if _is_press(report) and report.came_after]
    pressed = {device: came_after for came_after, device in sorted(known)}  # of several the last, wherever it stands
    if not pressed:
        return []
    asked = _select_asked(Whole(columns.encode_numbers(pressed)))
    return [window.topic for window in asked if _press(window, pressed[window.device_id])]


@prepared
def _select_asked(devices: str) -> QuerySet[Window]:
    waiting = Window.objects.open().filter(Device.may_connect("device__"), device__one_of=devices, pressed_at=None)
    return waiting.filter(method=Presence.PRESS).select_related("device")


def _is_press(report: Report) -> bool:
    """Return whether it has a true value; a text is none, not even "true"."""
    value = report.data.get(ATTRIBUTE)
    return isinstance(value, int | float) and bool(value) and not report.repeated


def _press(window: Window, came_after: datetime) -> bool:
    if window.opened_at >= came_after or _mark_pressed(window.pk) != 1:  # when it was opened never changes
        return False
    events.record(Event.Kind.PRESSED, device=window.device, window=str(window.key))
    return True


@prepared_update
def _mark_pressed(window: int) -> Update:
    return Update(Window.objects.open().filter(pk=window, pressed_at=None), {"pressed_at": Now()})
