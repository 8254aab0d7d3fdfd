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
from tenants.api.problems import refused
from tenants.api.query import query
from tenants.api.schema import described, listing
from tenants.api.scoped import Choice
from tenants.models import Group, Invitation, Role
from tenants.people import invitations
from tenants.people.api import ROLES
from tenants.people.forms import InviteForm

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import GroupQuerySet, User


def offered(user: User) -> GroupQuerySet:
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
    group = Choice(offered, help_text="A group that you manage.")
    role = serializers.ChoiceField(list(ROLES))


class InvitationQuery(Serializer):
    q = serializers.CharField(required=False, max_length=120, help_text="Part of the address.")


class Invitations(ApiView):
    @listing("People", "List invitations", InvitationShown, parameters=[InvitationQuery])
    def get(self, request: Request) -> Response:
        """Those that wait for an answer, into groups that you manage; they may have expired."""
        rows = Invitation.objects.manageable_by(require_admin(self.user)).waiting()
        if text := query(request, InvitationQuery).get("q"):
            rows = rows.filter(email__icontains=text)
        return page(request, rows).answer(_show)

    @described("People", "Invite a person", request=InvitationNew, responses={201: InvitationShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Mails a link, valid for seven days. An earlier one for the same address and group works no longer."""
        require_admin(self.user)
        given = self.read(InvitationNew)
        sent = {"email": given["email"], "role": ROLES[given["role"]].value}
        form = InviteForm(sent, user=self.user, group=given["group"])
        if not form.is_valid():
            raise refused(form)
        return _invited(request, self.user, group=given["group"], **form.cleaned_data)


class OneInvitation(ApiView):
    @described("People", "Read an invitation", responses=InvitationShown)
    def get(self, request: Request, pk: int) -> Response:
        return Response(_show(get_invitation(self.user, pk)))

    @described("People", "Withdraw an invitation", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Its link works no longer."""
        invitations.withdraw(invitation=get_invitation(self.user, pk), by=self.user)
        return Response(status=204)


class Again(ApiView):
    @described("People", "Send an invitation again", request=None, responses={201: InvitationShown})
    @idempotent()
    def post(self, request: Request, pk: int) -> Response:
        """A new invitation with a new link takes this one's place."""
        old = get_invitation(self.user, pk)
        return _invited(request, self.user, group=old.group, email=old.email, role=Role(old.role))


def _invited(request: Request, user: User, **given: Any) -> Response:
    made = invitations.prepare(by=user, **given)
    site = origins.named(request)
    transaction.on_commit(lambda: invitations.send(made, site=site))
    location = reverse("tenants:api-invitation", kwargs={"pk": made.invitation.pk})
    return Response(_show(made.invitation), status=201, headers={"Location": location})


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
