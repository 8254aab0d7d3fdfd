"""The log of groups, people, tokens and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.models import Change, Group, Organisation

if TYPE_CHECKING:
    from tenants.models import User

LONGEST = 300


def record(*, path: str, by: User | None, what: str, **data: object) -> Change:
    """A fact about the group with this path, in the transaction that makes it one; `by` none: the site's operator."""
    organisation = Organisation.objects.only("pk").get(root__path=path[: Group.steplen])
    return Change.objects.create(organisation=organisation, path=path, by=by, what=what[:LONGEST], data=data)
