"""The gates of registration: what a technician may open a window on, and the windows that are theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.identity import serials
from devices.models import Device
from provisioning.models import Window
from tenants.access import found

if TYPE_CHECKING:
    from uuid import UUID

    from provisioning.scanning.label_reader import Reading
    from tenants.access import Viewer
    from tenants.models import ApiToken


class Ambiguous(Exception):
    """What was read names two devices; the message has their serials."""


def find_scanned(user: Viewer, reading: Reading) -> tuple[Device | None, Device | None]:
    """The device that was scanned: as one that the user may register, and as one that they see; None where not.

    Raises `Ambiguous` where a tier of the reading names two.
    """
    keys = {serials.fold(each) for each in reading.candidates}
    registrable, visible = (
        {device.serial_key: device for device in scope.filter(serial_key__in=keys)}
        for scope in (
            Device.objects.registrable_by(user).select_related("organisation"),
            Device.objects.visible_to(user).select_related("group"),
        )
    )
    known = registrable.keys() | visible.keys()
    for tier in reading.tiers:
        here = sorted({serials.fold(each) for each in tier} & known)
        if len(here) > 1:
            raise Ambiguous(" and ".join((registrable | visible)[key].serial for key in here))
        if here:
            return registrable.get(here[0]), visible.get(here[0])
    return None, None


def find_visible(user: Viewer, serial: str) -> Device | None:
    return Device.objects.visible_to(user).select_related("group").filter(serial_key=serials.fold(serial)).first()


def get_window(user: Viewer, key: UUID, token: ApiToken | None = None) -> Window:
    scope = Window.objects.visible_to(user, token).with_state()
    return found(scope.select_related("device__organisation", "device__group", "device__model"), key=key)
