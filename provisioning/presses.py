"""The register button: reports that open the second half of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models.functions import Now

from devices.models import Event
from provisioning import windows
from provisioning.models import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devices.mqtt.messages import Report

ATTRIBUTE = "registerButton"
PROOF = "press"


def count(reports: Sequence[Report]) -> list[str]:
    """Moves the open windows of these devices on; to be called inside the transaction that stores the reports.

    Takes reports that are new, never retained or repeated ones. What counts is that the server handles them while
    the window is open, by the database's clock. Returns the live topics to announce after the commit.
    """
    pressed = {report.device.pk for report in reports if report.data.get(ATTRIBUTE)}
    if not pressed:
        return []
    waiting = Window.objects.open().filter(device__in=pressed, pressed_at=None)
    return [
        windows.topic(window.key)
        for window in waiting.select_related("device__organisation")
        if PROOF in window.device.organisation.proof_methods and _press(window)
    ]


def _press(window: Window) -> bool:
    waiting = Window.objects.open().filter(pk=window.pk, pressed_at=None)
    if waiting.update(pressed_at=Now()) != 1:
        return False
    windows.record(Event.Kind.PRESSED, window.device, by=None)
    return True
