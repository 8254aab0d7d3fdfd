"""Who the token acts for, and what it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import serializers
from rest_framework.response import Response

from lib.zones import Clock
from tenants.api.base import ApiView, Serializer
from tenants.api.schema import describe_operation
from tenants.models import ApiToken, Group, Role

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import User

ROLES = [role.label for role in Role]


class Grant(Serializer):
    group = serializers.IntegerField()
    name = serializers.CharField()
    role = serializers.ChoiceField(ROLES)


class TokenShown(Serializer):
    name = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)


class Me(Serializer):
    email = serializers.CharField()
    name = serializers.CharField()
    organisation = serializers.CharField(allow_null=True)
    time_zone = serializers.CharField(
        help_text="By which your pages and files tell the time: a name of the IANA database."
    )
    clock = serializers.ChoiceField(Clock.choices, help_text="Hours of a day.")
    grants = Grant(many=True, help_text="Roles, each in a group and all that is below it.")
    token = TokenShown(allow_null=True, help_text="Null in a browser's session.")


class MeView(ApiView):
    @describe_operation("You", "Who you are", responses=Me)
    def get(self, request: Request) -> Response:
        """Tell whom the request acts for, and what it may: with a token, no more than the token."""
        token, user = request.auth, self.user
        clock = user.find_clock()
        shown = {
            "email": user.email,
            "name": user.name,
            "organisation": user.organisation.name if user.organisation else None,
            "time_zone": clock.zone,
            "clock": clock.hours,
            "grants": _grants(user),
            "token": {"name": token.name, "expires_at": token.expires_at} if isinstance(token, ApiToken) else None,
        }
        return Response(shown)


def _grants(user: User) -> list[dict[str, object]]:
    granted = [path for _, path in user.grants]
    groups = {group.path: group for group in Group.objects.visible_to(user).filter(path__in=granted)}
    return [
        {"group": groups[path].pk, "name": groups[path].name, "role": Role(role).label}
        for role, path in user.grants
        if path in groups
    ]
