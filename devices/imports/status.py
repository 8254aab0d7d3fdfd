"""What the page of an import shows: how far it is, what comes next, and what can be taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q
from django.utils import timezone

from devices.jobs import progress
from devices.models import Import, RecipeVersion
from lib import parsing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.models import Problem
    from devices.models.import_job import ImportQuerySet
    from tenants.models import User

State = Import.State
ENDED = {State.DONE, State.CANCELLED, State.FAILED}
SIZE = 50  # rows of a page


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
    if before := parsing.whole(given.get("before", "")):
        rows = list(found.filter(pk__gt=before).order_by("pk")[: SIZE + 1])
        shown = rows[:SIZE][::-1]
        return Page(shown, _key(shown[0]) if len(rows) > SIZE else "", _key(shown[-1])) if shown else Page([])
    after = parsing.whole(given.get("after", ""))
    rows = list((found.filter(pk__lt=after) if after else found).order_by("-pk")[: SIZE + 1])
    shown = rows[:SIZE]
    return Page(shown, _key(shown[0]) if after and shown else "", _key(shown[-1]) if len(rows) > SIZE else "")


def problems(importing: Import, after: str) -> Page:
    """In the order of the file, by (row, id)."""
    row, _, pk = after.partition("-")
    start = (parsing.whole(row), parsing.whole(pk))
    following = Q(row__gt=start[0]) | Q(row=start[0], pk__gt=start[1])
    rows = list(importing.problems.filter(following).order_by("row", "pk")[: SIZE + 1])
    last = rows[SIZE - 1] if len(rows) > SIZE else None
    return Page(rows[:SIZE], next=f"{last.row}-{last.pk}" if last else "")


def _key(importing: Import) -> str:
    return str(importing.pk)
