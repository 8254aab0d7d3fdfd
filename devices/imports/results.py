"""What is handed back, as CSV streamed by the batch; no cell begins a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from devices.credentials import operations as credentials
from devices.imports import row_source, spreadsheets
from devices.imports.change_finder import describe_changes
from devices.imports.csv_reader import Bad
from devices.imports.groups import find_groups
from devices.models import Change, Device, Problem
from lib import key_wrapping
from lib.csv_export import format_csv
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from devices.imports.groups import Known
    from devices.models import Import

CHUNK = 2_000
ALONE = ["Serial", "Name", "Group"]  # of imports without a file, or whose file is no longer kept
ROW = "Row in the file"
REMOVED = "Removed since it was made"
GONE = "The credential of this import was replaced or revoked since"


class Made(NamedTuple):
    pk: int
    device_id: str
    serial: str
    name: str
    group: str  # its path; where the device is by now


def write_problems_csv(importing: Import) -> Iterator[str]:
    """Yield row, column and cause of every problem."""
    yield format_csv([["Row", "Column", "Problem"]])
    problems = Problem.objects.filter(importing=importing).order_by("row", "id")
    found = rest = problems.values_list("row", "id", "column", "cause")
    while batch := list(rest[:CHUNK]):
        yield format_csv((row, column, cause) for row, _, column, cause in batch)
        row, pk = batch[-1][:2]
        rest = found.filter(row__gte=row).exclude(row=row, id__lte=pk)


def write_changes_csv(importing: Import) -> Iterator[str]:
    """Yield row, serial, field, what it was and what it becomes, of every change that the check found; with the first
    field of a device what would end for good."""
    yield format_csv([["Row", "Serial", "Field", "Before", "After", "Ends"]])
    rows = Change.objects.filter(importing=importing).select_related("device")
    last = -1
    while batch := list(rows.filter(row__gt=last).order_by("row")[:CHUNK]):
        yield format_csv(
            (change.row, change.device.serial, *line, "" if at else " ".join(ends))
            for change, lines, _, ends in describe_changes(batch, importing)
            for at, line in enumerate(lines)
        )
        last = batch[-1].row


def write_report_csv(importing: Import) -> Iterator[str]:
    """Yield the file's columns with group, row number, device ID and error added; without secrets, as often as it is
    wanted."""
    return _write_lines(importing, ["Device ID", "Error"], lambda batch: {})


def write_result_csv(importing: Import, key: bytes) -> Iterator[str]:
    """Yield the file's columns with group, row number, device ID, access key, access secret and error added; `key` is
    what `deliveries.take_key` gave for `importing.delivery`."""

    return _write_lines(
        importing, ["Device ID", "Access key", "Access secret", "Error"], lambda made: _make_secrets(key, made)
    )


def _make_secrets(key: bytes, made: dict[int, Made]) -> dict[int, list[str]]:
    """Return access key, secret and error by row; the secret only while the credential is still the one that was made
    here."""
    secrets = key_wrapping.Deriver(key)
    accesses = {device.pk: secrets.derive_access(row) for row, device in made.items()}
    stand = credentials.check_current_credentials(accesses)
    standing = {row: accesses[device.pk] for row, device in made.items() if device.pk in stand}
    return {
        row: [access.key, access.secret, ""] if stand[made[row].pk] else ["", "", GONE]
        for row, access in standing.items()
    }


def _write_lines(
    importing: Import, extra: list[str], columns: Callable[[dict[int, Made]], dict[int, list[str]]]
) -> Iterator[str]:
    try:
        yield from _write_rows(importing, extra, columns)
    except Refusal as refusal:
        yield format_csv([[str(refusal)]])


def _write_rows(
    importing: Import, extra: list[str], columns: Callable[[dict[int, Made]], dict[int, list[str]]]
) -> Iterator[str]:
    whole = importing.file is not None
    serial_at = importing.columns.index("serial") if "serial" in importing.columns else None
    own = list(importing.header) if whole else ALONE
    added = (["Serial"] if serial_at is None else []) + ["Placed in"] if whole else []
    numbered = bool(importing.columns)  # of a file, whether or not it is still kept
    added += [ROW] if numbered else []
    yield format_csv([[*own, *added, *extra]])
    rows = row_source.read_rows(importing) if whole else ((row, row, []) for row in _read_row_numbers(importing))
    empty = [""] * (len(extra) - 2)
    gone = REMOVED if importing.removed else ""
    groups = find_groups(importing.organisation.root.path)
    for batch in row_source.batch_rows(rows):
        made = _find_made(importing, batch[0][0], batch[-1][0], groups)
        causes = _find_causes(importing, batch[0][0], batch[-1][0])
        secrets = columns(made)
        page = []
        for row, count, cells in batch:
            device, error = made.get(row), causes.get(row, "")
            error = error or (gone if device is None and count <= importing.done else "")
            own_cells = _fill_cells(cells, len(own), serial_at, device) if whole else _describe_made(device)
            if whole and serial_at is None:
                own_cells.append(device.serial if device else "")
            if whole:
                own_cells.append(device.group if device else "")
            if numbered:
                own_cells.append(str(row))
            between = secrets.get(row, [*empty, ""])
            page.append([*own_cells, device.device_id if device else "", *between[:-1], error or between[-1]])
        yield format_csv(page)


def _fill_cells(cells: Sequence[str] | Bad, width: int, serial_at: int | None, made: Made | None) -> list[str]:
    own_cells = [] if isinstance(cells, Bad) else [_read_formula(cell) for cell in cells[:width]]
    own_cells += [""] * (width - len(own_cells))
    if made and serial_at is not None and not own_cells[serial_at].strip():
        own_cells[serial_at] = made.serial
    return own_cells


def _read_formula(cell: str) -> str:
    """Return what a cell says that marks its digits as text: with an apostrophe it would be another name."""
    return spreadsheets.read_formula(cell.strip()) if cell.lstrip().startswith('="') else cell


def _describe_made(made: Made | None) -> list[str]:
    return [made.serial, made.name, made.group] if made else ["", "", ""]


def _read_row_numbers(importing: Import) -> Iterator[int]:
    rows = Device.objects.filter(source=importing).order_by("row").values_list("row", flat=True)
    last = -1
    while batch := [row for row in rows.filter(row__gt=last)[:CHUNK] if row is not None]:
        yield from batch
        last = batch[-1]


def _find_made(importing: Import, first: int, last: int, groups: Mapping[int, Known]) -> dict[int, Made]:
    words = {pk: group.words for pk, group in groups.items()}
    fields = "row", "pk", "device_id", "serial", "name", "group_id"
    found = Device.objects.filter(source=importing, row__range=(first, last)).values_list(*fields)
    return {
        row: Made(pk, device_id, serial, name, words.get(group or 0, ""))
        for row, pk, device_id, serial, name, group in found
    }


def _find_causes(importing: Import, first: int, last: int) -> dict[int, str]:
    causes: dict[int, str] = {}
    found = Problem.objects.filter(importing=importing, row__range=(first, last)).order_by("row", "id")
    for row, column, cause in found.values_list("row", "column", "cause"):
        line = f"{column}: {cause}" if column else cause
        causes[row] = f"{causes[row]} {line}" if row in causes else line
    return causes
