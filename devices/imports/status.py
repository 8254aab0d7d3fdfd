"""What the page of an import shows: how far it is, what comes next, and what can be taken away."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models.functions import Now
from django.utils import timezone

from devices.credentials import presence_secrets
from devices.imports.change_finder import describe_changes, find_leaving
from devices.imports.columns import FIELDS
from devices.imports.corrections import Corrections, mark_cell
from devices.imports.doubles import describe_doubles, describe_empty_names, describe_unnamed
from devices.imports.outlook import describe_left_out
from devices.imports.problem_groups import find_format
from devices.imports.sheet_choice import tell_unread
from devices.jobs import progress
from devices.lifecycle import endings
from devices.models import BulkAction, Import, RecipeVersion
from devices.models.bulk_action import UNDO_HOURS
from devices.recipes.organisation_format import format_of
from lib import paging
from lib.paging import Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenants.models import User

State = Import.State
ENDED = {State.DONE, State.CANCELLED, State.FAILED}
SIZE = 50  # rows of a page
FIRST = 20  # changes that are shown
BY_ROW = Order((("row", int), ("pk", int)))


def is_matching(importing: Import, *, asked: bool) -> bool:
    """Decide whether the page is the one on which columns are matched."""
    if importing.state == State.UPLOADED:
        return True
    uncertain = importing.state == State.FAILED and importing.delivery_id is None and not importing.made
    return asked and importing.file_id is not None and (importing.state == State.CHECKED or uncertain)


def build_context(importing: Import, user: User, query: Mapping[str, str]) -> dict[str, object]:
    shown = {"importing": importing, "state": importing.state, **progress.build_context(importing)}
    if importing.is_working:
        return shown
    fitting = importing.total - importing.refused
    is_further = bool(query.get("after") or query.get("before"))  # a later page of the problems
    useful = importing.changing if importing.act == Import.Act.CHANGE else fitting
    if importing.act == Import.Act.CHANGE:
        shown |= _describe_changes(importing, user)
    return shown | {
        "problems": paging.find_asked_page(importing.problems.all(), BY_ROW, SIZE, query),
        "fitting": fitting,
        "startable": useful > 0 and not (importing.all_or_nothing and importing.refused),
        "serial_column": _find_serial_column(importing),
        "causes": [_offer_remedy(importing, group) for group in importing.problem_groups or ()],
        "offered_rows": _offer_rows(importing) if importing.state == State.CHECKED and not is_further else [],
        "corrected": Corrections.from_json(importing.corrections).number,
        "correctable": is_matching(importing, asked=True),
        "empty_names": describe_empty_names(importing),
        "unnamed": describe_unnamed(importing),
        "unread": tell_unread(importing),
        "left_out": describe_left_out(importing),
        "doubles": [{**each, "words": FIELDS[str(each["field"])].lower()} for each in describe_doubles(importing)],
        "result": tell_result(importing, user),
        "effects": list_effects(importing),
        "removable": _is_recent(importing) and importing.made > importing.removed,
    }


def list_effects(importing: Import) -> list[str]:
    """Return, in words, what carrying it out does besides, or has done."""
    if importing.act == Import.Act.ADD:
        return _tell_secret(importing)
    if importing.state != State.CHECKED or ("group" not in importing.columns and "person" not in importing.columns):
        return []
    leaving = find_leaving(importing)
    return [*endings.tell_ending(leaving), *endings.tell_ties(leaving)]


def _tell_secret(importing: Import) -> list[str]:
    """Say that what technicians are asked for has yet to be made, where the file has no column for it."""
    wanted = "" if importing.group_id else presence_secrets.find_wanted_secret(importing.version)
    if not wanted or "claim_code" in importing.columns:
        return []
    return [
        f"{wanted}: none of them has one yet, and this recipe asks technicians for it. Make one for each device that "
        "they are to place, on its page under Credentials."
    ]


def _is_recent(importing: Import) -> bool:
    """Decide whether its devices may still be removed, as far as they never lived (devices.lifecycle.removal)."""
    return Import.objects.filter(pk=importing.pk, finished_at__gt=Now() - timedelta(hours=UNDO_HOURS)).exists()


def _describe_changes(importing: Import, user: User) -> dict[str, object]:
    """Return how many devices change by field, and the first of them."""
    first = importing.changes.select_related("device")[:FIRST]
    fields = importing.changed_fields or {}
    return {
        "changes": list(describe_changes(list(first), importing)),
        "counts": [(words, fields[field]) for field, words in FIELDS.items() if field in fields],
        "unchanged": importing.total - importing.refused - importing.changing,
        "action": BulkAction.objects.manageable_by(user).filter(importing=importing).first(),
    }


class Cell(NamedTuple):
    at: int
    title: str
    text: str

    @property
    def mark(self) -> str:
        return mark_cell(self.text)


class OfferedRow(NamedTuple):
    """Hold a row that can be corrected: what is wrong, the cells to correct, and what it is otherwise."""

    number: int
    causes: list[str]
    cells: list[Cell]


def _offer_rows(importing: Import) -> list[OfferedRow]:
    """Return the first rows with problems, with the cells that have them; of a row that is wrong as a whole, all."""
    first = dict(importing.first_problems or ())
    wrong: dict[int, list[tuple[str, str]]] = {}
    for row, column, cause in importing.problems.filter(row__in=first).values_list("row", "column", "cause"):
        wrong.setdefault(row, []).append((column, cause))
    used = {
        title: at for at, (title, field) in enumerate(zip(importing.header, importing.columns, strict=True)) if field
    }
    offered = []
    for row, causes in wrong.items():
        named = {column for column, _ in causes}
        titles = [title for title in used if title in named or not named <= used.keys()]  # as the file has them
        cells = [Cell(used[title], title, (first[row] + [""] * len(importing.header))[used[title]]) for title in titles]
        offered.append(OfferedRow(row, [cause for _, cause in causes], cells))
    return offered


def _offer_remedy(importing: Import, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cause with what would mend all its rows: the serials' format, or another text for one that all have."""
    sample, title = group.get("sample", ""), group["column"]
    told = dict(group) | {"format": "", "instead": -1, "at": -1}
    if importing.state != State.CHECKED or not importing.file_id or title not in importing.header:
        return told
    at = importing.header.index(title)
    if group.get("meant") and importing.columns[at]:
        return told | {"at": at}
    if importing.columns[at] == "serial":
        shape = find_format(sample) if group.get("alike") and importing.act == Import.Act.ADD else None
        if shape and format_of(importing.version).problem(sample) and not shape.problem(sample):
            told["format"] = shape.describe()
    elif group.get("cell") and importing.columns[at]:
        told["instead"] = at
    return told


def _find_serial_column(importing: Import) -> str:
    columns = dict(zip(importing.columns, importing.header, strict=False))
    return str(columns.get("serial", ""))


def tell_result(importing: Import, user: User) -> str:
    """Tell how the secrets stand: "none", "theirs" (another admin's), "taken", "expired" or "ready"."""
    delivery = importing.delivery
    if delivery is None or importing.version.credential_kind != RecipeVersion.CredentialKind.ACCESS_KEY:
        return "none"
    if delivery.taken_at:
        return "taken"
    if delivery.sealed is None or delivery.expires_at <= timezone.now():
        return "expired"
    return "ready" if delivery.by_id == user.pk else "theirs"
