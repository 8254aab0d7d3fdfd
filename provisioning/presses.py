"""The register button: reports that open the second half of a window."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models.functions import Now
from django.utils import timezone

from devices.models import Device, Event
from provisioning import windows
from provisioning.models import Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from devices.mqtt.messages import Report, Value

ATTRIBUTE = "registerButton"
PROOF = "press"


def count(reports: Sequence[Report]) -> list[str]:
    """Moves the open windows of these devices on; to be called inside the transaction that stores the reports.

    Takes reports that are new, never retained or repeated ones. What counts is that the server handles them while
    the window is open, by the database's clock. Returns the live topics to announce after the commit.
    """
    pressed = {report.device.pk: report.received_at for report in reports if _is_press(report.data.get(ATTRIBUTE))}
    if not pressed:
        return []
    waiting = Window.objects.open().filter(Device.may_connect("device__"), device__in=pressed, pressed_at=None)
    return [
        windows.topic(window.key)
        for window in waiting.select_related("device__organisation")
        if PROOF in window.device.organisation.proof_methods and _press(window, pressed[window.device_id])
    ]


def _is_press(value: Value | None) -> bool:
    """A true value; a text is none, not even "true"."""
    return isinstance(value, int | float) and bool(value)


def _press(window: Window, received_at: datetime) -> bool:
    # A batch may have waited, for the database say, while the window was opened. Both times of the difference are
    # this machine's, so its clock need not agree with the database's.
    waited = max(timezone.now() - received_at, timedelta())
    waiting = Window.objects.open().filter(pk=window.pk, pressed_at=None, opened_at__lte=Now() - waited)
    if waiting.update(pressed_at=Now()) != 1:
        return False
    windows.record(Event.Kind.PRESSED, window.device, by=None)
    return True
