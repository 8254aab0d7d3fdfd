"""The one gate. What is missing and what is not yours raise the same 404."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from tenants.models import Group, Invitation, Membership, Organisation, Role, User

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    Viewer = User | AnonymousUser

    class SignedIn(HttpRequest):
        """Describe what a view behind `login_required` gets."""

        user: User
        htmx: HtmxDetails


M = TypeVar("M", bound=Model)


def get_row(scope: QuerySet[M], **lookup: Any) -> M:
    """Return the one row of an already scoped queryset that the lookup finds; else raise the uniform 404."""
    try:
        return scope.get(**lookup)
    except (ObjectDoesNotExist, ValueError):
        raise Http404 from None


def get_group(user: Viewer, pk: int | str, *, role: Role = Role.VIEWER) -> Group:
    return get_row(Group.objects.visible_to(user, role), pk=pk)


def get_person(user: Viewer, pk: int | str) -> User:
    """Return somebody whom the user manages."""
    return get_row(User.objects.manageable_by(user), pk=pk)


def get_membership(user: Viewer, person: User, pk: int | str) -> Membership:
    """Return a role of that person in a group that the user manages, with the user and the group."""
    scope = Membership.objects.manageable_by(user).filter(user=person)
    return get_row(scope.select_related("user", "group"), pk=pk)


def get_invitation(user: Viewer, pk: int | str) -> Invitation:
    """Return a waiting invitation into a group that the user manages, with the group."""
    return get_row(Invitation.objects.manageable_by(user).waiting().select_related("group"), pk=pk)


def get_organisation(user: Viewer, slug: str) -> Organisation:
    """Return the user's own organisation; to everybody else it does not exist."""
    if not isinstance(user, User):
        raise Http404
    return get_row(Organisation.objects.filter(users=user), slug=slug)


def require_technician(user: Viewer) -> User:
    """Return the user, if there is any group into which they may register; else raise the uniform 404."""
    if isinstance(user, User) and user.organisation_id and user.reach(Role.TECHNICIAN):
        return user
    raise Http404


def require_admin(user: Viewer) -> User:
    """Return the user, if there is any group whose admin they are; else raise the uniform 404."""
    if isinstance(user, User) and user.organisation_id and user.reach(Role.ADMIN):
        return user
    raise Http404


def require_owner(user: Viewer) -> User:
    """Return the user, if they are an admin of their whole organisation; else raise the uniform 404."""
    if isinstance(user, User) and user.organisation_id and user.owns_organisation:
        return user
    raise Http404
