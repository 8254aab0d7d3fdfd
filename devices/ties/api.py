"""Through which gateways a device speaks, and for whom it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.identity.serials import MAX_LENGTH
from devices.ties import listing, operations
from tenants.api.base import ApiView, Serializer
from tenants.api.idempotency import idempotent
from tenants.api.schema import describe_operation
from tenants.models import Role

if TYPE_CHECKING:
    from rest_framework.request import Request

    from devices.models import Device

TAG = "Devices"


class TiedDevice(Serializer):
    serial = serializers.CharField()
    device_id = serializers.CharField(help_text="Of whose topics it is.")
    name = serializers.CharField()


class GatewaySent(Serializer):
    gateway = serializers.CharField(max_length=MAX_LENGTH * 2, help_text="Its serial. Both are in one group, or none.")


SHOWN = inline_serializer(
    "TiedDevicePage", {"results": TiedDevice(many=True), "next": serializers.URLField(allow_null=True)}
)


class Gateways(ApiView):
    @describe_operation(TAG, "List the gateways that speak for a device", responses=SHOWN)
    def get(self, request: Request, serial: str) -> Response:
        return _answer(listing.list_ties(self.user, get_device(self.user, serial)).gateways)

    @describe_operation(TAG, "Let a gateway speak for a device", request=GatewaySent, responses={201: TiedDevice})
    @idempotent()
    def post(self, request: Request, serial: str) -> Response:
        """Tie them: the gateway may report for the device, and hear its commands, as long as both stay where they are.
        For admins of both; again it changes nothing."""
        device = listing.get_managed(self.user, serial)
        gateway = listing.find_gateway(self.user, self.read(GatewaySent)["gateway"])
        operations.tie(device=device, gateway=gateway, by=self.user)
        names = {"serial": device.serial, "gateway": gateway.serial}
        return Response(
            _serialize(gateway), status=201, headers={"Location": reverse("devices:api-gateway", kwargs=names)}
        )


class Gateway(ApiView):
    @describe_operation(TAG, "Get a gateway that speaks for a device", responses=TiedDevice)
    def get(self, request: Request, serial: str, gateway: str) -> Response:
        return Response(_serialize(listing.get_gateway(self.user, get_device(self.user, serial), gateway)))

    @describe_operation(TAG, "End a gateway's tie to a device", responses={204: None})
    def delete(self, request: Request, serial: str, gateway: str) -> Response:
        """Let it speak for the device no longer: within five seconds it is disconnected once, and may come back."""
        device = listing.get_managed(self.user, serial)
        through = listing.get_gateway(self.user, device, gateway, role=Role.ADMIN)
        operations.untie(device=device, gateway=through, by=self.user)
        return Response(status=204)


class SpokenFor(ApiView):
    @describe_operation(TAG, "List the devices for which a gateway speaks", responses=SHOWN)
    def get(self, request: Request, serial: str) -> Response:
        return _answer(listing.list_ties(self.user, get_device(self.user, serial)).spoken_for)


def _answer(devices: list[Device]) -> Response:
    return Response({"results": [_serialize(device) for device in devices], "next": None})


def _serialize(device: Device) -> dict[str, Any]:
    return {"serial": device.serial, "device_id": device.device_id, "name": device.name}
