"""The log of groups, people, tokens and settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rest_framework import serializers

from lib.paging import NEWEST_FIRST
from tenants.access import require_admin
from tenants.api.base import ApiView, Serializer
from tenants.api.paging import page
from tenants.api.query import read_query
from tenants.api.schema import describe_list
from tenants.audit import actors
from tenants.models import AuditEntry

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.response import Response


class ChangeShown(Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    by = serializers.CharField(
        allow_null=True,
        help_text="Address; null for the site's operator, somebody gone, and people outside the groups that you reach.",
    )
    what = serializers.CharField(help_text="In words.")
    group = serializers.IntegerField(
        allow_null=True, help_text="That it is told of: its own, or the one above a group that was deleted."
    )
    group_name = serializers.CharField(help_text="As what it is about was called then.")


class ChangeQuery(Serializer):
    q = serializers.CharField(required=False, max_length=120, help_text="Part of what happened.")
    who = serializers.CharField(required=False, max_length=120, help_text="Part of the name or address of who did it.")


class Changes(ApiView):
    @describe_list("Organisation", "List changes", ChangeShown, parameters=[ChangeQuery])
    def get(self, request: Request) -> Response:
        """List what happened in the groups that you manage, newest first."""
        reader = require_admin(self.user)
        rows = AuditEntry.objects.visible_to(reader).matching(reader, **read_query(request, ChangeQuery))
        found = page(request, rows.select_related("by"), NEWEST_FIRST)
        known = actors.find_known(reader, (row.by_id for row in found.rows))
        return found.answer(partial(_show, known=known))


def _show(row: AuditEntry, known: frozenset[int]) -> dict[str, object]:
    about = {"group": row.group_id, "group_name": row.group_name}
    by = row.by.email if row.by and row.by_id in known else None
    return {"id": row.pk, "at": row.at, "by": by, "what": row.what, **about}
