"""A device's lock and its activation: for the admins of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from devices.access import get_device
from devices.api import serializers as device_serializers
from devices.connections import activation
from devices.lifecycle import locks
from devices.refusals import ACTIVATION_NOT_NEEDED
from lib.refusals import Refusal
from tenants.api.base import ApiView
from tenants.api.schema import describe_operation
from tenants.models import Role

if TYPE_CHECKING:
    from rest_framework.request import Request

    from devices.models import Device

TAG = "Credentials and locks"


class Lock(ApiView):
    @describe_operation(TAG, "Lock a device", request=None, responses=device_serializers.DeviceShown)
    def post(self, request: Request, serial: str) -> Response:
        """Lock it: it can neither connect nor be registered. Locking a locked one changes nothing."""
        locks.lock_devices([_get_managed_device(self, serial)], by=self.user)
        return Response(device_serializers.serialize_device(_get_managed_device(self, serial)))


class Unlock(ApiView):
    @describe_operation(TAG, "Unlock a device", request=None, responses=device_serializers.DeviceShown)
    def post(self, request: Request, serial: str) -> Response:
        locks.unlock_devices([_get_managed_device(self, serial)], by=self.user)
        return Response(device_serializers.serialize_device(_get_managed_device(self, serial)))


class OpenAgain(ApiView):
    @describe_operation(TAG, "Open a device's activation again", request=None, responses=device_serializers.DeviceShown)
    def post(self, request: Request, serial: str) -> Response:
        """Give more time to a device that never connected."""
        if not activation.reopen_activation([_get_managed_device(self, serial)], by=self.user):
            raise Refusal(ACTIVATION_NOT_NEEDED)
        return Response(device_serializers.serialize_device(_get_managed_device(self, serial)))


def _get_managed_device(view: ApiView, serial: str) -> Device:
    return get_device(view.user, serial, role=Role.ADMIN)
