"""Devices: the list, one, and what can be done with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.api import serializers as device_serializers
from devices.api.file_responses import CSV, FileView, describe_file
from devices.identity.label_text import MAX_TEXT
from devices.inventory import export as device_export
from devices.inventory import listing as device_listing
from devices.inventory.filters import ID, NO_ORDER, ORDERS, STATUSES, DeviceFilter
from devices.lifecycle import register_with_credential
from devices.models import Device, Event
from devices.models.attention import with_attention
from devices.recipes import label_rules
from devices.recipes.operations import find_available_recipes
from lib import parsing
from lib.paging import NEWEST_FIRST
from lib.streaming import make_csv_response
from tenants.access import require_admin, require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import BadQuery, convert_form_errors
from tenants.api.schema import OpenApiParameter, describe_list, describe_operation
from tenants.api.scoped import Choice
from tenants.audit import actors
from tenants.models import Group

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from devices.models import DeviceQuerySet
    from tenants.models import User

FILTERS = [
    OpenApiParameter("q", str, description="Part of the name or the serial."),
    OpenApiParameter("status", str, enum=[value for value, _ in STATUSES]),
    OpenApiParameter("model", int, description="A model's id."),
    OpenApiParameter("tag", str, description="`name`, or `name: value`."),
    OpenApiParameter("recipe", int, description="A recipe's id, for admins of the whole organisation."),
    OpenApiParameter("since", OpenApiTypes.DATE, description="Added on this day (UTC) or later."),
    OpenApiParameter("until", OpenApiTypes.DATE, description="Added on this day (UTC) or before."),
    OpenApiParameter("import", OpenApiTypes.UUID, description="An import's key: devices that it made."),
    OpenApiParameter("waiting", bool, description="Only devices in no group."),
    OpenApiParameter("group", int, description="In this group, or below it."),
]


ORDER = OpenApiParameter(
    "order",
    str,
    enum=list(ORDERS),
    description="`id` (where none is sent): in the order in which they were made, so that a walk meets each once, "
    "whatever is renamed meanwhile. `name`: by name. `attention`: those that need attention first; among them, and "
    "among the others, by name.",
)


class DeviceNew(Serializer):
    recipe = Choice(
        find_available_recipes,
        required=False,
        help_text="May be left out where `serial` is the text of a label whose recipe your `label-rules/` say.",
    )
    serial = serializers.CharField(
        required=False,
        max_length=MAX_TEXT,
        allow_blank=True,
        help_text="Of the recipe's format, or the whole text of a label that holds it; without it the device gets one.",
    )
    name = OneLine(required=False, max_length=120, help_text="Without it the serial.")


class Devices(ApiView):
    @describe_list("Devices", "List devices", device_serializers.DeviceShown, parameters=[*FILTERS, ORDER])
    def get(self, request: Request) -> Response:
        """List the devices that you reach, narrowed and in the same orders as the list on the site is."""
        related = "group", "person", "model", "assignment", "version"
        rows = with_attention(self._find_devices().with_status()).select_related(*related)
        name = request.query_params.get("order", ID)
        if name not in ORDERS:
            raise BadQuery({"order": [NO_ORDER]})
        order = device_listing.choose_order(name, self.user)
        return page(request, rows, order).answer(device_serializers.serialize_device)

    @describe_operation("Devices", "Add a device", request=DeviceNew, responses={201: device_serializers.DeviceAdded})
    @idempotent(secret=True)
    def post(self, request: Request) -> Response:
        """Make a device from a recipe, for admins of the whole organisation. Its secret is in this answer only."""
        user = require_owner(self.user)
        given = self.read(DeviceNew)
        recipe = given.pop("recipe", None) or label_rules.find_recipe(user.organisation_id, given.get("serial", ""))
        if recipe is None:
            raise serializers.ValidationError({"recipe": ["Choose what kind of device it is."]})
        device, issued = register_with_credential.add_device(version=recipe.current, by=user, **{"serial": "", **given})
        secret = {"access_key": issued.access_key, "access_secret": issued.access_secret} if issued else None
        location = reverse("devices:api-device", kwargs={"serial": device.serial})
        body = device_serializers.serialize_device(get_device(user, device.serial)) | {"credential": secret}
        return Response(body, status=201, headers={"Location": location})

    def _find_devices(self) -> DeviceQuerySet:
        form, group = _read_filter(self.request, self.user)
        return device_listing.find_devices(form, self.user, group)[1]


class DeviceEvents(ApiView):
    @describe_list("Devices", "List a device's events", device_serializers.EventShown)
    def get(self, request: Request, serial: str) -> Response:
        """List what happened to it since it is in its group, and before in groups that you manage, newest first."""
        rows = Event.objects.told_to(self.user, get_device(self.user, serial)).select_related("by")
        found = page(request, rows, NEWEST_FIRST)
        known = actors.find_known(self.user, (row.by_id for row in found.rows))
        return found.answer(partial(device_serializers.serialize_event, known=known))


class DevicesExport(FileView):
    @describe_operation(
        "Devices",
        "Export devices",
        parameters=FILTERS,
        request=None,
        responses=describe_file(CSV, "The devices that you manage, in the order in which they were added."),
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Export devices, narrowed as the list is; it is logged, therefore a POST."""
        user = require_admin(self.user)
        form, group = _read_filter(request, user)
        devices = form.apply(Device.objects.manageable_by(user))
        devices = devices.filter(group__path__startswith=group.path) if group else devices
        device_export.record_export(devices=devices, selection={"query": request.query_params.urlencode()}, by=user)
        return make_csv_response(device_export.stream_registry(devices, user), "devices.csv", for_programs=True)


def _read_filter(request: Request, user: User) -> tuple[DeviceFilter, Group | None]:
    query = request.query_params.dict()
    pk = query.get("group", "")
    group = Group.objects.visible_to(user).filter(pk=parsing.parse_whole_number(pk)).first()
    if pk and group is None:
        raise BadQuery({"group": ["There is no such group."]})
    narrowing = {name: query[name] for name in query if name not in {"after", "limit", "order"}}
    form = DeviceFilter(narrowing, user=user)
    if not form.is_valid():
        raise BadQuery(convert_form_errors(form).detail)
    return form, group
