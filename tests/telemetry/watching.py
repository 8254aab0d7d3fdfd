"""The check of an open stream of a device, as its view makes it for somebody who is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.test import Client

from telemetry.dashboard.stream_check import Watch
from tenants.accounts.sessions import SignIn

if TYPE_CHECKING:
    from devices.models import Device
    from tenants.models import User


def make_watch(user: User, device: Device) -> Watch:
    client = Client()
    client.force_login(user)
    return Watch(SignIn.of(user, client.session), device.pk, user.find_clock())
