"""The same for programs: what waits, found by code, let in or turned away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from lib.paging import NEWEST_FIRST
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.approval import codes, decisions
from provisioning.doors.approval.access import get_operation, list_waiting
from provisioning.doors.approval.operator_forms import LONGEST_CODE
from provisioning.models import ProvisioningOperation
from tenants.access import require_technician
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.paging import page
from tenants.api.query import read_query
from tenants.api.schema import describe_list, describe_operation
from tenants.api.scoped import Choice
from tenants.models import Group

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

    from tenants.models import User

TAG = "Approvals"


def find_groups(user: User) -> Any:
    return Group.objects.registrable_by(user)


class ApprovalQuery(Serializer):
    code = serializers.CharField(required=False, max_length=LONGEST_CODE, help_text="That the device shows.")


class ApprovalShown(Serializer):
    key = serializers.UUIDField(help_text="The `provisioningOperationId` that the device got.")
    state = serializers.ChoiceField(ProvisioningOperation.State.choices)
    door = serializers.CharField(help_text="The name of the door to which it came.")
    id = serializers.CharField(help_text="By which it goes; empty: the approver gives it one.")
    said = serializers.DictField(child=serializers.CharField(), help_text="What it says of itself.")
    address = serializers.CharField(help_text="From which it came.")
    started_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    serial = serializers.CharField(allow_null=True, help_text="Of the device that it led to.")


class Approve(Serializer):
    code = serializers.CharField(
        required=False, max_length=LONGEST_CODE, help_text="That the device shows. Admins may leave it out."
    )
    id = OneLine(required=False, max_length=90, help_text="By which it goes, where it said none, or another one.")
    name = OneLine(required=False, max_length=120)
    group = Choice(find_groups, required=False, allow_null=True, help_text="A leaf into which you may register.")


class Approvals(ApiView):
    @describe_list(TAG, "List devices that wait for approval", ApprovalShown, parameters=[ApprovalQuery])
    def get(self, request: Request) -> Response:
        """Return what asked to come in by a door of approval, and waits. Newest first."""
        rows = list_waiting(require_technician(self.user))
        if text := read_query(request, ApprovalQuery).get("code"):
            rows = rows.filter(code=codes.read_code(text) or "none")
        return page(request, rows, NEWEST_FIRST).answer(_show)


class OneApproval(ApiView):
    @describe_operation(TAG, "Watch an approval", responses=ApprovalShown)
    def get(self, request: Request, key: UUID) -> Response:
        return Response(_show(get_operation(self.user, key)))


class ApproveDevice(ApiView):
    @describe_operation(TAG, "Approve a device", request=Approve, responses=ApprovalShown)
    def post(self, request: Request, key: UUID) -> Response:
        """Let it in. It is there when it registers, seconds later."""
        chosen = get_operation(self.user, key)
        sent = self.read(Approve)
        if "id" in sent:
            sent["identity"] = sent.pop("id")
        decisions.approve_operation(operation=chosen, by=self.user, **sent)
        return Response(_show(get_operation(self.user, key)))


class CancelApproval(ApiView):
    @describe_operation(TAG, "Turn a device away", request=None, responses=ApprovalShown)
    def post(self, request: Request, key: UUID) -> Response:
        """Cancel it, also one that was approved and has not registered yet. The device stops asking."""
        if not decisions.cancel_operation(operation=get_operation(self.user, key), by=self.user):
            raise Refusal(refusals.OPERATION_DECIDED)
        return Response(_show(get_operation(self.user, key)))


def _show(row: ProvisioningOperation) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in ("key", "state", "said", "address", "started_at", "expires_at")}
    serial = row.device.serial if row.device and row.registered_at else None
    return {**plain, "door": row.door.name, "id": row.identity, "serial": serial}
