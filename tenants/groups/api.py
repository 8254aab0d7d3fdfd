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
from tenants.api.problems import BadQuery
from tenants.api.query import read_query
from tenants.api.schema import describe_list, describe_operation
from tenants.api.scoped import Choice
from tenants.groups import move_preview
from tenants.groups import operations as groups
from tenants.models import Group, Role
from tenants.people import listing as people_listing

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import GroupQuerySet, User


def find_managed_groups(user: User) -> GroupQuerySet:
    return Group.objects.manageable_by(user)


class GroupShown(Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    parent = serializers.IntegerField(allow_null=True, help_text="Null if you see none above it.")  # type: ignore[assignment]
    leaf = serializers.BooleanField(help_text="Only leaves hold devices.")
    archived = serializers.BooleanField(help_text="Then nobody is offered it any more; its history stays.")


class GroupNew(Serializer):
    name = OneLine(max_length=120)
    parent = Choice(find_managed_groups, help_text="A group that you manage and that holds no devices.")  # type: ignore[assignment]


class GroupName(Serializer):
    name = OneLine(max_length=120)


class GroupTarget(Serializer):
    parent = Choice(find_managed_groups, help_text="Where to hang it, with all that is below it.")  # type: ignore[assignment]


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
    returning = serializers.IntegerField(
        help_text="Of these, devices of one person who would have no right to them: they go back to their groups."
    )
    losing = ShiftShown(many=True, help_text="Who may do less in them afterwards.")
    gaining = ShiftShown(many=True, help_text="Who may do more.")
    digest = serializers.CharField(help_text="Send it back as `seen`, so that just this is done or nothing.")


class GroupQuery(Serializer):
    q = serializers.CharField(required=False, max_length=120, help_text="Part of the name.")
    parent = Key(required=False, help_text="Directly below it.")  # type: ignore[assignment]


class MoveQuery(Serializer):
    parent = Key(help_text="Where it would hang.")  # type: ignore[assignment]


class Groups(ApiView):
    @describe_list("Groups", "List groups", GroupShown, parameters=[GroupQuery])
    def get(self, request: Request) -> Response:
        """List the groups that you reach, oldest first."""
        groups_page = page(request, self._filter_groups(Group.objects.visible_to(self.user)))
        return groups_page.answer(_show(self.user, groups_page.rows))

    @describe_operation("Groups", "Create a group", request=GroupNew, responses={201: GroupShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Add a group below one that you manage. A group that holds devices takes none below it; groups nest 63
        deep at most."""
        sent = self.read(GroupNew)
        group = groups.create(parent=sent["parent"], name=sent["name"], by=self.user)
        location = reverse("tenants:api-group", kwargs={"pk": group.pk})
        return Response(_show(self.user, [group])(group), status=201, headers={"Location": location})

    def _filter_groups(self, rows: GroupQuerySet) -> GroupQuerySet:
        filters = read_query(self.request, GroupQuery)
        if text := filters.get("q"):
            rows = rows.filter(name__icontains=text)
        if parent := filters.get("parent"):
            above = Group.objects.visible_to(self.user).filter(pk=parent).first()
            if above is None:
                raise BadQuery({"parent": ["There is no such group."]})
            rows = rows.filter(path__startswith=above.path, depth=above.depth + 1)
        return rows


class OneGroup(ApiView):
    @describe_operation("Groups", "Read a group", responses=GroupShown)
    def get(self, request: Request, pk: int) -> Response:
        return self._answer_group(get_group(self.user, pk))

    @describe_operation("Groups", "Rename a group", request=GroupName, responses=GroupShown)
    def patch(self, request: Request, pk: int) -> Response:
        group = get_group(self.user, pk, role=Role.ADMIN)
        sent = self.read(GroupName, instance=group, shown=_show(self.user, [group])(group))
        groups.rename(group=group, name=sent["name"], by=self.user)
        return self._answer_group(get_group(self.user, pk))

    @describe_operation("Groups", "Delete a group", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete an empty leaf that nobody is a member of, below a group that you manage."""
        groups.delete(group=get_group(self.user, pk, role=Role.ADMIN), by=self.user)
        return Response(status=204)

    def _answer_group(self, group: Group) -> Response:
        return Response(_show(self.user, [group])(group))


class GroupMove(ApiView):
    @describe_operation("Groups", "Preview a move", parameters=[MoveQuery], responses=MoveShown)
    def get(self, request: Request, pk: int) -> Response:
        """Tell what moving the group below `parent` would change, and for whom."""
        group = get_group(self.user, pk, role=Role.ADMIN)
        if why := groups.explain_beyond(self.user, group, "move"):
            raise why
        asked = read_query(request, MoveQuery)["parent"]
        to = find_managed_groups(self.user).filter(pk=asked).first()
        if to is None:
            raise BadQuery({"parent": ["There is no such group."]})
        if why := move_preview.explain_refusal(group, to):
            raise why.at("parent")
        return Response(
            _show_preview(move_preview.preview_move(group, to), people_listing.find_known_ids(self.user, group, to))
        )

    @describe_operation("Groups", "Move a group", request=GroupPlace, responses=GroupShown)
    def post(self, request: Request, pk: int) -> Response:
        """Move the group, and all that is below it, below another one that you manage.

        You manage the group above it too, which loses it.
        """
        group, sent = get_group(self.user, pk, role=Role.ADMIN), self.read(GroupPlace)
        groups.move(group=group, to=sent["parent"], by=self.user, seen=sent.get("seen"))
        moved = get_group(self.user, pk)
        return Response(_show(self.user, [moved])(moved))


class GroupArchive(ApiView):
    @describe_operation("Groups", "Archive a group", request=None, responses=GroupShown)
    def post(self, request: Request, pk: int) -> Response:
        """Take an empty leaf out of every choice, and keep the history that names it.

        You manage the group above it.
        """
        groups.archive(group=get_group(self.user, pk, role=Role.ADMIN), by=self.user)
        group = get_group(self.user, pk)
        return Response(_show(self.user, [group])(group))


class GroupRestore(ApiView):
    @describe_operation("Groups", "Restore a group", request=None, responses=GroupShown)
    def post(self, request: Request, pk: int) -> Response:
        """Take it out of the archive."""
        groups.restore(group=get_group(self.user, pk, role=Role.ADMIN), by=self.user)
        group = get_group(self.user, pk)
        return Response(_show(self.user, [group])(group))


def _show_preview(preview: move_preview.Preview, known: set[int]) -> dict[str, object]:
    return {
        "group": preview.group.pk,
        "parent": preview.to.pk,
        "groups": preview.groups,
        "devices": preview.devices,
        "returning": preview.returning,
        "losing": [_show_shift(shift, known) for shift in preview.losing],
        "gaining": [_show_shift(shift, known) for shift in preview.gaining],
        "digest": preview.digest,
    }


def _show_shift(shift: move_preview.Shift, known: set[int]) -> dict[str, object]:
    return {
        "person": shift.user.email if shift.user.pk in known else None,
        "before": shift.before and shift.before.label,
        "after": shift.after and shift.after.label,
    }


def _show(user: User, rows: list[Group]) -> Any:
    """Return a function that shows each of the rows; their parents are read at once."""
    above = Group.objects.visible_to(user).filter(path__in={row.parent_path for row in rows})
    ids = dict(above.values_list("path", "pk"))
    return lambda row: {
        "id": row.pk,
        "name": row.name,
        "parent": ids.get(row.parent_path),
        "leaf": row.is_leaf(),
        "archived": row.archived_at is not None,
    }
