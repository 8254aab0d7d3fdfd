"""Invitations: how people come in. The link goes out by e-mail alone; no answer holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.urls import reverse
from rest_framework import serializers
from rest_framework.response import Response

from lib import origins
from tenants.access import get_invitation, require_admin
from tenants.api.base import ApiView, Serializer
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import convert_form_errors
from tenants.api.query import read_query
from tenants.api.schema import describe_list, describe_operation
from tenants.api.scoped import Choice
from tenants.models import Group, Invitation, Role
from tenants.people import invitations
from tenants.people.api import ROLES
from tenants.people.forms import InviteForm

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import GroupQuerySet, User


def find_open_groups(user: User) -> GroupQuerySet:
    rows: GroupQuerySet = Group.objects.manageable_by(user).filter(archived_at=None)
    return rows


class InvitationShown(Serializer):
    id = serializers.IntegerField()
    email = serializers.CharField()
    group = serializers.IntegerField()
    role = serializers.ChoiceField(list(ROLES))
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(
        allow_null=True, help_text="When the mail server took it; null before that, or if it did not: send it again."
    )
    expires_at = serializers.DateTimeField()


class InvitationNew(Serializer):
    email = serializers.CharField(max_length=254)
    group = Choice(find_open_groups, help_text="A group that you manage.")
    role = serializers.ChoiceField(list(ROLES))


class InvitationQuery(Serializer):
    q = serializers.CharField(required=False, max_length=120, help_text="Part of the address.")


class Invitations(ApiView):
    @describe_list("People", "List invitations", InvitationShown, parameters=[InvitationQuery])
    def get(self, request: Request) -> Response:
        """List those that wait for an answer, into groups that you manage; they may have expired."""
        rows = Invitation.objects.manageable_by(require_admin(self.user)).waiting()
        if text := read_query(request, InvitationQuery).get("q"):
            rows = rows.filter(email__icontains=text)
        return page(request, rows).answer(_show)

    @describe_operation("People", "Invite a person", request=InvitationNew, responses={201: InvitationShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Mail a link, valid for seven days. An earlier one for the same address and group works no longer."""
        require_admin(self.user)
        sent = self.read(InvitationNew)
        fields = {"email": sent["email"], "role": ROLES[sent["role"]].value}
        form = InviteForm(fields, user=self.user, group=sent["group"])
        if not form.is_valid():
            raise convert_form_errors(form)
        return _invite(request, self.user, group=sent["group"], **form.cleaned_data)


class OneInvitation(ApiView):
    @describe_operation("People", "Read an invitation", responses=InvitationShown)
    def get(self, request: Request, pk: int) -> Response:
        return Response(_show(get_invitation(self.user, pk)))

    @describe_operation("People", "Withdraw an invitation", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Withdraw it: its link works no longer."""
        invitations.withdraw(invitation=get_invitation(self.user, pk), by=self.user)
        return Response(status=204)


class Again(ApiView):
    @describe_operation("People", "Send an invitation again", request=None, responses={201: InvitationShown})
    @idempotent()
    def post(self, request: Request, pk: int) -> Response:
        """Replace this invitation with a new one, with a new link."""
        old = get_invitation(self.user, pk)
        return _invite(request, self.user, group=old.group, email=old.email, role=Role(old.role))


def _invite(request: Request, user: User, **fields: Any) -> Response:
    prepared = invitations.prepare(by=user, **fields)
    site = origins.get_site_origin(request)
    transaction.on_commit(lambda: invitations.send(prepared, site=site))
    location = reverse("tenants:api-invitation", kwargs={"pk": prepared.invitation.pk})
    return Response(_show(prepared.invitation), status=201, headers={"Location": location})


def _show(row: Invitation) -> dict[str, object]:
    return {
        "id": row.pk,
        "email": row.email,
        "group": row.group_id,
        "role": Role(row.role).label,
        "created_at": row.created_at,
        "sent_at": row.sent_at,
        "expires_at": row.expires_at,
    }
