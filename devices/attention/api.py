"""What needs attention, and who looks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_attention, get_device
from devices.attention import operations, reading
from devices.models import Attention, Device
from lib.paging import NEWEST_FIRST
from tenants.api.base import ApiView, Serializer
from tenants.api.paging import page
from tenants.api.schema import describe_list, describe_operation
from tenants.audit import actors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rest_framework.request import Request

    from tenants.models import User

TAG = "Attention"


class AttentionShown(Serializer):
    id = serializers.IntegerField()
    serial = serializers.CharField(help_text="Of the device.")
    cause = serializers.ChoiceField(Attention.Cause.choices)
    attribute = serializers.CharField(help_text="Its name; empty where the device is silent.")
    value = serializers.JSONField(help_text="With which it began; null where the device is silent.")
    words = serializers.CharField(help_text="The same for people.")
    since = serializers.DateTimeField()
    times = serializers.IntegerField(help_text="How often it began since it was calm for an hour.")
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.CharField(allow_null=True, help_text="As far as you may know who it was.")


class AttentionOfDevice(AttentionShown):
    pass


class Everything(ApiView):
    @describe_list(TAG, "List what needs attention", AttentionShown)
    def get(self, request: Request) -> Response:
        """List what needs attention now, of the devices that you reach: the last that began first."""
        rows = Attention.objects.visible_to(self.user).select_related("device", "by")
        found = page(request, rows, NEWEST_FIRST)
        shown = {each["id"]: each for each in _serialize(found.rows, self.user)}
        return found.answer(lambda row: shown[row.pk])


class OfDevice(ApiView):
    @describe_list(TAG, "List what of a device needs attention", AttentionOfDevice)
    def get(self, request: Request, serial: str) -> Response:
        device = get_device(self.user, serial)
        rows = Attention.objects.of(device).current().select_related("device", "by")
        found = page(request, rows, NEWEST_FIRST)
        shown = {each["id"]: each for each in _serialize(found.rows, self.user)}
        return found.answer(lambda row: shown[row.pk])


class Acknowledge(ApiView):
    @describe_operation(TAG, "Acknowledge what needs attention", request=None, responses=AttentionShown)
    def post(self, request: Request, serial: str, pk: int) -> Response:
        """Note that you look after it, as one of its technicians: nobody is told of it any more until it was calm for
        an hour. Again it changes nothing."""
        device, attention = get_attention(self.user, serial, pk)
        operations.acknowledge(attention=attention, device=device, by=self.user)
        return Response(_serialize([get_attention(self.user, serial, pk)[1]], self.user)[0])


def _serialize(rows: Sequence[Attention], user: User) -> list[dict[str, Any]]:
    devices: dict[int, Device] = {row.device_id: row.device for row in rows}
    known = actors.find_known(user, (row.by_id for row in rows))
    return [_serialize_one(shown, known) for shown in reading.show(rows, devices)]


def _serialize_one(shown: reading.Shown, known: frozenset[int]) -> dict[str, Any]:
    row = shown.row
    plain = ("cause", "attribute", "value", "since", "times", "acknowledged_at")
    return {
        "id": row.pk,
        "serial": row.device.serial,
        "words": shown.words,
        **{name: getattr(row, name) for name in plain},
        "acknowledged_by": actors.name_actor(row.by, known),
    }
