"""The tenant tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.response import Response

from tenants import groups
from tenants.access import get_group
from tenants.api.base import ApiView, Serializer
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import BadQuery, Conflict
from tenants.api.schema import described, listing
from tenants.api.scoped import Choice
from tenants.models import Group, Role

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import GroupQuerySet, User


def managed(user: User) -> GroupQuerySet:
    return Group.objects.manageable_by(user)


class GroupShown(Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    parent = serializers.IntegerField(allow_null=True, help_text="Null if you see none above it.")  # type: ignore[assignment]
    leaf = serializers.BooleanField(help_text="Only leaves hold devices.")


class GroupNew(Serializer):
    name = serializers.CharField(max_length=120)
    parent = Choice(managed, help_text="A group that you manage and that holds no devices.")  # type: ignore[assignment]


class GroupName(Serializer):
    name = serializers.CharField(max_length=120)


class GroupPlace(Serializer):
    parent = Choice(managed, help_text="Where to hang it, with all that is below it.")  # type: ignore[assignment]


class GroupQuery(Serializer):
    q = serializers.CharField(required=False, max_length=120, help_text="Part of the name.")
    parent = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1, help_text="Directly below it.")  # type: ignore[assignment]


class Groups(ApiView):
    @listing("Groups", "List groups", GroupShown, parameters=[GroupQuery])
    def get(self, request: Request) -> Response:
        """The groups that you reach, oldest first."""
        found = page(request, self._narrowed(Group.objects.visible_to(self.user)))
        return found.answer(_show(self.user, found.rows))

    @described("Groups", "Create a group", request=GroupNew, responses={201: GroupShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Adds a group below one that you manage. A group that holds devices takes none below it."""
        given = self.read(GroupNew)
        group = groups.create(parent=given["parent"], name=given["name"], by=self.user)
        location = reverse("tenants:api-group", kwargs={"pk": group.pk})
        return Response(_show(self.user, [group])(group), status=201, headers={"Location": location})

    def _narrowed(self, rows: GroupQuerySet) -> GroupQuerySet:
        given = {name: self.request.query_params[name] for name in ("q", "parent") if name in self.request.query_params}
        query = GroupQuery(data=given)
        if not query.is_valid():
            raise BadQuery(query.errors)
        if text := query.validated_data.get("q"):
            rows = rows.filter(name__icontains=text)
        if parent := query.validated_data.get("parent"):
            above = Group.objects.visible_to(self.user).filter(pk=parent).first()
            if above is None:
                raise BadQuery({"parent": ["There is no such group."]})
            rows = rows.filter(path__startswith=above.path, depth=above.depth + 1)
        return rows


class OneGroup(ApiView):
    @described("Groups", "Read a group", responses=GroupShown)
    def get(self, request: Request, pk: int) -> Response:
        return self._shown(get_group(self.user, pk))

    @described("Groups", "Rename a group", request=GroupName, responses=GroupShown)
    def patch(self, request: Request, pk: int) -> Response:
        group = get_group(self.user, pk, role=Role.ADMIN)
        groups.rename(group=group, name=self.read(GroupName)["name"], by=self.user)
        return self._shown(get_group(self.user, pk))

    @described("Groups", "Delete a group", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Only an empty leaf that nobody is a member of; never the group where your own powers begin."""
        group = get_group(self.user, pk, role=Role.ADMIN)
        if group.path in self.user.reach(Role.ADMIN):
            raise Conflict("Your own powers begin at this group. Somebody above it can delete it.")
        groups.delete(group=group, by=self.user)
        return Response(status=204)

    def _shown(self, group: Group) -> Response:
        return Response(_show(self.user, [group])(group))


class GroupMove(ApiView):
    @described("Groups", "Move a group", request=GroupPlace, responses=GroupShown)
    def post(self, request: Request, pk: int) -> Response:
        """Hangs the group, and all that is below it, below another one that you manage."""
        group = get_group(self.user, pk, role=Role.ADMIN)
        if group.path in self.user.reach(Role.ADMIN):
            raise Conflict("Your own powers begin at this group. Somebody above it can move it.")
        groups.move(group=group, to=self.read(GroupPlace)["parent"], by=self.user)
        moved = get_group(self.user, pk)
        return Response(_show(self.user, [moved])(moved))


def _show(user: User, rows: list[Group]) -> Any:
    """A function that shows each of the rows; their parents are read at once."""
    above = Group.objects.visible_to(user).filter(path__in={row.parent_path for row in rows})
    ids = dict(above.values_list("path", "pk"))
    return lambda row: {"id": row.pk, "name": row.name, "parent": ids.get(row.parent_path), "leaf": row.is_leaf()}
