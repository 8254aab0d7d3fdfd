"""Windows of the cast, at any stage."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now
from django.utils import timezone

from devices.models import Device
from devices.mqtt.messages import Report
from provisioning.models import Window
from provisioning.presence import press as presses
from provisioning.windows import operations as windows
from tenants.models import Organisation

if TYPE_CHECKING:
    from tests.conftest import World


def press(
    device: Device,
    *,
    value: bool | float | str = True,
    ago: timedelta = timedelta(),
    known: bool = True,
    repeated: bool = False,
) -> Report:
    """A press that came to the broker so long ago at most."""
    now = timezone.now() - ago
    return Report(
        device=device,
        at=now,
        data={"registerButton": value},
        received_at=now,
        timed=False,
        retained=False,
        repeated=repeated,
        came_after=now if known else None,
    )


def report_press(device: Device, **how: Any) -> list[str]:
    """Return the topics of the windows that it moved on."""
    return presses.count_presses([press(device, **how)])


def pressed_window(world: World) -> Window:
    window = windows.open_window(device=world.waiting, by=world.technician)
    time.sleep(0.002)  # SQLite's clock counts milliseconds, and a press in the one of the opening was before it
    report_press(world.waiting)
    window.refresh_from_db()
    assert window.pressed_at
    return window


def ask_for(world: World, method: str) -> None:
    """Have windows of the organisation ask for it."""
    Organisation.objects.filter(pk=world.kanarra.pk).update(presence=method)
    world.waiting = Device.objects.select_related("organisation", "version").get(pk=world.waiting.pk)


def end_in(window: Window, **delta: float) -> None:
    """Move the deadline to so much from now, by the database's clock."""
    Window.objects.filter(pk=window.pk).update(deadline=Now() + timedelta(**delta))


def form_data(world: World, **change: object) -> dict[str, object]:
    return {"name": "KP002", "group": world.anaheim.pk, "model": world.waiting.model_id, **change}
