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
from devices.credentials import presence_secrets
from devices.credentials.forms import RotateForm
from devices.models import Credential
from tenants.access import get_row
from tenants.api.base import ApiView, Serializer
from tenants.api.idempotency import idempotent
from tenants.api.schema import describe_operation
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


class PresenceMethod(Serializer):
    method = serializers.ChoiceField(presence_secrets.CHOICES)


class PresenceSecretShown(PresenceMethod):
    issued_at = serializers.DateTimeField()
    spent_at = serializers.DateTimeField(allow_null=True, help_text="When the device was placed with it.")


class PresenceSecretMade(PresenceMethod):
    secret = serializers.CharField(help_text="Shown once.")


class Credentials(ApiView):
    @describe_operation(
        TAG,
        "List a device's credentials",
        responses=inline_serializer(
            "CredentialShownPage",
            {"results": CredentialShown(many=True), "next": serializers.URLField(allow_null=True)},
        ),
    )
    def get(self, request: Request, serial: str) -> Response:
        """Return those that work first, then the last ended ones; 50 at most."""
        entries = credential_listing.list_entries(_get_managed(self, serial), self.user)
        return Response({"results": [_serialize_entry(entry) for entry in entries], "next": None})

    @describe_operation(TAG, "Issue a credential", request=None, responses={201: device_serializers.Secret})
    @idempotent(secret=True)
    def post(self, request: Request, serial: str) -> Response:
        """Issue one more for the device. Its secret is in this answer only."""
        device = _get_managed(self, serial)
        return _answer_once(device, credentials.issue_credential(device=device, by=self.user))


class CredentialsRotate(ApiView):
    @describe_operation(TAG, "Rotate a device's credentials", request=Ends, responses={201: device_serializers.Secret})
    @idempotent(secret=True)
    def post(self, request: Request, serial: str) -> Response:
        """Make a new access key instead of the others. Its secret is in this answer only."""
        device = _get_managed(self, serial)
        ends = RotateForm.LASTS[self.read(Ends)["ends"]]
        return _answer_once(device, credentials.rotate_credentials(device=device, by=self.user, ends=ends))


class CredentialRevoke(ApiView):
    @describe_operation(TAG, "Revoke a credential", request=None, responses=Revoked)
    def post(self, request: Request, serial: str, pk: int) -> Response:
        """End the credential, and the connections that use it."""
        credential = get_row(Credential.objects.of(_get_managed(self, serial)), pk=pk)
        return Response({"revoked": int(credentials.revoke_credential(credential=credential, by=self.user))})


class CredentialsRevoke(ApiView):
    @describe_operation(TAG, "Revoke all credentials of a device", request=None, responses=Revoked)
    def post(self, request: Request, serial: str) -> Response:
        """End them all: the device can't connect until it gets a new one."""
        return Response({"revoked": credentials.revoke_all_credentials([_get_managed(self, serial)], by=self.user)})


class PresenceSecrets(ApiView):
    @describe_operation(
        TAG,
        "List what proves presence at a device",
        responses=inline_serializer(
            "PresenceSecretShownPage",
            {"results": PresenceSecretShown(many=True), "next": serializers.URLField(allow_null=True)},
        ),
    )
    def get(self, request: Request, serial: str) -> Response:
        """Return which secrets the device has, one of a method at most, and never what they are."""
        found = presence_secrets.find_secrets(_get_managed(self, serial))
        shown = [
            {name: getattr(row, name) for name in map(str, PresenceSecretShown().fields)} for row in found.values()
        ]
        return Response({"results": shown, "next": None})

    @describe_operation(
        TAG, "Make what proves presence at a device", request=PresenceMethod, responses={201: PresenceSecretMade}
    )
    @idempotent(secret=True)
    def post(self, request: Request, serial: str) -> Response:
        """Make a new one instead of the former, spent or not. It is in this answer only: print it, or flash it."""
        device, method = _get_managed(self, serial), self.read(PresenceMethod)["method"]
        made = presence_secrets.make_presence_secret(device=device, method=method, by=self.user)
        location = reverse("devices:api-presence-secrets", kwargs={"serial": device.serial})
        return Response(vars(made), status=201, headers={"Location": location})


def _get_managed(view: ApiView, serial: str) -> Device:
    return get_device(view.user, serial, role=Role.ADMIN)


def _answer_once(device: Device, issued: Issued) -> Response:
    body = {"access_key": issued.access_key, "access_secret": issued.access_secret}
    location = reverse("devices:api-credentials", kwargs={"serial": device.serial})
    return Response(body, status=201, headers={"Location": location})


def _serialize_entry(entry: Entry) -> dict[str, object]:
    credential = entry.credential
    plain = ("kind", "access_key", "expires_at", "revoked_at")
    return {name: getattr(credential, name) for name in plain} | {
        "id": credential.pk,
        "works": entry.standing,
        "factory": entry.factory,
        "by": entry.by,
        "created_at": entry.created_at,
        "used_at": entry.used_at,
        "successor": entry.successor,
    }
