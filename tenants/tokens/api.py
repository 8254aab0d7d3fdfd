"""Tokens are listed and revoked here; they are made in the browser alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q
from rest_framework import serializers
from rest_framework.response import Response

from lib.paging import NEWEST_FIRST
from tenants.access import get_row
from tenants.api.base import ApiView, Serializer
from tenants.api.paging import page
from tenants.api.schema import describe_list, describe_operation
from tenants.models import ApiToken, Role, under
from tenants.people.api import ROLES
from tenants.tokens import operations as tokens

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import ApiTokenQuerySet, User


class TokenRow(Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    person = serializers.CharField(help_text="Address of whom it acts for.")
    group = serializers.IntegerField()
    role = serializers.ChoiceField(list(ROLES))
    prefix = serializers.CharField(help_text="How its secret begins.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")


class Tokens(ApiView):
    @describe_list("Tokens", "List tokens", TokenRow)
    def get(self, request: Request) -> Response:
        """List the live ones that reach no further than what you manage, and your own; to a token, of its own only
        itself.

        Newest first.
        """
        return page(request, _find_visible(self.user, request.auth).select_related("user"), NEWEST_FIRST).answer(_show)


class OneToken(ApiView):
    @describe_operation("Tokens", "Read a token", responses=TokenRow)
    def get(self, request: Request, pk: int) -> Response:
        return Response(_show(get_row(_find_visible(self.user, request.auth).select_related("user"), pk=pk)))

    @describe_operation("Tokens", "Revoke a token", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Revoke it: from the next request on it is refused. A token may revoke itself."""
        token = get_row(_find_visible(self.user, request.auth).select_related("user", "group"), pk=pk)
        tokens.revoke(token=token, by=self.user)
        return Response(status=204)


def _find_visible(user: User, auth: object) -> ApiTokenQuerySet:
    """Return the live tokens that the caller sees; a token, of its person's own, only itself: it may be narrower."""
    rows = ApiToken.objects.visible_to(user).live()
    if isinstance(auth, ApiToken):
        rows = rows.filter(Q(pk=auth.pk) | under(user.reach(Role.ADMIN), "group__path"))
    return rows


def _show(row: ApiToken) -> dict[str, object]:
    return {
        "id": row.pk,
        "name": row.name,
        "person": row.user.email,
        "group": row.group_id,
        "role": Role(row.role).label,
        "prefix": row.prefix,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
    }
