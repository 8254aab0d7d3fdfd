"""The tenant tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.response import Response

from tenants.access import get_group
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import Key, OneLine
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import BadQuery, Conflict
from tenants.api.query import query
from tenants.api.schema import described, listing
from tenants.api.scoped import Choice
from tenants.groups import move_preview
from tenants.groups import operations as groups
from tenants.models import Group, Role
from tenants.people import listing as people_listing

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
    archived = serializers.BooleanField(help_text="Then nobody is offered it any more; its history stays.")


class GroupNew(Serializer):
    name = OneLine(max_length=120)
    parent = Choice(managed, help_text="A group that you manage and that holds no devices.")  # type: ignore[assignment]


class GroupName(Serializer):
    name = OneLine(max_length=120)


class GroupTarget(Serializer):
    parent = Choice(managed, help_text="Where to hang it, with all that is below it.")  # type: ignore[assignment]


class GroupPlace(GroupTarget):
    seen = serializers.CharField(
        required=False, max_length=64, help_text="The preview's `digest`: if it would be another one now, 409."
    )


class ShiftShown(Serializer):
    person = serializers.CharField(
        allow_null=True, help_text="Address; null for somebody above what you manage, of whom you learn only the role."
    )
    before = serializers.CharField(allow_null=True, help_text="Their role in the group now, null for none.")
    after = serializers.CharField(allow_null=True, help_text="Their role afterwards.")


class MoveShown(Serializer):
    group = serializers.IntegerField()
    parent = serializers.IntegerField()  # type: ignore[assignment]
    groups = serializers.IntegerField(help_text="That move: the group and all below it.")
    devices = serializers.IntegerField(help_text="In them.")
    losing = ShiftShown(many=True, help_text="Who may do less in them afterwards.")
    gaining = ShiftShown(many=True, help_text="Who may do more.")
    digest = serializers.CharField(help_text="Send it back as `seen`, so that just this is done or nothing.")


class GroupQuery(Serializer):
    q = serializers.CharField(required=False, max_length=120, help_text="Part of the name.")
    parent = Key(required=False, help_text="Directly below it.")  # type: ignore[assignment]


class MoveQuery(Serializer):
    parent = Key(help_text="Where it would hang.")  # type: ignore[assignment]


class Groups(ApiView):
    @listing("Groups", "List groups", GroupShown, parameters=[GroupQuery])
    def get(self, request: Request) -> Response:
        """The groups that you reach, oldest first."""
        found = page(request, self._narrowed(Group.objects.visible_to(self.user)))
        return found.answer(_show(self.user, found.rows))

    @described("Groups", "Create a group", request=GroupNew, responses={201: GroupShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Adds a group below one that you manage. A group that holds devices takes none below it; groups nest 63
        deep at most."""
        given = self.read(GroupNew)
        group = groups.create(parent=given["parent"], name=given["name"], by=self.user)
        location = reverse("tenants:api-group", kwargs={"pk": group.pk})
        return Response(_show(self.user, [group])(group), status=201, headers={"Location": location})

    def _narrowed(self, rows: GroupQuerySet) -> GroupQuerySet:
        given = query(self.request, GroupQuery)
        if text := given.get("q"):
            rows = rows.filter(name__icontains=text)
        if parent := given.get("parent"):
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
        """Only an empty leaf that nobody is a member of, below a group that you manage."""
        groups.delete(group=get_group(self.user, pk, role=Role.ADMIN), by=self.user)
        return Response(status=204)

    def _shown(self, group: Group) -> Response:
        return Response(_show(self.user, [group])(group))


class GroupMove(ApiView):
    @described("Groups", "Preview a move", parameters=[MoveQuery], responses=MoveShown)
    def get(self, request: Request, pk: int) -> Response:
        """What moving the group below `parent` would change, and for whom."""
        group = get_group(self.user, pk, role=Role.ADMIN)
        if why := groups.beyond(self.user, group, "move"):
            raise Conflict(why)
        asked = query(request, MoveQuery)["parent"]
        to = managed(self.user).filter(pk=asked).first()
        if to is None:
            raise BadQuery({"parent": ["There is no such group."]})
        if why := move_preview.refusal(group, to):
            raise BadQuery({"parent": [why]})
        return Response(_told(move_preview.preview(group, to), people_listing.known(self.user, group, to)))

    @described("Groups", "Move a group", request=GroupPlace, responses=GroupShown)
    def post(self, request: Request, pk: int) -> Response:
        """Hangs the group, and all that is below it, below another one that you manage.

        You manage the group above it too, which loses it.
        """
        group, given = get_group(self.user, pk, role=Role.ADMIN), self.read(GroupPlace)
        groups.move(group=group, to=given["parent"], by=self.user, seen=given.get("seen"))
        moved = get_group(self.user, pk)
        return Response(_show(self.user, [moved])(moved))


class GroupArchive(ApiView):
    @described("Groups", "Archive a group", request=None, responses=GroupShown)
    def post(self, request: Request, pk: int) -> Response:
        """Takes an empty leaf out of every choice, and keeps the history that names it.

        You manage the group above it.
        """
        groups.archive(group=get_group(self.user, pk, role=Role.ADMIN), by=self.user)
        group = get_group(self.user, pk)
        return Response(_show(self.user, [group])(group))


class GroupRestore(ApiView):
    @described("Groups", "Restore a group", request=None, responses=GroupShown)
    def post(self, request: Request, pk: int) -> Response:
        """Takes it out of the archive."""
        groups.restore(group=get_group(self.user, pk, role=Role.ADMIN), by=self.user)
        group = get_group(self.user, pk)
        return Response(_show(self.user, [group])(group))


def _told(preview: move_preview.Preview, known: set[int]) -> dict[str, object]:
    return {
        "group": preview.group.pk,
        "parent": preview.to.pk,
        "groups": preview.groups,
        "devices": preview.devices,
        "losing": [_shift(shift, known) for shift in preview.losing],
        "gaining": [_shift(shift, known) for shift in preview.gaining],
        "digest": preview.digest,
    }


def _shift(shift: move_preview.Shift, known: set[int]) -> dict[str, object]:
    return {
        "person": shift.user.email if shift.user.pk in known else None,
        "before": shift.before and shift.before.label,
        "after": shift.after and shift.after.label,
    }


def _show(user: User, rows: list[Group]) -> Any:
    """A function that shows each of the rows; their parents are read at once."""
    above = Group.objects.visible_to(user).filter(path__in={row.parent_path for row in rows})
    ids = dict(above.values_list("path", "pk"))
    return lambda row: {
        "id": row.pk,
        "name": row.name,
        "parent": ids.get(row.parent_path),
        "leaf": row.is_leaf(),
        "archived": row.archived_at is not None,
    }
