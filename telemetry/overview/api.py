"""A group at a glance, for programs: what its page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from devices.models import Attention, Device
from telemetry.overview.look import MOST
from telemetry.overview.reading import NAMED, build_overview
from tenants.access import get_group
from tenants.api.base import ApiView, Serializer
from tenants.api.schema import describe_operation

if TYPE_CHECKING:
    from rest_framework.request import Request

    from telemetry.overview.extremes import End
    from telemetry.overview.reading import Needing, Overview


class StateCount(Serializer):
    status = serializers.ChoiceField(Device.Status.choices)
    count = serializers.IntegerField(help_text="Of those looked at: where not all were, there are at least so many.")


class NeedingDevice(Serializer):
    serial = serializers.CharField()
    name = serializers.CharField()
    cause = serializers.ChoiceField(Attention.Cause.choices)
    attribute = serializers.CharField(help_text="Empty where it is silent.")
    words = serializers.CharField(help_text="For people.")
    since = serializers.DateTimeField()


class NeedingShown(Serializer):
    count = serializers.IntegerField(help_text="Things to look at: a device may have several.")
    more = serializers.BooleanField(help_text="There may be more: too much of the organisation needs attention.")
    named = NeedingDevice(many=True, help_text=f"Up to {NAMED} of them, the first that began first.")


class EndShown(Serializer):
    serial = serializers.CharField()
    name = serializers.CharField()
    value = serializers.FloatField()
    at = serializers.DateTimeField(help_text="As the device gave it; else when it arrived.")


class ExtremesShown(Serializer):
    attribute = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.CharField()
    decimals = serializers.IntegerField(allow_null=True, help_text="To how many people are shown it.")
    devices = serializers.IntegerField(help_text="How many of those looked at have reported it.")
    lowest = EndShown()
    highest = EndShown()


class PositionShown(Serializer):
    serial = serializers.CharField()
    name = serializers.CharField()
    status = serializers.ChoiceField(Device.Status.choices)
    latitude = serializers.FloatField(help_text="Degrees, north of the equator positive.")
    longitude = serializers.FloatField(help_text="Degrees, east of Greenwich positive.")
    at = serializers.DateTimeField()


class OverviewShown(Serializer):
    group = serializers.IntegerField()
    devices = serializers.IntegerField(help_text="Below the group, that you see, less the retired.")
    looked_at = serializers.IntegerField(
        help_text=f"Of them, {MOST} at most: states, extremes and positions are theirs."
    )
    complete = serializers.BooleanField(help_text="All of them were looked at.")
    states = StateCount(many=True)
    silent = NeedingShown()
    out_of_range_or_fault = NeedingShown()
    extremes = ExtremesShown(many=True, help_text="Of the latest values, by name and unit, of each number declared.")
    positions = PositionShown(many=True)


class GroupOverview(ApiView):
    @describe_operation("Groups", "A group at a glance", responses=OverviewShown)
    def get(self, request: Request, pk: int) -> Response:
        """Return what you see of the devices in the group and the groups below it: how many are in which state, which
        need attention, which is lowest and highest, and where they are."""
        return Response(_serialize(build_overview(self.user, get_group(self.user, pk))))


def _serialize(overview: Overview) -> dict[str, Any]:
    return {
        "group": overview.group.pk,
        "devices": overview.node.count,
        "looked_at": overview.looked_at,
        "complete": overview.seen.complete,
        "states": [{"status": state.status, "count": state.count} for state in overview.states],
        "silent": _serialize_needing(overview.silent),
        "out_of_range_or_fault": _serialize_needing(overview.others),
        "extremes": [
            {
                "attribute": each.attribute.name,
                "label": each.attribute.label,
                "unit": each.attribute.unit,
                "decimals": each.attribute.decimals,
                "devices": each.devices,
                "lowest": _serialize_end(each.lowest),
                "highest": _serialize_end(each.highest),
            }
            for each in overview.extremes
        ],
        "positions": [
            {
                "serial": place.device.serial,
                "name": place.device.name,
                "status": place.device.status,
                "latitude": place.latitude,
                "longitude": place.longitude,
                "at": place.at,
            }
            for place in overview.places
        ],
    }


def _serialize_needing(needing: Needing) -> dict[str, Any]:
    named = [
        {
            "serial": device.serial,
            "name": device.name,
            "cause": shown.row.cause,
            "attribute": shown.row.attribute,
            "words": shown.words,
            "since": shown.row.since,
        }
        for device, shown in needing.named
    ]
    return {"count": needing.count, "more": needing.more, "named": named}


def _serialize_end(end: End) -> dict[str, Any]:
    return {"serial": end.device.serial, "name": end.device.name, "value": end.value, "at": end.at}
