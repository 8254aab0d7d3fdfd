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
    from tenants.models import UserQuerySet

SIZE = 50
BY_ADDRESS = Order((("email", str),))


class Page(NamedTuple):
    people: list[User]
    following: str  # the key of the next page, empty if there is none


def page(user: User, *, text: str = "", group: Group | None = None, after: str = "") -> Page:
    """People in the order of their addresses, by name or address, of a subtree; `after` is the last address shown."""
    found = detailed(user, search(user, text=text, group=group))
    shown = paging.page(found, BY_ADDRESS, SIZE, after=[after] if after else None)
    return Page(shown.rows, shown.next[0] if shown.next else "")


def search(user: User, *, text: str = "", group: Group | None = None) -> UserQuerySet:
    found = User.objects.manageable_by(user)
    if text:
        found = found.filter(Q(name__icontains=text) | Q(email__icontains=text))
    if group:
        inside = Membership.objects.manageable_by(user).filter(group__path__startswith=group.path)
        found = found.filter(pk__in=inside.values("user"))
    return found


def detailed(user: User, people: UserQuerySet) -> UserQuerySet:
    """With `second_factor`, and of their memberships those of which the user manages the group."""
    roles = Membership.objects.manageable_by(user).select_related("group").order_by("group__path")
    factor = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
    annotated: UserQuerySet = people.annotate(second_factor=Exists(factor))
    return annotated.prefetch_related(Prefetch("memberships", roles))


class Members(NamedTuple):
    """Who reaches a group: by a role in it, by one above it, and how many by one further up than the user manages."""

    own: list[Membership]
    more: bool
    inherited: list[Membership]
    hidden: int


def members(user: User, group: Group) -> Members:
    rows = Membership.objects.select_related("user", "group").order_by("-role", "user__email")
    own = list(rows.filter(group=group)[: SIZE + 1])
    above = rows.filter(group__path__in=ancestry(group.parent_path), user__is_active=True)
    inherited = above.manageable_by(user)
    hidden = above.exclude(pk__in=inherited.values("pk")).order_by().values("user").distinct().count()
    return Members(own[:SIZE], len(own) > SIZE, list(inherited[:SIZE]), hidden)


def known(user: User, *groups: Group) -> set[int]:
    """Ids of the people above these groups whom the user may know by name."""
    paths = {path for group in groups for path in ancestry(group.path)}
    held = Membership.objects.manageable_by(user).filter(group__path__in=paths)
    return set(held.values_list("user", flat=True))
