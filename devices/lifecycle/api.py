"""One device: what it is, and where it is placed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.api import serializers as device_serializers
from devices.lifecycle import assignments, edits, persons, removal
from devices.models import Device, DeviceModel
from lib.refusals import Refusal
from tenants.access import require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine, SeveralLines
from tenants.api.schema import OpenApiParameter, describe_operation
from tenants.api.scoped import Choice
from tenants.models import Group, Role
from tenants.refusals import PRECONDITION_FAILED

if TYPE_CHECKING:
    from rest_framework.request import Request

    from devices.models import Device, DeviceModelQuerySet
    from tenants.models import GroupQuerySet, User


IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The `ETag` as read: 412 if the device changed since."
)


def offered_models(user: User) -> DeviceModelQuerySet:
    return DeviceModel.objects.visible_to(user).available()


def managed_leaves(user: User) -> GroupQuerySet:
    leaves: GroupQuerySet = Group.objects.manageable_by(user).filter(numchild=0)
    return leaves


class DeviceChange(Serializer):
    VOLATILE = frozenset({"status", "needs_attention", "last_seen_at", "activated_at", "expires_at"})

    name = OneLine(required=False, max_length=120)
    description = SeveralLines(required=False, max_length=500, allow_blank=True)
    tags = device_serializers.Tags(required=False, help_text="Replaces all of them.")
    model = Choice(offered_models, required=False, allow_null=True)


class DevicePlace(Serializer):
    group = Choice(managed_leaves, help_text="A leaf that you manage.")
    person = serializers.EmailField(
        required=False,
        allow_null=True,
        help_text="The e-mail address of whose it is within the group, if your organisation allows that. They need a "
        "role there. Nobody else of the group but its admins sees the device then.",
    )
    name = OneLine(required=False, max_length=120)
    model = Choice(offered_models, required=False, allow_null=True)


class OneDevice(ApiView):
    @describe_operation("Devices", "Read a device", responses=device_serializers.DeviceShown)
    def get(self, request: Request, serial: str) -> Response:
        return _answer(get_device(self.user, serial))

    @describe_operation(
        "Devices",
        "Change a device",
        request=DeviceChange,
        responses=device_serializers.DeviceShown,
        parameters=[IF_MATCH],
    )
    def patch(self, request: Request, serial: str) -> Response:
        """Change what is sent; the rest stays. With `If-Match`, only if nothing changed since you read it."""
        device = get_device(self.user, serial, role=Role.ADMIN)
        _require_match(request, device)
        change = self.read(DeviceChange, instance=device, shown=device_serializers.serialize_device(device))
        edits.change_device(device=device, by=self.user, as_matched="If-Match" in request.headers, **change)
        return _answer(get_device(self.user, serial))

    @describe_operation("Devices", "Remove a device", responses={204: None})
    def delete(self, request: Request, serial: str) -> Response:
        """Remove what was made by mistake, for admins of the whole organisation: within 24 hours, if it never connected
        and nobody placed it since, or changed it in the group that it was made in. Its credentials go with it. Retire
        any other."""
        require_owner(self.user)
        removal.remove_device(device=get_device(self.user, serial, role=Role.ADMIN), by=self.user)
        return Response(status=204)


class DeviceAssign(ApiView):
    @describe_operation(
        "Devices", "Assign a device to a group", request=DevicePlace, responses=device_serializers.DeviceShown
    )
    def post(self, request: Request, serial: str) -> Response:
        """Place a device that you manage in a leaf that you manage; one that was elsewhere is released from there.

        What was reported and written in the former group, or with the former person, is not seen from the new one, its
        name neither: without `name` it is called by its serial there.
        """
        device = get_device(self.user, serial, role=Role.ADMIN)
        body = self.read(DevicePlace)
        to: dict[str, Any] = {"name": body.get("name"), "model": body.get("model", device.model)}
        to["person"] = persons.find_person(self.user, body["person"]) if body.get("person") else None
        assignments.assign(device=device, group=body["group"], by=self.user, **to)
        return _answer(get_device(self.user, serial))


class DeviceRelease(ApiView):
    @describe_operation("Devices", "Release a device", request=None, responses={204: None})
    def post(self, request: Request, serial: str) -> Response:
        """Take the device out of its group: nobody but admins of the whole organisation sees it until it is placed."""
        device = get_device(self.user, serial, role=Role.ADMIN)
        assignments.release(device=device, by=self.user)
        return Response(status=204)


def _answer(device: Device) -> Response:
    return Response(
        device_serializers.serialize_device(device), headers={"ETag": device_serializers.compute_etag(device)}
    )


def _require_match(request: Request, device: Device) -> None:
    wanted = request.headers.get("If-Match", "*")
    if wanted != "*" and device_serializers.compute_etag(device) not in {tag.strip() for tag in wanted.split(",")}:
        raise Refusal(PRECONDITION_FAILED)
