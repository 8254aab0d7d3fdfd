"""Who did something, as far as its reader may know: a tenant is told its own people, none of the maker's staff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Iterable

OUTSIDE = "somebody outside your groups"


def find_known(reader: User, actors: Iterable[int | None]) -> frozenset[int]:
    """Return the primary keys of those of the actors of whom the reader is told."""
    keys = {pk for pk in actors if pk is not None}
    if not keys or reader.owns_organisation:
        return frozenset(keys)
    return frozenset(User.objects.known_to(reader).filter(pk__in=keys).values_list("pk", flat=True))


def name_actor(actor: User | None, known: frozenset[int]) -> str | None:
    """Return who it was in words; None where no person did it."""
    if actor is None:
        return None
    return str(actor) if actor.pk in known else OUTSIDE
