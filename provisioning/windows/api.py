"""The same steps for programs: open a window, watch it, complete or cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.fields import empty
from rest_framework.response import Response

from devices.inventory import api_selection
from lib import origins
from provisioning.models import Window
from provisioning.scanning import label_reader
from provisioning.windows import operations
from provisioning.windows.access import Ambiguous, find_scanned, get_window
from provisioning.windows.forms import PlaceForm
from tenants.access import require_technician
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.idempotency import idempotent
from tenants.api.problems import Conflict, refused
from tenants.api.schema import described

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request


class Scanned(serializers.CharField):
    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(label_reader.clean(data) if isinstance(data, str) else data)


class Scan(Serializer):
    text = Scanned(max_length=label_reader.MAX_TEXT, help_text="What the label says: scanned, or typed.")


class Place(Serializer):
    name = OneLine(max_length=120)
    group = serializers.IntegerField(help_text="A leaf into which you may register.")
    model = serializers.IntegerField(help_text="A model of your organisation's table.")


class WindowShown(Serializer):
    key = serializers.UUIDField()
    serial = serializers.CharField()
    state = serializers.ChoiceField(Window.State.choices)
    opened_at = serializers.DateTimeField()
    deadline = serializers.DateTimeField()
    pressed_at = serializers.DateTimeField(allow_null=True)
    now = serializers.DateTimeField(help_text="The clock by which the deadline counts.")


class Windows(ApiView):
    @described("Windows", "Open a window", request=Scan, responses={201: WindowShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """On the device whose label says `text`: 404 as if absent; 409 while somebody else's is open.

        A token for less than the whole organisation meets the windows that were opened with it, and no others of
        its person.
        """
        user = require_technician(self.user)
        text = self.read(Scan)["text"]
        try:
            reading = label_reader.read(text, origins=origins.known(request))
            device, mine = find_scanned(user, reading)
        except label_reader.NotALabel as error:
            raise ValidationError({"text": [f"This is {error}, not a device label."]}) from None
        except Ambiguous as two:
            raise Conflict(f"This label names two devices, {two}: send the serial alone.") from None
        if device is None and mine is None and reading.what:
            raise ValidationError({"text": [f"This is {reading.what}, not a device label."]})
        if device is None:
            raise NotFound
        try:
            opened = operations.open_window(device=device, by=user, token=api_selection.narrow(request, user))
        except operations.Busy as busy:
            who = (
                "You have opened a window on this device in another way"
                if busy.own
                else "Somebody else is registering it"
            )
            raise Conflict(f"{who}, until {busy.until.isoformat()}.") from None
        except operations.Barred as barred:
            raise Conflict(str(barred)) from None
        location = reverse("provisioning:api-window", kwargs={"key": opened.key})
        return Response(_shown(_own(self, opened.key)), status=201, headers={"Location": location})


class OneWindow(ApiView):
    @described("Windows", "Watch a window", responses=WindowShown)
    def get(self, request: Request, key: UUID) -> Response:
        return Response(_shown(_own(self, key)))


class CompleteWindow(ApiView):
    @described("Windows", "Place the device", request=Place, responses=WindowShown)
    def post(self, request: Request, key: UUID) -> Response:
        """Once the button was pressed, and until the deadline."""
        user = require_technician(self.user)
        found = _own(self, key)
        if not isinstance(request.data, dict):
            raise ValidationError({"non_field_errors": ["Send an object with name, group and model."]})
        plain = {name: value for name, value in request.data.items() if isinstance(value, str | int)}
        form = PlaceForm(plain, user=user, device=found.device)
        if not form.is_valid():
            raise refused(form)
        try:
            operations.finish(window=found, by=user, **form.cleaned_data)
        except operations.NotOpen:
            why = "The window is no longer open, or the button was not pressed in it. Open a new one."
            raise Conflict(why) from None
        except operations.Barred as barred:
            raise Conflict(str(barred)) from None
        return Response(_shown(_own(self, key)))


class CancelWindow(ApiView):
    @described("Windows", "Cancel a window", request=None, responses=WindowShown)
    def post(self, request: Request, key: UUID) -> Response:
        user = require_technician(self.user)
        if not operations.cancel(window=_own(self, key), by=user):
            raise Conflict("The window is no longer open.")
        return Response(_shown(_own(self, key)))


def _own(view: ApiView, key: UUID) -> Window:
    return get_window(view.user, key, api_selection.narrow(view.request, view.user))


def _shown(found: Window) -> dict[str, object]:
    plain = ("state", "opened_at", "deadline", "pressed_at", "now")
    return {"key": str(found.key), "serial": found.device.serial} | {name: getattr(found, name) for name in plain}
