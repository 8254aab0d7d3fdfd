"""Lists of people, as an admin sees them: only the roles in groups that the admin manages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, Prefetch, Q

from lib import paging
from lib.paging import Order
from tenants.models import Group, Membership, User
from tenants.tree import ancestry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.paging import Page
    from tenants.models import UserQuerySet

SIZE = 50
BY_ADDRESS = Order((("email", str),))


def page_people(user: User, query: Mapping[str, str], *, text: str = "", group: Group | None = None) -> Page:
    """Return the page of people that the query asks for, by address, found by name or address or subtree."""
    people = add_details(user, search_people(user, text=text, group=group))
    return paging.find_asked_page(people, BY_ADDRESS, SIZE, query)


def search_people(user: User, *, text: str = "", group: Group | None = None) -> UserQuerySet:
    people = User.objects.manageable_by(user)
    if text:
        people = people.filter(Q(name__icontains=text) | Q(email__icontains=text))
    if group:
        inside = Membership.objects.manageable_by(user).filter(group__path__startswith=group.path)
        people = people.filter(pk__in=inside.values("user"))
    return people


def add_details(user: User, people: UserQuerySet) -> UserQuerySet:
    """Add `second_factor`, and of their memberships those of which the user manages the group."""
    roles = Membership.objects.manageable_by(user).select_related("group").order_by("group__path")
    factor = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
    annotated: UserQuerySet = people.annotate(second_factor=Exists(factor))
    return annotated.prefetch_related(Prefetch("memberships", roles))


class Members(NamedTuple):
    """Hold who reaches a group: by a role in it, by one above, and how many by one above what the user manages."""

    own: list[Membership]
    more: bool
    inherited: list[Membership]
    hidden: int


def list_members(user: User, group: Group) -> Members:
    rows = Membership.objects.select_related("user", "group").order_by("-role", "user__email")
    own = list(rows.filter(group=group)[: SIZE + 1])
    above = rows.filter(group__path__in=ancestry(group.parent_path), user__is_active=True)
    inherited = above.manageable_by(user)
    hidden = above.exclude(pk__in=inherited.values("pk")).order_by().values("user").distinct().count()
    return Members(own[:SIZE], len(own) > SIZE, list(inherited[:SIZE]), hidden)


def find_known_ids(user: User, *groups: Group) -> set[int]:
    """Return the ids of the people above these groups whom the user may know by name."""
    paths = {path for group in groups for path in ancestry(group.path)}
    memberships = Membership.objects.manageable_by(user).filter(group__path__in=paths)
    return set(memberships.values_list("user", flat=True))
