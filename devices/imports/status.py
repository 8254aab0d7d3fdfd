"""What the page of an import shows: how far it is, what comes next, and what can be taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.utils import timezone

from devices.jobs import progress
from devices.models import Import, RecipeVersion
from lib import paging, parsing
from lib.paging import NEWEST_FIRST, Order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devices.models import Problem
    from devices.models.import_job import ImportQuerySet
    from tenants.models import User

State = Import.State
ENDED = {State.DONE, State.CANCELLED, State.FAILED}
SIZE = 50  # rows of a page
BY_ROW = Order((("row", int), ("pk", int)))


def matches(importing: Import, *, asked: bool) -> bool:
    """Whether the page is the one on which columns are matched."""
    if importing.state == State.UPLOADED:
        return True
    uncertain = importing.state == State.FAILED and importing.delivery_id is None and not importing.made
    return asked and importing.file_id is not None and (importing.state == State.CHECKED or uncertain)


def context(importing: Import, user: User, after: str) -> dict[str, object]:
    shown = {"importing": importing, "state": importing.state, **progress.shown(importing)}
    if importing.is_working:
        return shown
    fitting = importing.total - importing.refused
    return shown | {
        "problems": problems(importing, after),
        "fitting": fitting,
        "startable": fitting > 0 and not (importing.all_or_nothing and importing.refused),
        "correctable": matches(importing, asked=True),
        "result": result(importing, user),
    }


def result(importing: Import, user: User) -> str:
    """Of the secrets: "none", "theirs" (another admin's), "taken", "expired" or "ready"."""
    delivery = importing.delivery
    if delivery is None or importing.version.credential_kind != RecipeVersion.CredentialKind.ACCESS_KEY:
        return "none"
    if delivery.taken_at:
        return "taken"
    if delivery.sealed is None or delivery.expires_at <= timezone.now():
        return "expired"
    return "ready" if delivery.by_id == user.pk else "theirs"


class Page(NamedTuple):
    """`previous` and `next` are keys for the query, empty where there is no such page."""

    rows: list[Import] | list[Problem]
    previous: str = ""
    next: str = ""


def page(found: ImportQuerySet, given: Mapping[str, str]) -> Page:
    """Newest first, by key."""
    after, before = ([pk] if (pk := parsing.whole(given.get(name, ""))) else None for name in ("after", "before"))
    shown = paging.page(found, NEWEST_FIRST, SIZE, after=after, before=before)
    return Page(shown.rows, _written(shown.previous), _written(shown.next))


def problems(importing: Import, after: str) -> Page:
    """In the order of the file, by (row, id)."""
    row, _, pk = after.partition("-")
    start = (parsing.whole(row), parsing.whole(pk))
    shown = paging.page(importing.problems.all(), BY_ROW, SIZE, after=start)
    return Page(shown.rows, next=_written(shown.next))


def _written(key: Sequence[int] | None) -> str:
    return "-".join(map(str, key or ()))
