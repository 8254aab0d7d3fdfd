"""The site's addresses, and beside them bare views that insert the rows of a registration and check nothing."""

from __future__ import annotations

import json
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

from devices.identity import serials
from devices.models import Credential, Device, Event
from lib.device_facing import mark_device_facing
from provisioning.models import Door, DoorRegistration

if TYPE_CHECKING:
    from django.urls import URLPattern, URLResolver


@mark_device_facing
def insert(request: HttpRequest) -> HttpResponse:
    """Insert a device, its credential, event and lineage."""
    sent = json.loads(request.body)
    door = Door.objects.select_related("recipe").get(pk=sent["door"])
    serial = sent["serial"]
    with transaction.atomic():
        device = Device.objects.create(
            organisation_id=door.organisation_id,
            version=door.recipe.current,
            serial=serial,
            serial_key=serials.fold(serial),
        )
        return _finish(door, device, Event.Kind.REGISTERED, is_new=True)


@mark_device_facing
def update(request: HttpRequest) -> HttpResponse:
    """Insert the credential, event and lineage of a device that is there, and activate it."""
    sent = json.loads(request.body)
    door = Door.objects.get(pk=sent["door"])
    with transaction.atomic():
        device = Device.objects.get(organisation=door.organisation_id, serial_key=serials.fold(sent["serial"]))
        return _finish(door, device, Event.Kind.CREDENTIAL_ISSUED, is_new=False)


def _finish(door: Door, device: Device, kind: Event.Kind, *, is_new: bool) -> HttpResponse:
    key, secret = secrets.token_hex(16), secrets.token_urlsafe(32)
    digest = sha256(secret.encode()).digest()
    Credential.objects.create(device=device, kind=Credential.Kind.ACCESS_KEY, access_key=key, secret_hash=digest)
    told = {"door": door.name, "access_key": key}
    Event.objects.create(organisation_id=door.organisation_id, device=device, kind=kind, data=told)
    DoorRegistration.objects.create(door=door, device=device, is_new=is_new)
    return JsonResponse({"deviceId": device.device_id, "accessKey": key, "accessSecret": secret})


urlpatterns: list[URLPattern | URLResolver] = [
    path("bare/insert", insert),
    path("bare/update", update),
    path("", include("config.urls")),
]
