"""Whose a device is within its group: docs/decisions/0044.

Whoever loses a right has the person's row changed first, and their devices returned then. So who gives a device to
somebody holds that row, before the group and the device: the two never miss each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, Value

from devices.refusals import PERSON_NOT_ALLOWED, PERSON_NOT_THERE
from lib.refusals import Refusal
from tenants.models import Membership, Organisation, User

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet

    from tenants.models import Group

OFFERED = 100
"""People in a list to choose from; of more, their addresses are typed."""


def list_known(user: User, group: Group | None = None) -> QuerySet[User]:
    """Return the people of the organisation to whom the user could give a device, as far as they know them; of a group,
    those who have a role there."""
    own = {"organisation": user.organisation_id, "organisation__isnull": False, "is_active": True}
    people = User.objects.known_to(user).filter(**own).order_by("name", "email")
    if group is None:
        return people
    above = Membership.objects.annotate(at=Value(group.path)).filter(at__startswith=F("group__path"))
    return people.filter(pk__in=above.values("user"))


def find_person(user: User, email: str) -> User:
    """Return whom the user knows by this address. Raises Refusal."""
    person = list_known(user).filter(email=email.strip().lower()).first()
    if person is None:
        raise Refusal(PERSON_NOT_THERE, field="person")
    return person


def hold_people(keys: Collection[int]) -> None:
    """Keep their rights as they are until the transaction ends: before groups and devices are locked."""
    if keys:
        list(User.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk").values_list("pk"))


def refuse_outsider(person: User, *, organisation: int, path: str) -> None:
    """Raise Refusal unless the person, whose row is held, may have devices of the group with this path."""
    if not Organisation.objects.filter(pk=organisation, personal_devices=True).exists():
        raise Refusal(PERSON_NOT_ALLOWED, field="person")
    if not reaches(find_reach([person.pk], organisation=organisation).get(person.pk, ()), path):
        raise Refusal(PERSON_NOT_THERE, field="person")


def find_reach(people: Collection[int], *, organisation: int) -> dict[int, list[str]]:
    """Return person -> the paths of the groups of which they may be given devices: none for who is disabled or of
    another organisation, and for nobody where that wants no such thing."""
    own = {"organisation": organisation, "organisation__personal_devices": True, "is_active": True}
    return find_paths(User.objects.filter(pk__in=people, **own))


def find_paths(people: Collection[int] | QuerySet[User]) -> dict[int, list[str]]:
    """Return person -> the paths of the groups in which they have a role."""
    found: dict[int, list[str]] = {}
    for person, path in Membership.objects.filter(user__in=people).values_list("user", "group__path"):
        found.setdefault(person, []).append(path)
    return found


def reaches(paths: Collection[str], path: str) -> bool:
    """Decide whether one of a person's groups is the one with this path, or lies above it."""
    return any(path.startswith(top) for top in paths)
