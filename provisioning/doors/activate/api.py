"""Opening devices again at a door of activation, for programs: a factory's, for instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import serializers
from rest_framework.response import Response

from provisioning.doors.access import get_door
from provisioning.doors.activate import reopening
from provisioning.doors.activate.forms import MOST_SERIALS
from provisioning.doors.api import TAG
from provisioning.models import Door
from tenants.api.base import ApiView, Serializer
from tenants.api.schema import describe_operation

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request


class SerialsSent(Serializer):
    serials = serializers.ListField(
        child=serializers.CharField(max_length=120), min_length=1, max_length=MOST_SERIALS, help_text="Of its recipe."
    )


class Opened(Serializer):
    opened = serializers.IntegerField(help_text="Devices.")


class OpenAgain(ApiView):
    @describe_operation(TAG, "Let devices activate again", request=SerialsSent, responses=Opened)
    def post(self, request: Request, key: UUID) -> Response:
        """Begin a new activation window for devices of an `activate` door's recipe. One that is activated may have
        another credential in it; its former one works until it uses the new one. All, or none where one is unknown."""
        door = get_door(self.user, key, kind=Door.Kind.ACTIVATE)
        sent = self.read(SerialsSent)
        return Response({"opened": reopening.open_again(door=door, listed=sent["serials"], by=self.user)})
