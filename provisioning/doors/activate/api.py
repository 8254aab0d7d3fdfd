"""Doors of activation for programs: opening devices again, and the files that devices download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from lib.paging import NEWEST_FIRST
from provisioning.doors.access import get_content, get_door
from provisioning.doors.activate import content, reopening
from provisioning.doors.activate.forms import MOST_SERIALS, ContentForm
from provisioning.doors.api import TAG
from provisioning.models import Door, DoorContent
from tenants.api.base import ApiView, Serializer
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import convert_form_errors
from tenants.api.schema import describe_list, describe_operation

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


class ContentFile(Serializer):
    file = serializers.FileField(help_text=f"{content.LARGEST:,} bytes at most.")
    name = serializers.CharField(
        required=False, max_length=120, help_text="As devices ask for it. Not sent: the file's own."
    )
    content_type = serializers.CharField(required=False, max_length=80, help_text=f"Not sent: `{content.USUAL_TYPE}`.")
    meta = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="A note for devices: a version, say."
    )


class ContentShown(Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    content_type = serializers.CharField()
    meta = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    updated_at = serializers.DateTimeField()


class Contents(ApiView):
    parser_classes = [MultiPartParser]

    @describe_list(TAG, "List a door's content", ContentShown)
    def get(self, request: Request, key: UUID) -> Response:
        """Return the files that devices of an `activate` door download (`GET /provision/download`). Newest first."""
        rows = DoorContent.objects.of(get_door(self.user, key, kind=Door.Kind.ACTIVATE))
        return page(request, rows, NEWEST_FIRST).answer(_show_content)

    @describe_operation(
        TAG,
        "Upload content to a door",
        request={"multipart/form-data": ContentFile},
        responses={201: ContentShown},
    )
    @idempotent()
    def post(self, request: Request, key: UUID) -> Response:
        """Keep a file for the devices that came by an `activate` door, in the place of one with its name."""
        door = get_door(self.user, key, kind=Door.Kind.ACTIVATE)
        sent = self.read(ContentFile)
        told = {name: sent[name] for name in sent if name != "file"}
        form = ContentForm(told, MultiValueDict({"file": [sent["file"]]}))
        if not form.is_valid():
            raise convert_form_errors(form)
        kept = content.upload(door=door, by=self.user, **form.content)
        location = reverse("provisioning:api-door-content-one", kwargs={"key": door.key, "pk": kept.pk})
        return Response(_show_content(kept), status=201, headers={"Location": location})


class OneContent(ApiView):
    @describe_operation(TAG, "Read a door's content", responses=ContentShown)
    def get(self, request: Request, key: UUID, pk: int) -> Response:
        """Return what devices are told of a file."""
        return Response(_show_content(get_content(self.user, key, pk)))

    @describe_operation(TAG, "Delete a door's content", responses={204: None})
    def delete(self, request: Request, key: UUID, pk: int) -> Response:
        """Let no device download the file any more."""
        content.delete(content=get_content(self.user, key, pk), by=self.user)
        return Response(status=204)


def _show_content(row: DoorContent) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("name", "content_type", "meta", "size", "updated_at")} | {
        "id": row.pk
    }
