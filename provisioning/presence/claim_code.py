"""The claim code on the label: whoever reads it stands at the device. It is spent when the device is placed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from devices.credentials.presence_secrets import list_code_digests
from devices.models import Device, PresenceSecret
from tenants.models import Presence

if TYPE_CHECKING:
    from provisioning.models import WindowQuerySet


def prove(waiting: WindowQuerySet, code: str) -> bool:
    """Move the window on, if this is the unspent claim code of its device; return whether it was.

    One statement, which is the same whether the device has a code or not.
    """
    of_device = PresenceSecret.objects.filter(Device.may_connect("device__"), device=OuterRef("device"))
    fitting = of_device.filter(method=Presence.CLAIM_CODE, digest__in=list_code_digests(code), spent_at=None)
    return waiting.filter(Exists(fitting)).update(pressed_at=Now()) == 1
