"""The same steps for programs: open a window, watch it, complete or cancel it. Errors are problem+json."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.response import Response

from provisioning import labels
from provisioning import windows as operations
from provisioning.access import find_registrable, get_window
from provisioning.forms import PlaceForm
from provisioning.views import origins
from tenants.access import require_technician

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

    from provisioning.models import Window
    from tenants.models import User


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "The window's state does not allow this."


class Scan(serializers.Serializer[None]):
    text = serializers.CharField(max_length=labels.MAX_TEXT)


@api_view(["POST"])
def windows(request: Request) -> Response:
    """Open a window on the device whose label says `text`: 201; 404 as if absent; 409 while somebody else's is open."""
    user = require_technician(cast("User", request.user))
    scan = Scan(data=request.data)
    scan.is_valid(raise_exception=True)
    try:
        candidates = labels.read(scan.validated_data["text"], origins=origins(request))
    except labels.NotALabel as error:
        raise ValidationError({"text": [f"This is {error}, not a device label."]}) from None
    device = find_registrable(user, candidates)
    if device is None:
        raise NotFound
    try:
        opened = operations.open_window(device=device, by=user)
    except operations.Busy as busy:
        raise Conflict(f"Somebody else is registering this device until {busy.until.isoformat()}.") from None
    except operations.Barred as barred:
        raise Conflict(str(barred)) from None
    return Response(_shown(get_window(user, opened.key)), status=status.HTTP_201_CREATED)


@api_view(["GET"])
def window(request: Request, key: UUID) -> Response:
    return Response(_shown(get_window(request.user, key)))


@api_view(["POST"])
def complete(request: Request, key: UUID) -> Response:
    """Place the device: `name`, `group` (id of a leaf) and `model` (id)."""
    user = require_technician(cast("User", request.user))
    found = get_window(user, key)
    if not isinstance(request.data, dict):
        raise ValidationError({"non_field_errors": ["Send an object with name, group and model."]})
    form = PlaceForm(request.data, user=user, device=found.device)
    if not form.is_valid():
        raise ValidationError(form.errors.get_json_data())
    try:
        operations.finish(window=found, by=user, **form.cleaned_data)
    except operations.NotOpen:
        raise Conflict("The window is no longer open, or the button was not pressed in it. Open a new one.") from None
    except operations.Barred as barred:
        raise Conflict(str(barred)) from None
    return Response(_shown(get_window(user, key)))


@api_view(["POST"])
def cancel(request: Request, key: UUID) -> Response:
    user = require_technician(cast("User", request.user))
    if not operations.cancel(window=get_window(user, key), by=user):
        raise Conflict("The window is no longer open.")
    return Response(_shown(get_window(user, key)))


def _shown(found: Window) -> dict[str, object]:
    return {
        "key": str(found.key),
        "serial": found.device.serial,
        "state": found.state,
        "opened_at": found.opened_at,
        "deadline": found.deadline,
        "pressed_at": found.pressed_at,
        "now": found.now,
    }
