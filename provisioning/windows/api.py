"""The same steps for programs: open a window, watch it, complete or cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import empty
from rest_framework.response import Response

from devices.api.serializers import Named
from devices.credentials.presence_secrets import LONGEST_CODE
from devices.identity import label_text
from devices.inventory import api_selection
from devices.recipes.label_rules import find_model
from lib import origins
from lib.refusals import Refusal
from provisioning.models import Window
from provisioning.refusals import DEVICE_PLACED, WINDOW_ENDED
from provisioning.windows import identify, operations
from provisioning.windows.access import find_scanned, get_window, is_known, read_scanned_facts
from provisioning.windows.forms import PlaceForm
from provisioning.windows.proofs import prove_by_label, prove_presence
from tenants.access import require_technician
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.idempotency import idempotent
from tenants.api.problems import convert_form_errors
from tenants.api.schema import describe_operation
from tenants.models import Presence

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

    from devices.models import RefusedAttempt


class Scanned(serializers.CharField):
    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(label_text.clean_text(data) if isinstance(data, str) else data)


class Scan(Serializer):
    text = Scanned(max_length=label_text.MAX_TEXT, help_text="What the label says: scanned, or typed.")


class Place(Serializer):
    name = OneLine(max_length=120)
    group = serializers.IntegerField(help_text="A leaf into which you may register.")
    person = serializers.EmailField(
        required=False,
        allow_blank=True,
        help_text="The e-mail address of whose it is within the group, where your organisation allows that: yours, or "
        "that of somebody whom you see and who has a role there. Nobody else of the group but its admins sees it then.",
    )
    model = serializers.IntegerField(
        required=False,
        help_text="A model of your organisation's table. May be left out where the window has a `told_model`.",
    )


class Proof(Serializer):
    code = serializers.CharField(max_length=LONGEST_CODE, help_text="The code that the window asks for.")


class RefusedShown(Serializer):
    reason = serializers.CharField(help_text="A code of the list of refusals.")
    detail = serializers.CharField(help_text="What happened, and what to do next.")
    count = serializers.IntegerField(
        allow_null=True, help_text="How often since `first_at`; null where the device is another tenant's still."
    )
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField()


class WindowShown(Serializer):
    key = serializers.UUIDField()
    serial = serializers.CharField()
    state = serializers.ChoiceField(Window.State.choices)
    method = serializers.ChoiceField(
        Presence.choices, help_text="What proves presence: after that, its `state` is `pressed` with any of them."
    )
    challenge = serializers.CharField(
        allow_blank=True, help_text="The digits to enter at the device, where its `method` is `challenge`; else empty."
    )
    opened_at = serializers.DateTimeField()
    deadline = serializers.DateTimeField()
    pressed_at = serializers.DateTimeField(allow_null=True, help_text="When presence was proven.")
    now = serializers.DateTimeField(help_text="The clock by which the deadline counts.")
    label_facts = serializers.DictField(
        child=serializers.CharField(),
        help_text="What the scanned label says beside the serial: `dev_eui`, `join_eui`, `profile`, `proprietary`.",
    )
    told_model = Named(allow_null=True, help_text="The model that the label means, as your organisation has said.")
    refused = RefusedShown(
        many=True,
        help_text="What was refused of the device, by whichever door, since the window opened or it was heard last.",
    )


class Windows(ApiView):
    @describe_operation("Windows", "Open a window", request=Scan, responses={201: WindowShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Open one on the device whose label says `text`: 404 as if absent; 409 while somebody else's is open.

        A label that holds the claim code (TR005's `O`) proves presence at once, where the window asks for it: its
        `state` is `pressed` then. A token for less than the whole organisation meets the windows that were opened with
        it, and no others of its person.
        """
        user = require_technician(self.user)
        text = self.read(Scan)["text"]
        device, _ = find_scanned(user, text, origins=origins.list_label_origins(request))
        if device is None:
            raise Refusal(DEVICE_PLACED, field="text")  # they see it, or nothing would have been found
        facts, token = read_scanned_facts(user, text), api_selection.get_narrow_token(request, user)
        opened = operations.open_window(device=device, by=user, token=token, label=facts.without_secrets())
        prove_by_label(window=opened, by=user, token=facts.owner_token)
        location = reverse("provisioning:api-window", kwargs={"key": opened.key})
        return Response(_serialize_own_window(self, opened.key), status=201, headers={"Location": location})


class OneWindow(ApiView):
    @describe_operation("Windows", "Watch a window", responses=WindowShown)
    def get(self, request: Request, key: UUID) -> Response:
        return Response(_serialize_own_window(self, key))


class ProveWindow(ApiView):
    @describe_operation("Windows", "Prove presence by a code", request=Proof, responses=WindowShown)
    def post(self, request: Request, key: UUID) -> Response:
        """Send the code that a window asks for, as its `method` says. Wrong ones are limited, by person and device."""
        user = require_technician(self.user)
        window = _get_own_window(self, key)
        prove_presence(window=window, by=user, code=self.read(Proof)["code"])
        return Response(_serialize_own_window(self, key))


class CompleteWindow(ApiView):
    @describe_operation("Windows", "Place the device", request=Place, responses=WindowShown)
    def post(self, request: Request, key: UUID) -> Response:
        """Place the device, once presence was proven, and until the deadline."""
        user = require_technician(self.user)
        window = _get_own_window(self, key)
        if not isinstance(request.data, dict):
            raise ValidationError({"non_field_errors": ["Send an object with name, group and model."]})
        plain = {name: value for name, value in request.data.items() if isinstance(value, str | int)}
        form = PlaceForm(plain, user=user, device=window.device, label=window.label)
        if not form.is_valid():
            raise convert_form_errors(form)
        operations.finish_window(window=window, by=user, **form.cleaned_data)
        return Response(_serialize_own_window(self, key))


class IdentifyWindow(ApiView):
    @describe_operation("Windows", "Have the device show which one it is", request=None, responses={204: None})
    def post(self, request: Request, key: UUID) -> Response:
        """Have it blink, say, for some seconds, as its recipe's command `identify` does. A window that opens asks for
        it by itself."""
        user = require_technician(self.user)
        identify.identify(window=_get_own_window(self, key), by=user)
        return Response(status=204)


class CancelWindow(ApiView):
    @describe_operation("Windows", "Cancel a window", request=None, responses=WindowShown)
    def post(self, request: Request, key: UUID) -> Response:
        user = require_technician(self.user)
        if not operations.cancel_window(window=_get_own_window(self, key), by=user):
            raise Refusal(WINDOW_ENDED)
        return Response(_serialize_own_window(self, key))


def _get_own_window(view: ApiView, key: UUID) -> Window:
    return get_window(view.user, key, api_selection.get_narrow_token(view.request, view.user))


def _serialize_own_window(view: ApiView, key: UUID) -> dict[str, object]:
    window = _get_own_window(view, key)
    plain = ("state", "method", "challenge", "opened_at", "deadline", "pressed_at", "now")
    shown = {"key": str(window.key), "serial": window.device.serial} | {name: getattr(window, name) for name in plain}
    shown |= {"label_facts": window.label or {}, "told_model": _serialize_told_model(window)}
    device = operations.load_device(window)
    known = is_known(view.user, window.device)
    attempts = operations.list_attempts(window, device, known=known)
    return shown | {"refused": [_serialize_attempt(attempt, counted=known) for attempt in attempts]}


def _serialize_told_model(window: Window) -> dict[str, object] | None:
    model = find_model(window.device.organisation_id, window.label or {})
    return {"id": model.pk, "name": model.name} if model else None


def _serialize_attempt(attempt: RefusedAttempt, *, counted: bool) -> dict[str, object]:
    count, first_at = (attempt.count, attempt.first_at) if counted else (None, None)
    detail = f"{attempt.message} {attempt.next_step}"
    return {
        "reason": attempt.reason,
        "detail": detail,
        "count": count,
        "first_at": first_at,
        "last_at": attempt.last_at,
    }
