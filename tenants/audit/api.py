"""The log of groups, people, tokens and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import serializers
from rest_framework.response import Response

from lib.paging import NEWEST_FIRST
from tenants.access import require_admin
from tenants.api.base import ApiView, Serializer
from tenants.api.paging import page
from tenants.api.query import query
from tenants.api.schema import listing
from tenants.models import Change

if TYPE_CHECKING:
    from rest_framework.request import Request


class ChangeShown(Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    by = serializers.CharField(allow_null=True, help_text="Address; null for the site's operator, or somebody gone.")
    what = serializers.CharField(help_text="In words.")
    group = serializers.IntegerField(
        allow_null=True, help_text="That it is told of: its own, or the one above a group that was deleted."
    )
    group_name = serializers.CharField(help_text="As what it is about was called then.")


class ChangeQuery(Serializer):
    q = serializers.CharField(required=False, max_length=120, help_text="Part of what happened.")
    who = serializers.CharField(required=False, max_length=120, help_text="Part of the name or address of who did it.")


class Changes(ApiView):
    @listing("Organisation", "List changes", ChangeShown, parameters=[ChangeQuery])
    def get(self, request: Request) -> Response:
        """What happened in the groups that you manage, newest first."""
        rows = Change.objects.visible_to(require_admin(self.user)).matching(**query(request, ChangeQuery))
        return page(request, rows.select_related("by"), NEWEST_FIRST).answer(_show)


def _show(row: Change) -> dict[str, object]:
    about = {"group": row.group_id, "group_name": row.group_name}
    return {"id": row.pk, "at": row.at, "by": row.by and row.by.email, "what": row.what, **about}
