"""Whose a device shall be within its group, as a row says by an e-mail address: docs/decisions/0044."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from devices.imports import row_source
from devices.imports.cells import quote_cell
from devices.imports.certificates import Cause
from devices.lifecycle import persons
from lib.csv_export import read_neutral
from tenants.models import Group, Organisation

if TYPE_CHECKING:
    from devices.models import Import

NOT_ALLOWED = (
    "In this organisation a device belongs to a whole group, not to one person. Leave the column out, or allow it in "
    "the organisation's settings."
)
NO_GROUP = "What is one person's is in a group, too: name the group."
NOT_THERE = "Nobody with this e-mail address has a role in the group, as far as you see. Check both, or invite them."


class Known(NamedTuple):
    """Hold somebody, and the paths of the groups in which they have a role."""

    pk: int
    paths: list[str]


class People:
    """Find people as far as whoever asked for the import knows them; what was found once is believed."""

    def __init__(self, importing: Import) -> None:
        self._by, self._organisation = importing.by, importing.organisation_id
        self._find = lru_cache(4096)(self._find_known)
        self._find_path = lru_cache(4096)(_find_path)
        rows = Organisation.objects.filter(pk=importing.organisation_id, personal_devices=True)
        self._are_allowed = rows.exists()

    def read(self, text: str, group: int | None) -> int:
        """Return whose a device of this group would be. Raises Cause."""
        if not self._are_allowed:
            raise Cause(f"{quote_cell(text)}{NOT_ALLOWED}")
        if group is None:
            raise Cause(f"{quote_cell(text)}{NO_GROUP}")
        found = self._find(text.strip().lower())
        if found is None or not persons.reaches(found.paths, self._find_path(group)):
            raise Cause(f"{quote_cell(text)}{NOT_THERE}")
        return found.pk

    def _find_known(self, email: str) -> Known | None:
        known = persons.list_known(self._by).filter(email=email) if self._by else None
        person = known and known.first()
        return Known(person.pk, persons.find_paths([person.pk]).get(person.pk, [])) if person else None


def _find_path(group: int) -> str:
    return Group.objects.filter(pk=group).values_list("path", flat=True).first() or "-"


def find_people(importing: Import) -> set[int]:
    """Return whom the file names that whoever asked for the import knows: they are held before groups and devices."""
    at, emails = importing.columns.index("person"), set[str]()
    for _, _, cells in row_source.read_rows(importing):
        if isinstance(cells, list) and at < len(cells) and (text := cells[at].strip()):
            emails.add(read_neutral(text).lower())
    if importing.by is None or not emails:
        return set()
    return set(persons.list_known(importing.by).filter(email__in=emails).values_list("pk", flat=True))
