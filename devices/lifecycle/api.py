"""One device: what it is, and where it is placed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from devices.access import get_device
from devices.api import serializers as device_serializers
from devices.lifecycle import assignments, edits
from devices.models import Device, DeviceModel
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine, SeveralLines
from tenants.api.problems import Conflict, Problem
from tenants.api.schema import OpenApiParameter, described
from tenants.api.scoped import Choice
from tenants.models import Group, Role

if TYPE_CHECKING:
    from rest_framework.request import Request

    from devices.models import Device, DeviceModelQuerySet
    from tenants.models import GroupQuerySet, User


IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The `ETag` as read: 412 if the device changed since."
)


def offered_models(user: User) -> DeviceModelQuerySet:
    return DeviceModel.objects.visible_to(user).filter(retired_at=None)


def managed_leaves(user: User) -> GroupQuerySet:
    leaves: GroupQuerySet = Group.objects.manageable_by(user).filter(numchild=0)
    return leaves


class DeviceChange(Serializer):
    name = OneLine(required=False, max_length=120)
    description = SeveralLines(required=False, max_length=500, allow_blank=True)
    tags = device_serializers.Tags(required=False, help_text="Replaces all of them.")
    model = Choice(offered_models, required=False, allow_null=True)


class DevicePlace(Serializer):
    group = Choice(managed_leaves, help_text="A leaf that you manage.")
    name = OneLine(required=False, max_length=120)
    model = Choice(offered_models, required=False, allow_null=True)


class OneDevice(ApiView):
    @described("Devices", "Read a device", responses=device_serializers.DeviceShown)
    def get(self, request: Request, serial: str) -> Response:
        return _answer(get_device(self.user, serial))

    @described(
        "Devices",
        "Change a device",
        request=DeviceChange,
        responses=device_serializers.DeviceShown,
        parameters=[IF_MATCH],
    )
    def patch(self, request: Request, serial: str) -> Response:
        """What is not sent stays. With `If-Match`, only if nothing changed since you read it."""
        device = get_device(self.user, serial, role=Role.ADMIN)
        _require_match(request, device)
        try:
            edits.change(device=device, by=self.user, **self.read(DeviceChange, instance=device))
        except assignments.Moved:
            raise _stale(request) from None
        return _answer(get_device(self.user, serial))


class DeviceAssign(ApiView):
    @described("Devices", "Assign a device to a group", request=DevicePlace, responses=device_serializers.DeviceShown)
    def post(self, request: Request, serial: str) -> Response:
        """Places a device that you manage in a leaf that you manage; one that was elsewhere is released from there.

        What was reported and written in the former group is not seen from the new one, its name neither: without
        `name` it is called by its serial there.
        """
        device = get_device(self.user, serial, role=Role.ADMIN)
        given = self.read(DevicePlace)
        to = {"name": given.get("name"), "model": given.get("model", device.model)}
        try:
            assignments.assign(device=device, group=given["group"], by=self.user, **to)
        except assignments.Moved:
            raise Conflict("The device or the group changed meanwhile. Read them again.") from None
        return _answer(get_device(self.user, serial))


class DeviceRelease(ApiView):
    @described("Devices", "Release a device", request=None, responses={204: None})
    def post(self, request: Request, serial: str) -> Response:
        """Takes the device out of its group: nobody but admins of the whole organisation sees it until it is placed."""
        device = get_device(self.user, serial, role=Role.ADMIN)
        try:
            assignments.release(device=device, by=self.user)
        except assignments.Moved:
            raise Conflict("The device is in no group, or was moved meanwhile.") from None
        return Response(status=204)


def _answer(device: Device) -> Response:
    return Response(device_serializers.device(device), headers={"ETag": device_serializers.etag(device)})


def _require_match(request: Request, device: Device) -> None:
    wanted = request.headers.get("If-Match", "*")
    if wanted != "*" and device_serializers.etag(device) not in {each.strip() for each in wanted.split(",")}:
        raise Problem("precondition-failed")


def _stale(request: Request) -> Problem | Conflict:
    if "If-Match" in request.headers:
        return Problem("precondition-failed")
    return Conflict("The device changed meanwhile. Read it again.")
