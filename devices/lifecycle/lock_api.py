"""A device's lock and its activation: for the admins of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from devices.access import get_device
from devices.api import serializers as device_serializers
from devices.connections import activation
from devices.lifecycle import locks
from tenants.api.base import ApiView
from tenants.api.problems import Conflict
from tenants.api.schema import described
from tenants.models import Role

if TYPE_CHECKING:
    from rest_framework.request import Request

    from devices.models import Device

TAG = "Credentials and locks"


class Lock(ApiView):
    @described(TAG, "Lock a device", request=None, responses=device_serializers.DeviceShown)
    def post(self, request: Request, serial: str) -> Response:
        """It can neither connect nor be registered. Locking a locked one changes nothing."""
        locks.lock(device=_managed(self, serial), by=self.user)
        return Response(device_serializers.device(_managed(self, serial)))


class Unlock(ApiView):
    @described(TAG, "Unlock a device", request=None, responses=device_serializers.DeviceShown)
    def post(self, request: Request, serial: str) -> Response:
        locks.unlock(device=_managed(self, serial), by=self.user)
        return Response(device_serializers.device(_managed(self, serial)))


class OpenAgain(ApiView):
    @described(TAG, "Open a device's activation again", request=None, responses=device_serializers.DeviceShown)
    def post(self, request: Request, serial: str) -> Response:
        """More time for a device that never connected."""
        if not activation.open_again(devices=[_managed(self, serial)], by=self.user):
            raise Conflict("It needs no activation: it has connected before, or never expires.")
        return Response(device_serializers.device(_managed(self, serial)))


def _managed(view: ApiView, serial: str) -> Device:
    return get_device(view.user, serial, role=Role.ADMIN)
