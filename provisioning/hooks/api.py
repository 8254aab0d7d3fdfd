"""Hooks for programs: made, watched and ended, and what failed repeated or skipped, as on their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.response import Response

from lib.outgoing.addresses import LONGEST
from lib.paging import NEWEST_FIRST
from provisioning.hooks import listing, operations
from provisioning.hooks.access import get_hook, get_hook_call, get_hook_run
from provisioning.models import Hook, HookCall, HookRun
from tenants.access import require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.schema import describe_list, describe_operation

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

TAG = "Hooks"


class HookChange(Serializer):
    name = OneLine(required=False, max_length=120)
    url = serializers.CharField(required=False, max_length=LONGEST, help_text="To which messages are posted: https.")
    tells = serializers.ChoiceField(Hook.Tells.choices, required=False, help_text="Of what it is told.")
    position = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=operations.MOST_POSITION,
        help_text="1 is told first; the next one once this one took its message.",
    )


class HookNew(HookChange):
    name = OneLine(max_length=120)
    url = serializers.CharField(max_length=LONGEST, help_text="To which messages are posted: https.")


class HookShown(Serializer):
    key = serializers.UUIDField()
    name = serializers.CharField()
    url = serializers.CharField()
    tells = serializers.ChoiceField(Hook.Tells.choices)
    position = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class HookMade(HookShown):
    secret = serializers.CharField(help_text="With which messages are signed. Shown once.")


class SecretMade(Serializer):
    secret = serializers.CharField(help_text="Shown once. The former one signs beside it for a day.")


class Repeated(Serializer):
    repeated = serializers.IntegerField(help_text="Messages that are sent again.")


class CallShown(Serializer):
    position = serializers.IntegerField()
    hook = serializers.UUIDField()
    name = serializers.CharField()
    id = serializers.CharField(help_text="The message's `webhook-id`, the same however often it is sent.")
    state = serializers.ChoiceField(listing.CALL_STATES)
    attempts = serializers.IntegerField()
    attempted_at = serializers.DateTimeField(allow_null=True)
    next_at = serializers.DateTimeField(allow_null=True)
    status = serializers.IntegerField(allow_null=True, help_text="That it answered last.")
    milliseconds = serializers.IntegerField(allow_null=True)
    result = serializers.CharField(help_text="The last result in words.")


class RunShown(Serializer):
    key = serializers.UUIDField()
    type = serializers.ChoiceField(HookRun.Kind.choices)
    serial = serializers.CharField(help_text="Empty where it is about several devices.")
    state = serializers.ChoiceField(HookRun.State.choices)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class RunWhole(RunShown):
    payload = serializers.DictField(child=serializers.JSONField(), help_text="What each hook is sent.")
    calls = CallShown(many=True)


class Hooks(ApiView):
    @describe_list(TAG, "List hooks", HookShown)
    def get(self, request: Request) -> Response:
        """Return the back ends that are told of placed and released devices, ended ones too. Newest first."""
        return page(request, Hook.objects.manageable_by(require_owner(self.user)), NEWEST_FIRST).answer(_show)

    @describe_operation(TAG, "Make a hook", request=HookNew, responses={201: HookMade})
    @idempotent(secret=True)
    def post(self, request: Request) -> Response:
        """Make a hook, for admins of the whole organisation. Its secret is in this answer only."""
        user = require_owner(self.user)
        assert user.organisation is not None
        sent = self.read(HookNew)
        made, secret = operations.create_hook(organisation=user.organisation, by=user, **sent)
        location = reverse("provisioning:api-hook", kwargs={"key": made.key})
        shown = _show(get_hook(user, made.key)) | {"secret": secret}
        return Response(shown, status=201, headers={"Location": location})


class OneHook(ApiView):
    @describe_operation(TAG, "Read a hook", responses=HookShown)
    def get(self, request: Request, key: UUID) -> Response:
        return Response(_show(get_hook(self.user, key)))

    @describe_operation(TAG, "Change a hook", request=HookChange, responses=HookShown)
    def patch(self, request: Request, key: UUID) -> Response:
        """Change what is sent. It holds from the next message on, for those that wait too."""
        hook = get_hook(self.user, key)
        operations.change_hook(hook=hook, fields=self.read(HookChange, instance=hook, shown=_show(hook)), by=self.user)
        return Response(_show(get_hook(self.user, key)))


class HookSecret(ApiView):
    @describe_operation(TAG, "Make a new secret of a hook", request=None, responses={201: SecretMade})
    @idempotent(secret=True)
    def post(self, request: Request, key: UUID) -> Response:
        """Make a new secret. It is in this answer only."""
        secret = operations.renew_secret(hook=get_hook(self.user, key), by=self.user)
        location = reverse("provisioning:api-hook", kwargs={"key": key})
        return Response({"secret": secret}, status=201, headers={"Location": location})


class RepeatFailed(ApiView):
    @describe_operation(TAG, "Repeat what failed at a hook", request=None, responses=Repeated)
    def post(self, request: Request, key: UUID) -> Response:
        """Send all messages again that wait for an admin there."""
        return Response({"repeated": operations.repeat_failed(hook=get_hook(self.user, key), by=self.user)})


class EndHook(ApiView):
    @describe_operation(TAG, "End a hook", request=None, responses=HookShown)
    def post(self, request: Request, key: UUID) -> Response:
        """Tell it nothing more, for good. What waits for it goes on to the hooks after it."""
        operations.end_hook(hook=get_hook(self.user, key), by=self.user)
        return Response(_show(get_hook(self.user, key)))


class HookRuns(ApiView):
    @describe_list(TAG, "List what hooks were told", RunShown)
    def get(self, request: Request) -> Response:
        """Return a run for each message: of a device that was placed or released, or of what needs attention. Newest
        first."""
        runs = HookRun.objects.manageable_by(require_owner(self.user)).select_related("device")
        return page(request, runs, NEWEST_FIRST).answer(_show_run)


class OneHookRun(ApiView):
    @describe_operation(TAG, "Read what hooks were told", responses=RunWhole)
    def get(self, request: Request, key: UUID) -> Response:
        """Return the message, and each hook's result in order."""
        return Response(_show_whole(get_hook_run(self.user, key)))


class RepeatCall(ApiView):
    @describe_operation(TAG, "Repeat a hook's message", request=None, responses=RunWhole)
    def post(self, request: Request, key: UUID, position: int) -> Response:
        """Send the message again now, under the same id."""
        operations.repeat_call(call=get_hook_call(self.user, key, position), by=self.user)
        return Response(_show_whole(get_hook_run(self.user, key)))


class SkipCall(ApiView):
    @describe_operation(TAG, "Skip a hook's message", request=None, responses=RunWhole)
    def post(self, request: Request, key: UUID, position: int) -> Response:
        """Go on without this hook: the next one is told now."""
        operations.skip_call(call=get_hook_call(self.user, key, position), by=self.user)
        return Response(_show_whole(get_hook_run(self.user, key)))


def _show(hook: Hook) -> dict[str, Any]:
    return {name: getattr(hook, name) for name in ("key", "name", "url", "tells", "position", "created_at", "ended_at")}


def _show_run(run: HookRun) -> dict[str, Any]:
    same = {name: getattr(run, name) for name in ("key", "state", "created_at", "finished_at")}
    return {**same, "type": run.kind, "serial": run.serial}


def _show_whole(run: HookRun) -> dict[str, Any]:
    calls = listing.show_calls(run, list(HookCall.objects.of(run)))
    return _show_run(run) | {"payload": run.payload, "calls": [_show_call(each) for each in calls]}


def _show_call(shown: listing.CallShown) -> dict[str, Any]:
    call = shown.call
    same = {name: getattr(call, name) for name in ("position", "attempts", "attempted_at", "status", "milliseconds")}
    told = {"hook": call.hook.key, "name": call.hook.name, "id": call.message_id, "result": shown.words}
    return {**same, **told, "state": shown.state, "next_at": shown.next_at}
