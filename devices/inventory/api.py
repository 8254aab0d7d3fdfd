"""Devices: the list, one, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.api import serializers as shown
from devices.api.file_responses import CSV, FileView, holding
from devices.identity import formats
from devices.inventory import export as results
from devices.inventory import listing as pages
from devices.inventory.filters import DeviceFilter
from devices.lifecycle import assignments, edits, register_with_credential, registration
from devices.models import Device, DeviceModel, Event, Recipe
from lib import parsing
from lib.paging import NEWEST_FIRST
from lib.streaming import attachment
from tenants.access import require_admin, require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine, SeveralLines
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import BadQuery, Conflict, Problem, refused
from tenants.api.schema import OpenApiParameter, described, listing
from tenants.api.scoped import Choice
from tenants.models import Group, Role

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from devices.models import DeviceModelQuerySet, DeviceQuerySet, RecipeQuerySet
    from tenants.models import GroupQuerySet, User

FILTERS = [
    OpenApiParameter("q", str, description="Part of the name or the serial."),
    OpenApiParameter("status", str, enum=Device.Status.values),
    OpenApiParameter("model", int, description="A model's id."),
    OpenApiParameter("tag", str, description="`name`, or `name:value`."),
    OpenApiParameter("recipe", int, description="A recipe's id, for admins of the whole organisation."),
    OpenApiParameter("since", OpenApiTypes.DATE, description="Registered on this day (UTC) or later."),
    OpenApiParameter("until", OpenApiTypes.DATE, description="Registered on this day (UTC) or before."),
    OpenApiParameter("import", OpenApiTypes.UUID, description="An import's key: devices that it made."),
    OpenApiParameter("waiting", bool, description="Only devices in no group."),
    OpenApiParameter("group", int, description="In this group, or below it."),
]
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The `ETag` as read: 412 if the device changed since."
)


def offered_recipes(user: User) -> RecipeQuerySet:
    return Recipe.objects.manageable_by(user).filter(retired_at=None)


def offered_models(user: User) -> DeviceModelQuerySet:
    return DeviceModel.objects.visible_to(user).filter(retired_at=None)


def managed_leaves(user: User) -> GroupQuerySet:
    leaves: GroupQuerySet = Group.objects.manageable_by(user).filter(numchild=0)
    return leaves


class DeviceNew(Serializer):
    recipe = Choice(offered_recipes)
    serial = serializers.CharField(
        required=False,
        max_length=formats.MAX_GIVEN,
        allow_blank=True,
        help_text="Of the recipe's format; without it the device gets one.",
    )
    name = OneLine(required=False, max_length=120, help_text="Without it the serial.")


class DeviceChange(Serializer):
    name = OneLine(required=False, max_length=120)
    description = SeveralLines(required=False, max_length=500, allow_blank=True)
    tags = shown.Tags(required=False, help_text="Replaces all of them.")
    model = Choice(offered_models, required=False, allow_null=True)


class DevicePlace(Serializer):
    group = Choice(managed_leaves, help_text="A leaf that you manage.")
    name = OneLine(required=False, max_length=120)
    model = Choice(offered_models, required=False, allow_null=True)


class Devices(ApiView):
    @listing("Devices", "List devices", shown.DeviceShown, parameters=FILTERS)
    def get(self, request: Request) -> Response:
        """The devices that you reach, by name; narrowed as the list on the site is."""
        rows = self._narrowed().with_status().select_related("group", "model", "assignment")
        return page(request, rows, pages.BY_NAME).answer(shown.device)

    @described("Devices", "Register a device", request=DeviceNew, responses={201: shown.DeviceRegistered})
    @idempotent(secret=True)
    def post(self, request: Request) -> Response:
        """Makes a device from a recipe, for admins of the whole organisation. Its secret is in this answer only."""
        user = require_owner(self.user)
        given = self.read(DeviceNew)
        try:
            device, issued = register_with_credential.add(
                version=given.pop("recipe").current, by=user, **{"serial": "", **given}
            )
        except registration.Taken:
            raise Conflict("A device with this serial is registered already.") from None
        secret = {"access_key": issued.access_key, "access_secret": issued.access_secret} if issued else None
        location = reverse("devices:api-device", kwargs={"serial": device.serial})
        body = shown.device(get_device(user, device.serial)) | {"credential": secret}
        return Response(body, status=201, headers={"Location": location})

    def _narrowed(self) -> DeviceQuerySet:
        form, group = _filter(self.request, self.user)
        return pages.found(form, self.user, group)[1]


class OneDevice(ApiView):
    @described("Devices", "Read a device", responses=shown.DeviceShown)
    def get(self, request: Request, serial: str) -> Response:
        return _answer(get_device(self.user, serial))

    @described("Devices", "Change a device", request=DeviceChange, responses=shown.DeviceShown, parameters=[IF_MATCH])
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
    @described("Devices", "Assign a device to a group", request=DevicePlace, responses=shown.DeviceShown)
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


class DeviceEvents(ApiView):
    @listing("Devices", "List a device's events", shown.EventShown)
    def get(self, request: Request, serial: str) -> Response:
        """What happened to it since it is in its group, newest first."""
        rows = Event.objects.of(get_device(self.user, serial)).select_related("by")
        return page(request, rows, NEWEST_FIRST).answer(shown.event)


class DevicesExport(FileView):
    @described(
        "Devices",
        "Export devices",
        parameters=FILTERS,
        request=None,
        responses=holding(CSV, "The devices that you manage, in the order in which they were registered."),
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Narrowed as the list is; it is logged, therefore a POST."""
        user = require_admin(self.user)
        form, group = _filter(request, user)
        devices = form.apply(Device.objects.manageable_by(user))
        devices = devices.filter(group__path__startswith=group.path) if group else devices
        results.record_export(devices=devices, selection={"query": request.query_params.urlencode()}, by=user)
        return attachment(results.registry(devices, user), "devices.csv")


def _filter(request: Request, user: User) -> tuple[DeviceFilter, Group | None]:
    given = request.query_params.dict()
    pk = given.get("group", "")
    group = Group.objects.visible_to(user).filter(pk=parsing.whole(pk)).first()
    if pk and group is None:
        raise BadQuery({"group": ["There is no such group."]})
    form = DeviceFilter({name: given[name] for name in given if name not in {"after", "before"}}, user=user)
    if not form.is_valid():
        raise BadQuery(refused(form).detail)
    return form, group


def _answer(device: Device) -> Response:
    return Response(shown.device(device), headers={"ETag": shown.etag(device)})


def _require_match(request: Request, device: Device) -> None:
    wanted = request.headers.get("If-Match", "*")
    if wanted != "*" and shown.etag(device) not in {each.strip() for each in wanted.split(",")}:
        raise Problem("precondition-failed")


def _stale(request: Request) -> Problem | Conflict:
    if "If-Match" in request.headers:
        return Problem("precondition-failed")
    return Conflict("The device changed meanwhile. Read it again.")
