"""What the devices of an import will be, as its check sees it: the first of them, and which columns are left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from devices import tags
from devices.imports.groups import GroupNames
from devices.imports.lost_zeros import LostZerosCounter
from devices.models import Device
from lib.csv_export import read_neutral
from lib.parsing import is_whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from devices.imports.row_parser import ParsedRow, Rules
    from devices.imports.row_source import Batch
    from devices.models import Import

FIRST = 3  # devices that are shown
LONGEST = 300  # characters of what they have
LOOK = 100  # cells of a column that are looked at


class Outlook:
    """Keep the first devices of a check, and what columns hold that are left out."""

    def __init__(self, importing: Import, rules: Rules) -> None:
        self._importing, self._rules = importing, rules
        seen = Device.objects.visible_to(importing.by) if importing.by else Device.objects.none()
        self._zeros = LostZerosCounter(seen.filter(organisation=importing.organisation_id))
        self._first: list[dict[str, object]] = []
        self._left_out: dict[int, list[str]] = {at: [] for at, field in enumerate(importing.columns) if not field}
        self._most = LOOK if "group" not in importing.columns else 1
        self._unfilled = set(self._left_out)  # columns of which no cell is known yet, or too few of this batch

    def look_at(self, batch: Batch) -> None:
        """Note what columns hold that are left out."""
        for _, _, cells in batch if self._unfilled else ():
            if isinstance(cells, list):
                for at in [at for at in self._unfilled if at < len(cells) and cells[at].strip()]:
                    self._left_out[at].append(str(cells[at].strip()))
                    if len(self._left_out[at]) == self._most:
                        self._unfilled.discard(at)
        self._unfilled = {at for at in self._unfilled if not self._left_out[at]}

    def add(self, fitting: Sequence[ParsedRow]) -> None:
        """Note rows that become devices."""
        self._first += [self._describe(parsed) for parsed in fitting[: FIRST - len(self._first)]]
        self._zeros.add([(each.row, each.serial, each.key) for each in fitting if is_whole_number(each.key)])

    def _describe(self, parsed: ParsedRow) -> dict[str, object]:
        told = {"serial": parsed.serial, "name": parsed.name, "group": self._rules.describe_group(parsed.group)}
        told["tags"] = tags.write_cell(json.loads(parsed.tags or "{}"))
        return {"row": parsed.row} | {field: text[:LONGEST] for field, text in told.items()}

    def as_json(self) -> dict[str, Any]:
        """Return what is kept of it: columns by their places."""
        filled = {at: cells for at, cells in self._left_out.items() if cells}
        naming = (
            [] if "group" in self._importing.columns else find_naming(filled, self._importing.organisation.root.path)
        )
        return {
            "lost_zeros": self._zeros.describe(),
            "first": self._first,
            "left_out": [{"at": at, "names_groups": at in naming} for at in filled],
        }


def find_naming(columns: Mapping[int, Sequence[str]], root: str) -> list[int]:
    """Return those of the columns whose cells mostly name groups that hold devices, those with the most first; none of
    the columns is empty."""
    groups = GroupNames(root) if columns else None
    known = {at: _count_known(cells, groups) / len(cells) for at, cells in columns.items() if groups}
    return sorted((at for at, share in known.items() if share > 1 / 2), key=lambda at: -known[at])


def _count_known(cells: Iterable[str], groups: GroupNames) -> int:
    return sum(isinstance(groups.find(read_neutral(cell)), int) for cell in cells)


def describe_left_out(importing: Import) -> list[dict[str, object]]:
    """Return the columns that are left out though they hold values, as the check found."""
    return [
        {"column": importing.header[each["at"]], "names_groups": each["names_groups"]}
        for each in (importing.outlook or {}).get("left_out", ())
        if each["at"] < len(importing.header)
    ]
