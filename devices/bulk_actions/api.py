"""One thing done to many devices: asked what it would mean, done, watched, undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.response import Response

from devices import refusals, tags
from devices.access import get_import
from devices.api.file_responses import CSV, FileView, describe_file
from devices.bulk_actions import credentials_file, eligibility, runner
from devices.bulk_actions.changes import start_changes
from devices.bulk_actions.eligibility import CHANGE, WORDS
from devices.bulk_actions.forms import params_form
from devices.bulk_actions.kinds import CHOICES
from devices.identity.serials import MAX_LENGTH
from devices.inventory import api_selection
from devices.models import BulkAction, Delivery, Touched
from lib.paging import NEWEST_FIRST
from lib.refusals import Refusal
from lib.streaming import make_csv_response
from tenants.access import get_row, require_admin, require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import Flag, Key
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import convert_form_errors
from tenants.api.schema import describe_list, describe_operation

if TYPE_CHECKING:
    from uuid import UUID

    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from devices.bulk_actions.eligibility import Params
    from devices.inventory.selection import Selection
    from devices.models.bulk_action import BulkActionQuerySet

TAG = "Actions on many devices"
UNTOLD = {"versions", "speaker"}  # of params: keys that mean nothing outside


MOVE = {"kind": "move", "params": {"group": 5}, "filter": {"waiting": True}}
EXAMPLE = [OpenApiExample("Moving what waits", MOVE, request_only=True)]


class ParamsNew(Serializer):
    group = Key(required=False, help_text="`move`: to it.")
    keep = Flag(required=False, help_text="`move`: names, descriptions and tags stay.")
    tag = serializers.CharField(required=False, max_length=tags.ENTRY_LENGTH, help_text="`tag` and `untag`: its name.")
    value = serializers.CharField(
        required=False, max_length=tags.VALUE_LENGTH, allow_blank=True, help_text="`tag`: its value."
    )
    model = Key(required=False, help_text="`model`: its id.")
    recipe = Key(required=False, help_text="`recipe`: its id; devices made from it get its last version.")
    command = serializers.CharField(required=False, max_length=64, help_text="`command`: its name.")
    payload = serializers.JSONField(required=False, allow_null=True, help_text="`command`: what goes with it.")
    gateway = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_LENGTH * 2,
        help_text="`tie`: its serial. `untie`: its serial; empty or left out, all ties end.",
    )
    person = serializers.EmailField(
        required=False,
        allow_blank=True,
        help_text="`person`: whose they become; empty or left out, everybody's of their groups again.",
    )
    old = serializers.ChoiceField(
        ["use", "now"], required=False, help_text="`reissue`: the former credentials end with the new one's first use."
    )


class ActionAsked(api_selection.Chosen):
    kind = serializers.ChoiceField(
        CHOICES,
        help_text=f"For admins of the whole organisation: {', '.join(BulkAction.OWNERS)}.",
    )
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
    effects = serializers.ListField(
        child=serializers.CharField(),
        help_text="`recipe`: for each version that devices have, what changes. Else: how many ties to gateways end.",
    )
    digest = serializers.CharField()


class ActionShown(Serializer):
    key = serializers.UUIDField()
    kind = serializers.ChoiceField(BulkAction.Kind.choices)
    params = serializers.DictField(child=serializers.JSONField())
    state = serializers.ChoiceField(BulkAction.State.choices)
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
    def find_actions(self) -> BulkActionQuerySet:
        """Return the actions that the person sees; of a token for less than the organisation, what was begun with it:
        the person may do more than it."""
        scope = BulkAction.objects.manageable_by(require_admin(self.user))
        if token := api_selection.get_narrow_token(self.request, self.user):
            scope = scope.filter(Q(selection__token=token.pk) | Q(undo_of__selection__token=token.pk))
        return scope.select_related("by", "undo_of", "delivery")

    def get_action(self, key: UUID) -> BulkAction:
        return get_row(self.find_actions(), key=key)

    def read_request(self, of: type[ActionAsked]) -> tuple[dict[str, Any], Selection, Params]:
        body = self.read(of)
        if body["kind"] in BulkAction.OWNERS:
            require_owner(self.user)
        return (
            body,
            api_selection.read_selection(body, self.user),
            self._read_params(body["kind"], body.get("params", {})),
        )

    def _read_params(self, kind: str, params: dict[str, Any]) -> Params:
        form = params_form(kind, {name: value for name, value in params.items() if value is not False}, user=self.user)
        strange = {name: [f"`{kind}` takes no such thing."] for name in params if name not in form.fields}
        if strange or not form.is_valid():
            raise serializers.ValidationError({"params": strange or convert_form_errors(form).detail})
        return form.params()

    def answer_with(self, action: BulkAction, status: int = 200) -> Response:
        kept = Touched.objects.of(action).exclude(verdict__in=["", CHANGE]).order_by().values_list("verdict")
        secrets = Delivery.objects.of(self.user).takeable().filter(action=action) if not action.is_working else None
        more = {
            "kept": [{"reason": WORDS[code], "devices": n} for code, n in kept.annotate(n=Count("pk"))],
            "undoable": self.find_actions().undoable().filter(pk=action.pk).exists(),
            "result": bool(secrets and secrets.exists()),
        }
        location = {"Location": reverse("devices:api-action", kwargs={"key": action.key})} if status == 201 else {}
        return Response(_serialize_action(action) | more, status=status, headers=location)

    def carry_out(self, action: BulkAction) -> Response:
        """Do it as the page does: few at once, many by a worker."""
        runner.carry_out(action=action)
        return self.answer_with(self.get_action(action.key), 201)


class Actions(ActionView):
    @describe_list(TAG, "List actions", ActionShown)
    def get(self, request: Request) -> Response:
        """List your own, and for admins of the whole organisation everybody's; newest first."""
        return page(request, self.find_actions(), NEWEST_FIRST).answer(_serialize_action)

    @describe_operation(
        TAG, "Do something to many devices", request=ActionNew, examples=EXAMPLE, responses={201: ActionWhole}
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Do it to up to 200 devices with the answer, to more by a worker: read the action until it has ended."""
        user = require_admin(self.user)
        body, selection, params = self.read_request(ActionNew)
        devices = selection.devices()
        digest = eligibility.preview(devices, body["kind"], params).digest
        if not devices.exists():
            raise Refusal(refusals.NO_DEVICES)
        token = api_selection.get_narrow_token(request, user)
        record = selection.describe() | ({"token": token.pk} if token else {})
        wanted = {"kind": body["kind"], "params": params, "devices": devices, "selection": record}
        return self.carry_out(runner.start(**wanted, previewed=body.get("digest", digest), by=user))


class ActionPreview(ActionView):
    @describe_operation(TAG, "Preview an action", request=ActionAsked, examples=EXAMPLE, responses=PreviewShown)
    def post(self, request: Request) -> Response:
        """Tell what it would do; nothing is changed."""
        require_admin(self.user)
        body, selection, params = self.read_request(ActionAsked)
        seen = eligibility.preview(selection.devices(), body["kind"], params)
        told = {
            "total": seen.total,
            "changing": seen.changing,
            "staying": [{"reason": words, "devices": n} for words, n in seen.reasons.items()],
            "leaving": [{"group": share.group, "devices": share.number} for share in seen.losing],
            "ending": seen.ending,
            "outside": selection.count_outside(),
            "effects": seen.effects,
            "digest": seen.digest,
        }
        return Response(told)


class ImportChange(ActionView):
    @describe_operation(TAG, "Carry out an import's changes", request=None, responses={201: ActionWhole})
    @idempotent()
    def post(self, request: Request, key: UUID) -> Response:
        """Change the devices of a checked import whose `act` is `change`; the action can be undone as any other."""
        user = require_owner(self.user)
        return self.carry_out(start_changes(importing=get_import(user, key), by=user))


class OneAction(ActionView):
    @describe_operation(TAG, "Read an action", responses=ActionWhole)
    def get(self, request: Request, key: UUID) -> Response:
        return self.answer_with(self.get_action(key))


class ActionCancel(ActionView):
    @describe_operation(TAG, "Cancel an action", request=None, responses=ActionWhole)
    def post(self, request: Request, key: UUID) -> Response:
        """Stop it. What is done already stays, and can be undone."""
        if not runner.cancel(action=self.get_action(key)):
            raise Refusal(refusals.JOB_ENDED)
        return self.answer_with(self.get_action(key))


class ActionUndo(ActionView):
    @describe_operation(TAG, "Undo an action", request=None, responses={201: ActionWhole})
    @idempotent()
    def post(self, request: Request, key: UUID) -> Response:
        """Start a new action, that brings back each device which is still as the first one left it."""
        token = api_selection.get_narrow_token(request, self.user)
        back = runner.undo(action=self.get_action(key), by=self.user, token=token)
        return self.carry_out(back)


class ActionResult(FileView, ActionView):
    @describe_operation(
        TAG,
        "Take an action's result",
        request=None,
        responses=describe_file(CSV, "Serial, device ID, access key and secret of each device, or why it has none."),
    )
    def post(self, request: Request, key: UUID) -> HttpResponseBase:
        """Take the secrets that it made, once, and only as whoever had them made. After that: `410`.

        Of devices that you manage now, and only while they are the devices' credentials: what was made for devices that
        left your groups is revoked.
        """
        action = self.get_action(key)
        if action.delivery is None:
            raise Refusal(refusals.NO_SECRETS)
        get_row(Delivery.objects.of(self.user), action=action)
        if action.is_working:
            raise Refusal(refusals.RESULT_NOT_READY)
        secret = credentials_file.take_key(action=action, by=self.user)
        return make_csv_response(
            credentials_file.stream_rows(action, secret, self.user),
            f"credentials-{action.created_at:%Y-%m-%d}.csv",
            for_programs=True,
        )


def _serialize_action(action: BulkAction) -> dict[str, object]:
    plain = ("key", "kind", "state", "total", "done", "changed", "cause", "created_at", "finished_at")
    return {name: getattr(action, name) for name in plain} | {
        "params": {name: value for name, value in action.params.items() if value and name not in UNTOLD},
        "by": str(action.by) if action.by else None,
        "undo_of": action.undo_of.key if action.undo_of else None,
    }
