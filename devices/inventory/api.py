"""Devices: the list, one, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.api import serializers as device_serializers
from devices.api.file_responses import CSV, FileView, holding
from devices.identity import formats
from devices.inventory import export as device_export
from devices.inventory import listing as device_listing
from devices.inventory.filters import DeviceFilter
from devices.lifecycle import register_with_credential, registration
from devices.models import Device, Event, Recipe
from lib import parsing
from lib.paging import NEWEST_FIRST
from lib.streaming import attachment
from tenants.access import require_admin, require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import BadQuery, Conflict, refused
from tenants.api.schema import OpenApiParameter, described, listing
from tenants.api.scoped import Choice
from tenants.models import Group

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from devices.models import DeviceQuerySet, RecipeQuerySet
    from tenants.models import User

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


def offered_recipes(user: User) -> RecipeQuerySet:
    return Recipe.objects.manageable_by(user).filter(retired_at=None)


class DeviceNew(Serializer):
    recipe = Choice(offered_recipes)
    serial = serializers.CharField(
        required=False,
        max_length=formats.MAX_GIVEN,
        allow_blank=True,
        help_text="Of the recipe's format; without it the device gets one.",
    )
    name = OneLine(required=False, max_length=120, help_text="Without it the serial.")


class Devices(ApiView):
    @listing("Devices", "List devices", device_serializers.DeviceShown, parameters=FILTERS)
    def get(self, request: Request) -> Response:
        """The devices that you reach, by name; narrowed as the list on the site is."""
        rows = self._narrowed().with_status().select_related("group", "model", "assignment")
        return page(request, rows, device_listing.BY_NAME).answer(device_serializers.device)

    @described("Devices", "Register a device", request=DeviceNew, responses={201: device_serializers.DeviceRegistered})
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
        body = device_serializers.device(get_device(user, device.serial)) | {"credential": secret}
        return Response(body, status=201, headers={"Location": location})

    def _narrowed(self) -> DeviceQuerySet:
        form, group = _filter(self.request, self.user)
        return device_listing.found(form, self.user, group)[1]


class DeviceEvents(ApiView):
    @listing("Devices", "List a device's events", device_serializers.EventShown)
    def get(self, request: Request, serial: str) -> Response:
        """What happened to it since it is in its group, newest first."""
        rows = Event.objects.of(get_device(self.user, serial)).select_related("by")
        return page(request, rows, NEWEST_FIRST).answer(device_serializers.event)


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
        device_export.record_export(devices=devices, selection={"query": request.query_params.urlencode()}, by=user)
        return attachment(device_export.registry(devices, user), "devices.csv")


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
