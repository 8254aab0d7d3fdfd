"""The end of a device's life, and its recipe's last version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from devices.access import get_device
from devices.api import serializers as device_serializers
from devices.lifecycle import retirement, versions
from tenants.access import require_owner
from tenants.api.base import ApiView
from tenants.api.schema import describe_operation
from tenants.models import Role

if TYPE_CHECKING:
    from rest_framework.request import Request

    from devices.models import Device


class Retire(ApiView):
    @describe_operation("Devices", "Retire a device", request=None, responses=device_serializers.DeviceShown)
    def post(self, request: Request, serial: str) -> Response:
        """End its life: it is in no list but that of `status=retired`, its credentials are revoked, its history and its
        serial stay. Retiring a retired one changes nothing."""
        retirement.retire_devices([_get_managed_device(self, serial)], by=self.user)
        return _answer(self, serial)


class Restore(ApiView):
    @describe_operation("Devices", "Bring back a device", request=None, responses=device_serializers.DeviceShown)
    def post(self, request: Request, serial: str) -> Response:
        """Put a retired device back where it was. It needs a new credential: the former ones stay revoked."""
        retirement.bring_back(device=_get_managed_device(self, serial), by=self.user)
        return _answer(self, serial)


class FreeSerial(ApiView):
    @describe_operation(
        "Devices", "Give a device's serial free", request=None, responses=device_serializers.DeviceShown
    )
    def post(self, request: Request, serial: str) -> Response:
        """Let another device have the serial of a retired one, for admins of the whole organisation. The retired one is
        found by the serial in this answer from then on, and can't be brought back."""
        require_owner(self.user)
        return _answer(self, retirement.free_serial(device=_get_managed_device(self, serial), by=self.user))


class RecipeVersion(ApiView):
    @describe_operation(
        "Devices",
        "Bring a device to its recipe's last version",
        request=None,
        responses=device_serializers.DeviceShown,
    )
    def post(self, request: Request, serial: str) -> Response:
        """Read what it reports as its recipe says now, for admins of the whole organisation. Its model, tags and
        credentials stay as they are."""
        require_owner(self.user)
        versions.update_device(device=_get_managed_device(self, serial), by=self.user)
        return _answer(self, serial)


def _get_managed_device(view: ApiView, serial: str) -> Device:
    return get_device(view.user, serial, role=Role.ADMIN)


def _answer(view: ApiView, serial: str) -> Response:
    return Response(device_serializers.serialize_device(_get_managed_device(view, serial)))
