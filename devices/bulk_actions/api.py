"""One thing done to many devices: asked what it would mean, done, watched, undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.response import Response

from devices import tags
from devices.api.file_responses import CSV, FileView, holding
from devices.bulk_actions import credentials_file, eligibility, runner
from devices.bulk_actions.eligibility import CHANGE, WORDS
from devices.bulk_actions.forms import params_form
from devices.credentials import deliveries
from devices.inventory import api_selection
from devices.models import Action, Delivery, Touched
from lib import key_wrapping
from lib.paging import NEWEST_FIRST
from lib.streaming import attachment
from tenants.access import found, require_admin
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import Key
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import Conflict, Problem, refused
from tenants.api.schema import described, listing

if TYPE_CHECKING:
    from uuid import UUID

    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from devices.bulk_actions.eligibility import Params
    from devices.inventory.selection import Selection
    from devices.models.bulk_action import ActionQuerySet

TAG = "Actions on many devices"
NOBODY = "No device that you manage is among these."
CHANGED = "These are not the devices that were previewed, or not as they were. Look at a new preview, then decide."


MOVE = {"kind": "move", "params": {"group": 5}, "filter": {"waiting": True}}
EXAMPLE = [OpenApiExample("Moving what waits", MOVE, request_only=True)]


class ParamsNew(Serializer):
    group = Key(required=False, help_text="`move`: to it.")
    keep = serializers.BooleanField(required=False, help_text="`move`: names, descriptions and tags stay.")
    tag = serializers.CharField(required=False, max_length=tags.ENTRY_LENGTH, help_text="`tag` and `untag`: its name.")
    value = serializers.CharField(
        required=False, max_length=tags.VALUE_LENGTH, allow_blank=True, help_text="`tag`: its value."
    )
    model = Key(required=False, help_text="`model`: its id.")
    old = serializers.ChoiceField(
        ["use", "now"], required=False, help_text="`reissue`: the former credentials end with the new one's first use."
    )


class ActionAsked(api_selection.Chosen):
    kind = serializers.ChoiceField(Action.Kind.choices)
    params = ParamsNew(required=False, help_text="What this kind asks for, and nothing else.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        text = "Serials of devices that `filter` finds and that are left as they are."
        left_out = serializers.ListField(child=serializers.CharField(max_length=200), required=False, help_text=text)
        return super().get_fields() | {"except": left_out}


class ActionNew(ActionAsked):
    digest = serializers.CharField(
        required=False, max_length=32, help_text="That of a preview: `409` unless they are the same devices, as then."
    )


class Reason(Serializer):
    reason = serializers.CharField()
    devices = serializers.IntegerField()


class Leaving(Serializer):
    group = serializers.CharField()
    devices = serializers.IntegerField()


class PreviewShown(Serializer):
    total = serializers.IntegerField()
    changing = serializers.IntegerField()
    staying = Reason(many=True, help_text="Devices that stay as they are.")
    leaving = Leaving(many=True, help_text="Groups that devices would leave.")
    ending = serializers.IntegerField(help_text="Devices with credentials issued in those groups, which would end.")
    outside = serializers.IntegerField(help_text="Devices meant besides that you don't manage, or that don't exist.")
    digest = serializers.CharField()


class ActionShown(Serializer):
    key = serializers.UUIDField()
    kind = serializers.ChoiceField(Action.Kind.choices)
    params = serializers.DictField(child=serializers.JSONField())
    state = serializers.ChoiceField(Action.State.choices)
    by = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(help_text="Devices.")
    done = serializers.IntegerField(help_text="Gone through.")
    changed = serializers.IntegerField()
    cause = serializers.CharField(help_text="Why it failed.")
    undo_of = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class ActionWhole(ActionShown):
    kept = Reason(many=True, help_text="Devices that stayed as they were.")
    undoable = serializers.BooleanField()
    result = serializers.BooleanField(help_text="Whether there are secrets for you to take.")


class ActionView(ApiView):
    def mine(self) -> ActionQuerySet:
        """A token for less than the organisation meets what was begun with it: the person may do more than it."""
        scope = Action.objects.manageable_by(require_admin(self.user))
        if token := api_selection.narrow(self.request, self.user):
            scope = scope.filter(Q(selection__token=token.pk) | Q(undo_of__selection__token=token.pk))
        return scope.select_related("by", "undo_of", "delivery")

    def one(self, key: UUID) -> Action:
        return found(self.mine(), key=key)

    def asked(self, of: type[ActionAsked]) -> tuple[dict[str, Any], Selection, Params]:
        given = self.read(of)
        return given, api_selection.selection(given, self.user), self._params(given["kind"], given.get("params", {}))

    def _params(self, kind: str, given: dict[str, Any]) -> Params:
        form = params_form(kind, {name: value for name, value in given.items() if value is not False}, user=self.user)
        strange = {name: [f"`{kind}` takes no such thing."] for name in given if name not in form.fields}
        if strange or not form.is_valid():
            raise serializers.ValidationError({"params": strange or refused(form).detail})
        return form.params()

    def whole(self, action: Action, status: int = 200) -> Response:
        kept = Touched.objects.of(action).exclude(verdict__in=["", CHANGE]).order_by().values_list("verdict")
        secrets = Delivery.objects.of(self.user).takeable().filter(action=action) if not action.is_working else None
        more = {
            "kept": [{"reason": WORDS[code], "devices": n} for code, n in kept.annotate(n=Count("pk"))],
            "undoable": self.mine().undoable().filter(pk=action.pk).exists(),
            "result": bool(secrets and secrets.exists()),
        }
        location = {"Location": reverse("devices:api-action", kwargs={"key": action.key})} if status == 201 else {}
        return Response(_shown(action) | more, status=status, headers=location)

    def begun(self, action: Action) -> Response:
        """As the page does: few at once, many by a worker."""
        runner.carry_out(action=action)
        return self.whole(self.one(action.key), 201)


class Actions(ActionView):
    @listing(TAG, "List actions", ActionShown)
    def get(self, request: Request) -> Response:
        """Your own, and for admins of the whole organisation everybody's; newest first."""
        return page(request, self.mine(), NEWEST_FIRST).answer(_shown)

    @described(TAG, "Do something to many devices", request=ActionNew, examples=EXAMPLE, responses={201: ActionWhole})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Up to 200 devices are done with the answer; more of them by a worker: read the action until it has ended."""
        user = require_admin(self.user)
        given, selection, params = self.asked(ActionNew)
        devices = selection.devices()
        digest = eligibility.preview(devices, given["kind"], params).digest
        if not devices.exists():
            raise serializers.ValidationError(NOBODY)
        token = api_selection.narrow(request, user)
        record = selection.record() | ({"token": token.pk} if token else {})
        asked = {"kind": given["kind"], "params": params, "devices": devices, "selection": record}
        try:
            action = runner.start(**asked, previewed=given.get("digest", digest), by=user)
        except runner.Changed:
            raise Conflict(CHANGED) from None
        return self.begun(action)


class ActionPreview(ActionView):
    @described(TAG, "Preview an action", request=ActionAsked, examples=EXAMPLE, responses=PreviewShown)
    def post(self, request: Request) -> Response:
        """What it would do; nothing is changed."""
        require_admin(self.user)
        given, selection, params = self.asked(ActionAsked)
        seen = eligibility.preview(selection.devices(), given["kind"], params)
        told = {
            "total": seen.total,
            "changing": seen.changing,
            "staying": [{"reason": words, "devices": n} for words, n in seen.reasons.items()],
            "leaving": [{"group": share.group, "devices": share.number} for share in seen.losing],
            "ending": seen.ending,
            "outside": selection.outside(),
            "digest": seen.digest,
        }
        return Response(told)


class OneAction(ActionView):
    @described(TAG, "Read an action", responses=ActionWhole)
    def get(self, request: Request, key: UUID) -> Response:
        return self.whole(self.one(key))


class ActionCancel(ActionView):
    @described(TAG, "Cancel an action", request=None, responses=ActionWhole)
    def post(self, request: Request, key: UUID) -> Response:
        """What is done already stays, and can be undone."""
        if not runner.cancel(action=self.one(key)):
            raise Conflict("It has ended already, or is being cancelled.")
        return self.whole(self.one(key))


class ActionUndo(ActionView):
    @described(TAG, "Undo an action", request=None, responses={201: ActionWhole})
    @idempotent()
    def post(self, request: Request, key: UUID) -> Response:
        """A new action, that brings back each device which is still as the first one left it."""
        try:
            back = runner.undo(action=self.one(key), by=self.user, token=api_selection.narrow(request, self.user))
        except runner.Changed:
            raise Conflict("This can't be undone (any more): see `undoable`.") from None
        return self.begun(back)


class ActionResult(FileView, ActionView):
    @described(
        TAG,
        "Take an action's result",
        request=None,
        responses=holding(CSV, "Serial, device ID, access key and secret of each device, or why it has none."),
    )
    def post(self, request: Request, key: UUID) -> HttpResponseBase:
        """The secrets that it made, once, and only for whoever had them made. After that: `410`.

        Of devices that you manage now, and only while they are the devices' credentials: what was made for devices that
        left your groups is revoked.
        """
        action = self.one(key)
        if action.delivery is None:
            raise Conflict("This action made no secrets.")
        found(Delivery.objects.of(self.user), action=action)
        if action.is_working:
            raise Conflict("The result is ready when the action has ended.")
        try:
            secret = credentials_file.take(action=action, by=self.user)
        except (deliveries.Gone, key_wrapping.Unsealable):
            raise Problem("gone") from None
        except credentials_file.NothingLeft as nothing:
            raise Problem("gone", str(nothing)) from None
        return attachment(
            credentials_file.lines(action, secret, self.user), f"credentials-{action.created_at:%Y-%m-%d}.csv"
        )


def _shown(action: Action) -> dict[str, object]:
    plain = ("key", "kind", "state", "total", "done", "changed", "cause", "created_at", "finished_at")
    return {name: getattr(action, name) for name in plain} | {
        "params": {name: value for name, value in action.params.items() if value},
        "by": str(action.by) if action.by else None,
        "undo_of": action.undo_of.key if action.undo_of else None,
    }
