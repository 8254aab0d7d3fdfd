"""Commands to a device: what it takes, sending one, and what became of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.commands import listing, operations
from devices.models import Command
from devices.recipes import command_lines
from lib.paging import NEWEST_FIRST
from tenants.api.base import ApiView, Serializer
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.schema import describe_list, describe_operation
from tenants.audit import actors

if TYPE_CHECKING:
    from rest_framework.request import Request

    from devices.models import Device

TAG = "Commands"


class CommandSent(Serializer):
    name = serializers.CharField(max_length=64, help_text="One of those that the device takes from you.")
    payload = serializers.JSONField(
        required=False, allow_null=True, help_text="What the command's schema asks for; null where it asks for nothing."
    )
    seconds = serializers.IntegerField(
        required=False,
        min_value=command_lines.SHORTEST,
        max_value=command_lines.LONGEST,
        help_text="For which it waits; as the recipe says, if it is left out.",
    )


class CommandShown(Serializer):
    id = serializers.UUIDField(help_text="The device is told it, too, and answers with it.")
    name = serializers.CharField()
    payload = serializers.JSONField(allow_null=True)
    state = serializers.ChoiceField(
        Command.State.choices, help_text="`sent` is the end of a command that its devices do not answer."
    )
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True, help_text="What the device, or the site, said of its end.")
    result = serializers.JSONField(allow_null=True, help_text="What the device answered beside.")
    by = serializers.CharField(allow_null=True)


class CommandOffered(Serializer):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    answers = serializers.BooleanField(help_text="Whether its devices answer it.")
    seconds = serializers.IntegerField(help_text="For which it waits.")
    schema = serializers.DictField(child=serializers.JSONField(), help_text="JSON Schema of its payload; empty: none.")


OFFERED = inline_serializer(
    "CommandOfferedPage", {"results": CommandOffered(many=True), "next": serializers.URLField(allow_null=True)}
)


class Commands(ApiView):
    @describe_list(TAG, "List a device's commands", CommandShown)
    def get(self, request: Request, serial: str) -> Response:
        """Return those sent since the device was placed where it is, newest first."""
        found = page(request, listing.list_commands(get_device(self.user, serial)), NEWEST_FIRST)
        known = actors.find_known(self.user, (row.by_id for row in found.rows))
        return found.answer(partial(_serialize, known=known))

    @describe_operation(TAG, "Send a command", request=CommandSent, responses={201: CommandShown})
    @idempotent()
    def post(self, request: Request, serial: str) -> Response:
        """Send it: it waits for a device that is away, and ends when its time is over."""
        device = get_device(self.user, serial)
        sent = self.read(CommandSent)
        made = operations.send(
            device=device, name=sent["name"], payload=sent.get("payload"), by=self.user, seconds=sent.get("seconds", 0)
        )
        location = reverse("devices:api-command", kwargs={"serial": device.serial, "key": made.key})
        return Response(_show(self, device, made), status=201, headers={"Location": location})


class OneCommand(ApiView):
    @describe_operation(TAG, "Get a command", responses=CommandShown)
    def get(self, request: Request, serial: str, key: Any) -> Response:
        device = get_device(self.user, serial)
        return Response(_show(self, device, listing.get_command(device, key)))


class OfferedCommands(ApiView):
    @describe_operation(TAG, "List what may be sent to a device", responses=OFFERED)
    def get(self, request: Request, serial: str) -> Response:
        """Return the commands of its recipe that you may send."""
        offered = listing.list_offered(self.user, get_device(self.user, serial))
        names = ("name", "label", "answers", "seconds", "schema")
        rows = [{name: getattr(each, name) for name in names} for each in offered]
        return Response({"results": rows, "next": None})


def _show(view: ApiView, device: Device, command: Command) -> dict[str, Any]:
    row = listing.get_command(device, command.key)
    return _serialize(row, actors.find_known(view.user, [row.by_id]))


def _serialize(row: Command, known: frozenset[int]) -> dict[str, Any]:
    plain = ("name", "payload", "created_at", "expires_at", "sent_at", "ended_at", "reason", "result")
    shown = {name: getattr(row, name) for name in plain}
    by = str(row.by) if row.by and row.by_id in known else None
    return {"id": str(row.key), "state": row.stage, "by": by} | shown
