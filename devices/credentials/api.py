"""A device's credentials: for the admins of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.api import serializers as device_serializers
from devices.credentials import listing as credential_listing
from devices.credentials import operations as credentials
from devices.credentials.forms import RotateForm
from devices.models import Credential
from tenants.access import found
from tenants.api.base import ApiView, Serializer
from tenants.api.idempotency import idempotent
from tenants.api.problems import Conflict
from tenants.api.schema import described
from tenants.models import Role

if TYPE_CHECKING:
    from rest_framework.request import Request

    from devices.credentials.listing import Entry
    from devices.credentials.operations import Issued
    from devices.models import Device

TAG = "Credentials and locks"


class CredentialShown(Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Credential.Kind.choices)
    access_key = serializers.CharField(help_text="Of a certificate its SHA-256.")
    works = serializers.BooleanField(help_text="Neither revoked nor past its end.")
    factory = serializers.BooleanField(
        help_text="The device had it before it came to its group: rotate, unless whoever made it may know the secret."
    )
    by = serializers.CharField(help_text="Who had it made, if that is known.")
    created_at = serializers.DateTimeField(allow_null=True, help_text="Null: before the device came to its group.")
    used_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    successor = serializers.CharField(help_text="The access key whose first use ends this one.")


class Ends(Serializer):
    ends = serializers.ChoiceField(
        list(RotateForm.LASTS),
        help_text="When the former access keys end: as the new one is used first, in 1 hour, …, or `now`.",
    )


class Revoked(Serializer):
    revoked = serializers.IntegerField(help_text="How many this request revoked.")


class Credentials(ApiView):
    @described(
        TAG,
        "List a device's credentials",
        responses=inline_serializer(
            "CredentialShownPage",
            {"results": CredentialShown(many=True), "next": serializers.URLField(allow_null=True)},
        ),
    )
    def get(self, request: Request, serial: str) -> Response:
        """Those that work first, then the last ended ones; 50 at most."""
        entries = credential_listing.entries(_managed(self, serial))
        return Response({"results": [_shown(entry) for entry in entries], "next": None})

    @described(TAG, "Issue a credential", request=None, responses={201: device_serializers.Secret})
    @idempotent(secret=True)
    def post(self, request: Request, serial: str) -> Response:
        """One more for the device. Its secret is in this answer only."""
        device = _managed(self, serial)
        try:
            return _once(device, credentials.issue(device=device, by=self.user))
        except credentials.Refused as refusal:
            raise Conflict(str(refusal)) from None


class CredentialsRotate(ApiView):
    @described(TAG, "Rotate a device's credentials", request=Ends, responses={201: device_serializers.Secret})
    @idempotent(secret=True)
    def post(self, request: Request, serial: str) -> Response:
        """A new access key instead of the others. Its secret is in this answer only."""
        device = _managed(self, serial)
        ends = RotateForm.LASTS[self.read(Ends)["ends"]]
        try:
            return _once(device, credentials.rotate(device=device, by=self.user, ends=ends))
        except credentials.Refused as refusal:
            raise Conflict(str(refusal)) from None


class CredentialRevoke(ApiView):
    @described(TAG, "Revoke a credential", request=None, responses=Revoked)
    def post(self, request: Request, serial: str, pk: int) -> Response:
        """Connections that use it end."""
        credential = found(Credential.objects.of(_managed(self, serial)), pk=pk)
        return Response({"revoked": int(credentials.revoke(credential=credential, by=self.user))})


class CredentialsRevoke(ApiView):
    @described(TAG, "Revoke all credentials of a device", request=None, responses=Revoked)
    def post(self, request: Request, serial: str) -> Response:
        """It can't connect until it gets a new one."""
        return Response({"revoked": credentials.revoke_all(device=_managed(self, serial), by=self.user)})


def _managed(view: ApiView, serial: str) -> Device:
    return get_device(view.user, serial, role=Role.ADMIN)


def _once(device: Device, issued: Issued) -> Response:
    body = {"access_key": issued.access_key, "access_secret": issued.access_secret}
    location = reverse("devices:api-credentials", kwargs={"serial": device.serial})
    return Response(body, status=201, headers={"Location": location})


def _shown(entry: Entry) -> dict[str, object]:
    row = entry.credential
    plain = ("kind", "access_key", "expires_at", "revoked_at")
    return {name: getattr(row, name) for name in plain} | {
        "id": row.pk,
        "works": entry.standing,
        "factory": entry.factory,
        "by": entry.by,
        "created_at": entry.created_at,
        "used_at": entry.used_at,
        "successor": entry.successor,
    }
