"""People of the organisation, and what they may do. New ones come by invitation alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from tenants.access import get_membership, get_person, require_admin, require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import Key
from tenants.api.paging import page
from tenants.api.problems import BadQuery
from tenants.api.query import read_query
from tenants.api.schema import describe_list, describe_operation
from tenants.models import Group, Role, User
from tenants.people import listing as people_listing
from tenants.people import operations as people

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import Membership

ROLES = {role.label: role for role in Role}


class MembershipShown(Serializer):
    id = serializers.IntegerField()
    group = serializers.IntegerField()
    name = serializers.CharField(help_text="Of the group.")
    role = serializers.ChoiceField(list(ROLES))


class PersonShown(Serializer):
    id = serializers.IntegerField()
    email = serializers.CharField()
    name = serializers.CharField()
    active = serializers.BooleanField(help_text="Disabled people can't sign in, nor can their tokens.")
    second_factor = serializers.BooleanField()
    memberships = MembershipShown(many=True, help_text="In groups that you manage; there may be others.")


class RoleGiven(Serializer):
    role = serializers.ChoiceField(list(ROLES))


class PersonQuery(Serializer):
    q = serializers.CharField(required=False, max_length=120, help_text="Part of the name or address.")
    group = Key(required=False, help_text="With a role in this group or below it.")


class People(ApiView):
    @describe_list("People", "List people", PersonShown, parameters=[PersonQuery])
    def get(self, request: Request) -> Response:
        """List those with a role in a group that you manage; for an admin of the whole organisation, everybody. The
        oldest account comes first."""
        user, filters = require_admin(self.user), read_query(request, PersonQuery)
        group = None
        if pk := filters.get("group"):
            group = Group.objects.manageable_by(user).filter(pk=pk).first()
            if group is None:
                raise BadQuery({"group": ["There is no such group."]})
        people_found = people_listing.search_people(user, text=filters.get("q", ""), group=group)
        return page(request, people_listing.add_details(user, people_found)).answer(_show)


class OnePerson(ApiView):
    @describe_operation("People", "Read a person", responses=PersonShown)
    def get(self, request: Request, pk: int) -> Response:
        return _answer_person(self.user, get_person(self.user, pk))

    @describe_operation("People", "Remove a person", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Remove somebody from the organisation, with all roles; for its own admins. The account stays theirs."""
        owner = require_owner(self.user)
        people.expel(user=get_person(owner, pk), by=owner)
        return Response(status=204)


class Disable(ApiView):
    @describe_operation("People", "Disable a person", request=None, responses=PersonShown)
    def post(self, request: Request, pk: int) -> Response:
        """Sign them out everywhere and let them in no more; their roles stay. For admins of the whole organisation."""
        return _set_active(self.user, pk, active=False)


class Enable(ApiView):
    @describe_operation("People", "Enable a person", request=None, responses=PersonShown)
    def post(self, request: Request, pk: int) -> Response:
        """Let somebody in again who was disabled. For admins of the whole organisation."""
        return _set_active(self.user, pk, active=True)


class OneMembership(ApiView):
    @describe_operation("People", "Change a role", request=RoleGiven, responses=MembershipShown)
    def patch(self, request: Request, pk: int, membership: int) -> Response:
        """Change a role. Whoever loses a right is signed out everywhere. An organisation keeps one admin at least."""
        row = get_membership(self.user, get_person(self.user, pk), membership)
        role = ROLES[self.read(RoleGiven, shown=_show_membership(row))["role"]]
        if role != row.role:
            people.change_role(membership=row, role=role, by=self.user)
        return Response(_show_membership(row) | {"role": role.label})

    @describe_operation("People", "Remove a role", responses={204: None})
    def delete(self, request: Request, pk: int, membership: int) -> Response:
        """Take a role away. The account stays in the organisation."""
        row = get_membership(self.user, get_person(self.user, pk), membership)
        people.remove(membership=row, by=self.user)
        return Response(status=204)


def _set_active(user: User, pk: int, *, active: bool) -> Response:
    owner = require_owner(user)
    who = get_person(owner, pk)
    if who.is_active != active:
        people.set_active(user=who, active=active, by=owner)
    return _answer_person(owner, who)


def _answer_person(user: User, who: User) -> Response:
    """Answer with somebody whom the gate gave, as they are now."""
    return Response(_show(people_listing.add_details(user, User.objects.manageable_by(user)).get(pk=who.pk)))


def _show(who: Any) -> dict[str, object]:
    return {
        "id": who.pk,
        "email": who.email,
        "name": who.name,
        "active": who.is_active,
        "second_factor": who.second_factor,
        "memberships": [_show_membership(row) for row in who.memberships.all()],
    }


def _show_membership(row: Membership) -> dict[str, object]:
    return {"id": row.pk, "group": row.group_id, "name": row.group.name, "role": Role(row.role).label}
